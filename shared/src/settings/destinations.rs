//! Whom we ring, and when.

use crate::call::{Allowed, E164, Prefix, QuietHours};

use super::env::Env;

/// Which numbers are dialled (`interface.md` section 2).
#[derive(Clone, Debug)]
pub struct Destinations {
    /// `CALL_ALLOWED_PREFIXES`; empty: the region of our own number.
    pub allowed_prefixes: Vec<Prefix>,
    /// `CALL_BLOCKLIST`: never rung.
    pub blocklist: Vec<E164>,
    /// `CALL_QUIET_HOURS`, on the callee's own clock.
    pub quiet_hours: Option<QuietHours>,
}

impl Destinations {
    /// What may be called from our own number.
    #[must_use]
    pub fn allowed(&self, own: &E164) -> Allowed {
        if self.allowed_prefixes.is_empty() {
            Allowed::default_for(own)
        } else {
            Allowed::Prefixes(self.allowed_prefixes.clone())
        }
    }
}

pub(super) fn destinations(env: &mut Env<'_>) -> Destinations {
    Destinations {
        allowed_prefixes: env.list("CALL_ALLOWED_PREFIXES", |text| {
            Prefix::parse(text)
                .map_err(|_| "must be prefixes such as +1,+44, separated by commas".to_owned())
        }),
        blocklist: env.list("CALL_BLOCKLIST", |text| {
            E164::parse(text)
                .map_err(|_| "must be numbers such as +12125550100, separated by commas".to_owned())
        }),
        quiet_hours: env.optional("CALL_QUIET_HOURS", |text| {
            QuietHours::parse(text.trim())
                .map_err(|_| "must be hours such as 21:00-08:00".to_owned())
        }),
    }
}
