//! Longest-prefix lookups in the generated tables: static slices, nothing to build at start.

/// Prefixes of digits, each with a value.
pub(super) struct PrefixTable<V: 'static> {
    /// Ascending, each the number that the digits make with a 1 before them: 1212 is the prefix 212.
    pub(super) prefixes: &'static [u32],
    /// What each says; as many as there are prefixes.
    pub(super) values: &'static [V],
}

impl<V: Copy> PrefixTable<V> {
    /// The value of the longest prefix that `digits` (ASCII, without `+`) begin with.
    pub(super) fn longest(&self, digits: &str) -> Option<V> {
        self.longest_of(digits, |_| true)
    }

    /// The same of those prefixes whose value is meant.
    pub(super) fn longest_of(&self, digits: &str, is_meant: impl Fn(V) -> bool) -> Option<V> {
        let mut found = None;
        let mut key: u32 = 1;
        for digit in digits.bytes() {
            // No prefix is longer than nine digits, which is what fits.
            let Some(next) = key.checked_mul(10).and_then(|k| k.checked_add(u32::from(digit & 15)))
            else {
                break;
            };
            key = next;
            if let Ok(at) = self.prefixes.binary_search(&key) {
                found = self.values.get(at).copied().filter(|value| is_meant(*value)).or(found);
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: PrefixTable<u8> =
        PrefixTable { prefixes: &[11, 144, 11_800, 1_999_999_999], values: &[1, 2, 3, 4] };

    #[test]
    fn the_longest_prefix_counts_and_none_is_none() {
        let cases = [
            ("", None),
            ("3", None),
            ("1", Some(1)),
            ("1212", Some(1)),
            ("1800555", Some(3)),
            ("44", Some(2)),
            ("4", None),
            ("999999999", Some(4)),
            ("999999999999999", Some(4)),
        ];
        for (digits, value) in cases {
            assert_eq!(TABLE.longest(digits), value, "{digits}");
        }
    }
}
