//! The conversations that ElevenLabs knows.

use super::record::Record;
use crate::fakes::lock;
use rand::{Rng as _, SeedableRng as _, distr::Alphanumeric, rngs::StdRng};
use serde_json::{Map, Value};
use std::{collections::VecDeque, sync::Mutex};

/// How many conversations are remembered: `cargo dev` may run for days.
const KEPT: usize = 500;

/// Registered conversations, oldest first. Each can be used once.
pub(crate) struct Conversations {
    records: Mutex<VecDeque<Record>>,
    chance: Mutex<StdRng>,
}

impl Conversations {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            records: Mutex::default(),
            chance: Mutex::new(StdRng::seed_from_u64(seed.wrapping_mul(0xD6E8_FEB8_6659_FD93))),
        }
    }

    /// Makes a conversation of a request to register one, and forgets the oldest if there are too
    /// many.
    pub(super) fn register(&self, request: Map<String, Value>) -> String {
        let id = self.id();
        let mut records = lock(&self.records);
        if records.len() == KEPT {
            records.pop_front();
        }
        records.push_back(Record::new(id.clone(), request));
        id
    }

    /// A new name of a conversation: `conv_` and 28 characters.
    pub(super) fn id(&self) -> String {
        format!("conv_{}", self.letters(28))
    }

    /// A new signature of a signed URL: `cvtkn_` and 26 characters.
    pub(super) fn signature(&self) -> String {
        format!("cvtkn_{}", self.letters(26))
    }

    /// Works on a conversation, if it is known.
    pub(super) fn with<T>(&self, id: &str, work: impl FnOnce(&mut Record) -> T) -> Option<T> {
        lock(&self.records).iter_mut().find(|record| record.id() == id).map(work)
    }

    fn letters(&self, count: usize) -> String {
        let mut chance = lock(&self.chance);
        (0..count).map(|_| char::from(chance.sample(Alphanumeric)).to_ascii_lowercase()).collect()
    }
}
