//! Where a number leads and what kind it is, as far as its digits tell.
//!
//! The tables are libphonenumber's, reduced by `tools/numbering` to prefixes. Nothing here judges
//! whether a number exists: what the source does not know is an ordinary number of its country.

mod policy;

use std::fmt;

use super::E164;
use super::prefix_table::PrefixTable;

pub use policy::{Allowed, Denial, InvalidPrefix, Prefix, WhyBlocked, check_destination};

include!("../../generated/numbering.rs");

const REGION_TABLE: PrefixTable<u8> =
    PrefixTable { prefixes: &REGION_PREFIXES, values: &REGION_INDEX };
const KIND_TABLE: PrefixTable<u16> = PrefixTable { prefixes: &KIND_PREFIXES, values: &KINDS };

/// What a number's digits tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Destination {
    /// Whose numbering plan it belongs to. None: a code of no country, or one that is not in the source.
    ///
    /// An area code of +1 that is not in the source counts as the United States'; a number that
    /// several regions share (toll-free in +1, mobile in +44 or +590) as the first of them.
    pub region: Option<Region>,
    /// What calling it means.
    pub kind: Kind,
}

/// What calling a number means, mostly for the bill.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A subscriber, or nothing the source knows: fixed, mobile, VoIP, company-wide, voicemail.
    Ordinary,
    /// The callee earns by it: libphonenumber's premium rate, +979, exchange 976 in +1.
    Premium,
    /// The caller pays more than for a call: libphonenumber's shared cost, +808, +1 600 and +1 700.
    SharedCost,
    /// The callee pays. The region is often shared.
    TollFree,
    /// Follows a person anywhere, at the caller's cost: +44 70, +1 500, +878.
    Personal,
    /// No person can talk there, and many cost more than a call.
    Pager,
    /// Satellites and networks of no country: +870 to +874, +881, +882, +883, as a whole.
    Satellite,
    /// Begins with an emergency or service number behind the country code, where no subscriber's
    /// number begins so: `+1911...`, `+1411...`, `+44999...`.
    Emergency,
    /// `+1500555xxxx`: Twilio answers these itself.
    TwilioTest,
}

/// A region with a numbering plan: an ISO 3166 alpha-2 code, or `AC`, `TA` and `XK` as libphonenumber
/// has them.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Region([u8; 2]);

impl Region {
    /// The United States.
    pub const US: Self = Self(*b"US");
    /// Canada.
    pub const CA: Self = Self(*b"CA");

    /// Two capital letters.
    #[must_use]
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    fn at(index: u8) -> Option<Self> {
        REGIONS.get(usize::from(index)).copied().map(Self)
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Destination {
    /// Reads it off the digits.
    #[must_use]
    pub fn of(number: &E164) -> Self {
        let digits = number.digits();
        Self { region: REGION_TABLE.longest(digits).and_then(Region::at), kind: Kind::of(digits) }
    }
}

impl Kind {
    fn of(digits: &str) -> Self {
        if is_twilio_test(digits) {
            return Self::TwilioTest;
        }
        match listed(digits) {
            // Charged for like 900 by local custom, in any area code; libphonenumber has it nowhere.
            Self::Ordinary if is_exchange_976(digits) => Self::Premium,
            kind => kind,
        }
    }
}

/// What the table of kinds says of the longest prefix (`lengths_mask` in tools/numbering/kinds.py).
fn listed(digits: &str) -> Kind {
    let Some(packed) = KIND_TABLE.longest(digits) else { return Kind::Ordinary };
    let (code, lengths) = (packed & 15, packed >> 4);
    // Some prefixes mean it for certain lengths only: bit n stands for n + 4 digits.
    let is_meant =
        lengths == 0 || digits.len().checked_sub(4).is_some_and(|bit| lengths >> bit & 1 == 1);
    match code {
        _ if !is_meant => Kind::Ordinary,
        1 => Kind::Premium,
        2 => Kind::SharedCost,
        3 => Kind::TollFree,
        4 => Kind::Personal,
        5 => Kind::Pager,
        6 => Kind::Satellite,
        7 => Kind::Emergency,
        _ => Kind::Ordinary,
    }
}

fn is_twilio_test(digits: &str) -> bool {
    digits.len() == 11 && digits.starts_with("1500555")
}

fn is_exchange_976(digits: &str) -> bool {
    digits.len() == 11 && digits.starts_with('1') && digits.get(4..7) == Some("976")
}

#[cfg(test)]
mod tests;
