//! Whom we ring, and when: judged from the number alone, before anything is written.

use http::{HeaderValue, header};

use crate::call::{Denial, E164, Quiet, Timestamp, WhyBlocked, check_destination};
use crate::endpoint::refusal::{Reason, Refusal};
use crate::settings::Destinations;

/// Asked again after so many seconds where nobody can say when it will be day.
const SOME_TIME: i64 = 60 * 60;

/// Refuses a number that we do not ring, or not now.
pub(super) fn permit_destination(
    policy: &Destinations,
    own: &E164,
    to: &E164,
    now: Timestamp,
) -> Result<(), Refusal> {
    check_destination(to, own, &policy.allowed(own), &policy.blocklist, policy.test_numbers)
        .map_err(refusal)?;
    let quiet = policy.quiet_hours.as_ref().and_then(|hours| hours.quiet(to, now));
    quiet.map_or(Ok(()), |quiet| Err(too_late(quiet, now)))
}

fn refusal(denial: Denial) -> Refusal {
    match denial {
        Denial::Region => Refusal::new(
            Reason::DestinationNotAllowed,
            "Set CALL_ALLOWED_PREFIXES to call other countries, and allow them at Twilio too.",
        ),
        Denial::Premium => Refusal::new(Reason::DestinationPremium, "Call another number."),
        Denial::Blocked(WhyBlocked::Blocklist) => Refusal::new(
            Reason::DestinationBlocked,
            "The number is in CALL_BLOCKLIST: it is never called.",
        ),
        Denial::Blocked(why) => Refusal::new(
            Reason::DestinationBlocked,
            match why {
                WhyBlocked::Emergency => "Emergency and service numbers are never called.",
                WhyBlocked::Satellite => "Satellite networks are never called.",
                WhyBlocked::TwilioTest => {
                    "Twilio's test numbers reach no phone: set TWILIO_TEST_CREDENTIALS=true to \
                     dial them with Twilio's test credentials."
                }
                WhyBlocked::SharedCost | WhyBlocked::Blocklist => {
                    "Numbers that cost more than a call are never called."
                }
            },
        ),
        Denial::SelfCall => Refusal::new(Reason::DestinationSelf, "Call another number."),
    }
}

fn too_late(quiet: Quiet, now: Timestamp) -> Refusal {
    let (seconds, message) = match quiet {
        Quiet::Until(end) => {
            let seconds =
                end.as_millis().saturating_sub(now.as_millis()).saturating_add(999) / 1000;
            (seconds, format!("Call after {}.", end.rfc3339()))
        }
        Quiet::Always => (SOME_TIME, "CALL_QUIET_HOURS leave no hour to call there.".to_owned()),
    };
    Refusal::new(Reason::QuietHours, message)
        .with_header(header::RETRY_AFTER, HeaderValue::from(seconds.max(1)))
}
