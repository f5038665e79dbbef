//! Where a number leads and what kind it is, as far as its digits tell.
//!
//! The tables are libphonenumber's, reduced by `tools/numbering` to prefixes. Nothing here judges
//! whether a number exists: what the source does not know is an ordinary number of its country.

mod numbering;
mod policy;
mod region;

use super::E164;
use super::prefix_table::PrefixTable;

pub use policy::{Allowed, InvalidPrefix, Objection, Prefix, WhyBlocked, judge};
pub use region::Region;

const REGIONS: PrefixTable<u8> =
    PrefixTable { prefixes: &numbering::REGION_PREFIXES, values: &numbering::REGION_INDEX };
const KINDS: PrefixTable<u16> =
    PrefixTable { prefixes: &numbering::KIND_PREFIXES, values: &numbering::KINDS };

/// What a number's digits tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Destination {
    /// Whose numbering plan it belongs to. None: a code of no country, or one nobody knows.
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
    /// Nobody can talk there, and many cost more than a call.
    Pager,
    /// Satellites and networks of no country: +870 to +874, +881, +882, +883, as a whole.
    Satellite,
    /// Begins with an emergency or service number behind the country code, where no subscriber's
    /// number begins so: `+1911...`, `+1411...`, `+44999...`.
    Emergency,
    /// `+1500555xxxx`: Twilio answers these itself.
    TwilioTest,
}

impl Destination {
    /// Reads it off the digits.
    #[must_use]
    pub fn of(number: &E164) -> Self {
        let digits = number.digits();
        Self { region: REGIONS.longest(digits).and_then(Region::at), kind: Kind::of(digits) }
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
    let Some(packed) = KINDS.longest(digits) else { return Kind::Ordinary };
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
