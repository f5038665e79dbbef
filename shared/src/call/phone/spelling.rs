//! Which digits behind a country code spell another number: the 0 in `+440...`, and its like.
//!
//! One phone has one number in international form. The table is libphonenumber's way of parsing,
//! reduced by `tools/numbering/spellings.py`: it says what to leave out, never whether the rest exists.

use crate::call::prefix_table::PrefixTable;

include!("../../../generated/spellings.rs");

const TABLE: PrefixTable<u16> = PrefixTable { prefixes: &SPELLING_PREFIXES, values: &SPELLINGS };

/// How a spelling becomes the number, behind the country code: `insert` is written first, `drop`
/// digits are left out, and `cut` more digits `after` the next ones.
struct Edit {
    insert: &'static str,
    drop: usize,
    after: usize,
    cut: usize,
}

impl Edit {
    const fn new(insert: &'static str, drop: usize, after: usize, cut: usize) -> Self {
        Self { insert, drop, after, cut }
    }
}

/// A spelling of a number, taken apart where it has to change.
struct Parts<'a> {
    code: &'a str,
    insert: &'static str,
    dropped: &'a str,
    kept: &'a str,
    cut: &'a str,
    rest: &'a str,
}

impl<'a> Parts<'a> {
    /// None for a number as it should be written; `digits` are ASCII digits without `+`.
    fn of(digits: &'a str) -> Option<Self> {
        let (edit, code) = entry(digits, digits.len())?;
        let (code, rest) = digits.split_at_checked(code)?;
        let (dropped, rest) = rest.split_at_checked(edit.drop)?;
        let (kept, rest) = rest.split_at_checked(edit.after)?;
        let (cut, rest) = rest.split_at_checked(edit.cut)?;
        Some(Self { code, insert: edit.insert, dropped, kept, cut, rest })
    }
}

/// What to change about a number of `length` digits that begins so, and how long its country code is.
/// A value holds the index of the edit (4 bits), the lengths for which it is meant (8 bits, the lowest
/// for 8 digits) and the length of the country code.
fn entry(digits: &str, length: usize) -> Option<(&'static Edit, usize)> {
    let bit = length.checked_sub(8).filter(|bit| *bit < 8)?;
    let packed = TABLE.longest_of(digits, |packed| packed >> (4 + bit) & 1 == 1)?;
    let edit = EDITS.get(usize::from(packed & 15))?;
    Some((edit, usize::from(packed >> 12)))
}

/// What to change about a spelling of another number, or None where it is the number.
pub(super) fn advice(digits: &str) -> Option<String> {
    let Some(Parts { code, insert, dropped, cut, .. }) = Parts::of(digits) else {
        return has_surplus(digits).then(|| "write ten digits behind +1".to_owned());
    };
    Some(match (insert, dropped, cut) {
        ("", dropped, _) => format!("leave out the {dropped} behind +{code}"),
        (insert, _, "") => format!("write {insert} behind +{code}"),
        (insert, _, cut) => {
            format!("write {insert} behind +{code} and leave out the {cut} behind the area code")
        }
    })
}

/// Exchanges ignore what is dialled behind a whole number, so surplus digits name no other phone.
fn has_surplus(digits: &str) -> bool {
    digits.starts_with('1') && digits.len() > WHOLE
}

/// The digits of a number of the North American plan, with its country code.
const WHOLE: usize = 11;

/// The number that a spelling is of, one change at a time until nothing is left to change.
pub(super) fn canonical(mut digits: String) -> String {
    while let Some(parts) = Parts::of(&digits) {
        let Parts { code, insert, kept, rest, .. } = parts;
        digits = [code, insert, kept, rest].concat();
    }
    if !has_surplus(&digits) {
        return digits;
    }
    digits.truncate(WHOLE);
    canonical(digits)
}

/// Whether no number begins so, however long it is.
pub(in crate::call) fn begins_no_number(prefix: &str) -> bool {
    (9..=15).all(|length| entry(prefix, length).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generated_table_is_sorted_and_every_entry_leads_somewhere() {
        assert_eq!(TABLE.prefixes.len(), TABLE.values.len());
        assert!(TABLE.prefixes.is_sorted_by(|a, b| a < b));
        for packed in TABLE.values {
            assert!(usize::from(packed & 15) < EDITS.len());
            assert!(packed >> 4 & 255 != 0 && (1..=3).contains(&(packed >> 12)));
        }
    }
}
