//! Which numbers may be rung: the owner's settings against what the digits tell.

use super::{Destination, E164, Kind, Region};
use crate::call::phone::begins_no_number;

/// Which destinations the owner allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Allowed {
    /// Numbers of these regions.
    Regions(Vec<Region>),
    /// Numbers that begin with one of these (`CALL_ALLOWED_PREFIXES`), wherever that leads: `+1`
    /// admits the Caribbean too, and `+870` alone no satellite, because a list of prefixes lifts the
    /// bound on regions and nothing else.
    Prefixes(Vec<Prefix>),
}

impl Allowed {
    /// The region of our own number; for one of the United States or Canada, both. If it belongs to
    /// no region (+883 for one), nothing: the owner has to say what is allowed.
    #[must_use]
    pub fn default_for(own: &E164) -> Self {
        let north = [Region::US, Region::CA];
        Self::Regions(match Destination::of(own).region {
            Some(region) if north.contains(&region) => north.to_vec(),
            region => region.into_iter().collect(),
        })
    }

    fn admits(&self, to: &E164) -> bool {
        match self {
            Self::Regions(regions) => {
                Destination::of(to).region.is_some_and(|region| regions.contains(&region))
            }
            Self::Prefixes(prefixes) => {
                prefixes.iter().any(|prefix| to.digits().starts_with(&prefix.0))
            }
        }
    }
}

/// The beginning of phone numbers: `+`, a first digit 1 to 9, up to 15 digits in all, and not `+440`
/// or its like, with which no number begins.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefix(String);

/// Why a string is no prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidPrefix;

impl Prefix {
    /// Parses the exact form.
    pub fn parse(text: &str) -> Result<Self, InvalidPrefix> {
        let digits = text.strip_prefix('+').ok_or(InvalidPrefix)?;
        let well_formed = (1..=15).contains(&digits.len())
            && digits.bytes().all(|b| b.is_ascii_digit())
            && !digits.starts_with('0')
            && !begins_no_number(digits);
        if well_formed { Ok(Self(digits.to_owned())) } else { Err(InvalidPrefix) }
    }
}

/// Why a number is not rung.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Denial {
    /// `destination_not_allowed`: not where the owner allows calls to.
    Region,
    /// `destination_premium`.
    Premium,
    /// `destination_blocked`.
    Blocked(WhyBlocked),
    /// `destination_self`: our own number, which would call itself for ever.
    SelfCall,
}

/// Why a destination is blocked whatever is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WhyBlocked {
    /// `CALL_BLOCKLIST`.
    Blocklist,
    /// An emergency or service number behind a country code.
    Emergency,
    /// A satellite, or a network of no country.
    Satellite,
    /// The caller pays more than for a call: shared cost, personal numbers, pagers.
    SharedCost,
    /// Twilio's test numbers, which reach no phone, where neither a simulator nor Twilio's test
    /// credentials would answer for them.
    TwilioTest,
}

/// Whether `to` may be rung from `own`.
///
/// For Twilio's test numbers only `test_numbers` counts. Otherwise the first denial does. The region
/// comes last, because a setting changes it: the owner is never told to allow a region whose number
/// would be refused even then.
pub fn check_destination(
    to: &E164,
    own: &E164,
    allowed: &Allowed,
    blocklist: &[E164],
    test_numbers: bool,
) -> Result<(), Denial> {
    let kind = Destination::of(to).kind;
    if kind == Kind::TwilioTest {
        let blocked = Denial::Blocked(WhyBlocked::TwilioTest);
        return if test_numbers { Ok(()) } else { Err(blocked) };
    }
    let phone = to.phone();
    if phone == own.phone() {
        return Err(Denial::SelfCall);
    }
    if blocklist.iter().any(|blocked| phone == blocked.phone()) {
        return Err(Denial::Blocked(WhyBlocked::Blocklist));
    }
    match kind {
        Kind::Premium => return Err(Denial::Premium),
        Kind::Satellite => return Err(Denial::Blocked(WhyBlocked::Satellite)),
        Kind::Emergency => return Err(Denial::Blocked(WhyBlocked::Emergency)),
        Kind::SharedCost | Kind::Personal | Kind::Pager => {
            return Err(Denial::Blocked(WhyBlocked::SharedCost));
        }
        Kind::Ordinary | Kind::TollFree | Kind::TwilioTest => {}
    }
    if allowed.admits(to) { Ok(()) } else { Err(Denial::Region) }
}

#[cfg(test)]
mod tests;
