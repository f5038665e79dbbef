//! Whom we ring, and when.

use crate::call::{Allowed, E164, Prefix, QuietHours};
use crate::twilio::Account;

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
    /// Whether Twilio's test numbers are dialled: at a simulator, and with Twilio's test credentials
    /// (`TWILIO_TEST_CREDENTIALS`).
    pub test_numbers: bool,
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

pub(super) fn destinations(env: &mut Env<'_>, twilio: Option<&Account>) -> Destinations {
    let at_twilios = twilio.is_none_or(|account| account.api_url.is_twilios());
    Destinations {
        allowed_prefixes: env.list("CALL_ALLOWED_PREFIXES", |text| {
            Prefix::parse(text).map_err(|_| PREFIXES.to_owned())
        }),
        blocklist: env.list("CALL_BLOCKLIST", |text| {
            E164::parse(text).map_err(|wrong| {
                format!("must be numbers such as +12125550100, separated by commas: {wrong}")
            })
        }),
        quiet_hours: env.optional("CALL_QUIET_HOURS", |text| {
            QuietHours::parse(text.trim())
                .map_err(|_| "must be hours such as 21:00-08:00".to_owned())
        }),
        test_numbers: env.flag("TWILIO_TEST_CREDENTIALS", false) || !at_twilios,
    }
}

const PREFIXES: &str = "must be prefixes such as +1,+44, separated by commas, without digits that \
    are dialled only inside a country";
