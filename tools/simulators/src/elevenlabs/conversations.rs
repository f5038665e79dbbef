//! The conversations that wait for their call.

use crate::simulators::lock;
use rand::{Rng as _, SeedableRng as _, distr::Alphanumeric, rngs::StdRng};
use std::{collections::HashSet, sync::Mutex};

/// Registered conversations. Each can be used once.
pub(crate) struct Conversations {
    waiting: Mutex<HashSet<String>>,
    chance: Mutex<StdRng>,
}

impl Conversations {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            waiting: Mutex::default(),
            chance: Mutex::new(StdRng::seed_from_u64(seed.wrapping_mul(0xD6E8_FEB8_6659_FD93))),
        }
    }

    /// A new conversation: `conv_` and 28 characters.
    pub(crate) fn register(&self) -> String {
        let id = format!("conv_{}", self.letters(28));
        lock(&self.waiting).insert(id.clone());
        id
    }

    /// A new signature of a signed URL: `cvtkn_` and 26 characters.
    pub(crate) fn signature(&self) -> String {
        format!("cvtkn_{}", self.letters(26))
    }

    /// True once for every registered conversation.
    pub(crate) fn begin(&self, id: &str) -> bool {
        lock(&self.waiting).remove(id)
    }

    fn letters(&self, count: usize) -> String {
        let mut chance = lock(&self.chance);
        (0..count).map(|_| char::from(chance.sample(Alphanumeric)).to_ascii_lowercase()).collect()
    }
}
