//! Phone numbers, which are personal data: they print masked unless somebody asks for the digits.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A phone number in E.164 form: `+`, a first digit 1 to 9, 8 to 15 digits in all.
///
/// Syntax only. Whether a range is assigned is Twilio's to say.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct E164(String);

/// Why a string is no E.164 number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidE164;

impl E164 {
    /// Parses the exact form; spaces, dashes and a leading `00` are refused, not repaired.
    pub fn parse(text: &str) -> Result<Self, InvalidE164> {
        let digits = text.strip_prefix('+').ok_or(InvalidE164)?;
        let well_formed = (8..=15).contains(&digits.len())
            && digits.bytes().all(|b| b.is_ascii_digit())
            && !digits.starts_with('0');
        if well_formed { Ok(Self(text.to_owned())) } else { Err(InvalidE164) }
    }

    /// All digits, for Twilio and for readers who showed the token. Never for a log.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// `+*********23`: all but the last two digits hidden.
    #[must_use]
    pub fn masked(&self) -> String {
        mask(&self.0)
    }
}

impl fmt::Debug for E164 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

impl TryFrom<String> for E164 {
    type Error = &'static str;
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).map_err(|InvalidE164| "not an E.164 number")
    }
}

impl From<E164> for String {
    fn from(number: E164) -> Self {
        number.0
    }
}

/// One end of a call as Twilio names it: mostly a number, but also `anonymous`, `sip:...` or
/// `client:...`, so it is not parsed further.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Party(String);

impl Party {
    /// Takes what Twilio sent, at most 256 characters of it.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.chars().take(256).collect())
    }

    /// What Twilio sent, for ElevenLabs and for readers who showed the token. Never for a log.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The last two characters stay; plain words such as `anonymous` stay whole.
    #[must_use]
    pub fn masked(&self) -> String {
        let is_word = self.0.bytes().all(|b| b.is_ascii_alphabetic());
        if is_word { self.0.clone() } else { mask(&self.0) }
    }
}

impl From<&E164> for Party {
    fn from(number: &E164) -> Self {
        Self(number.0.clone())
    }
}

impl fmt::Debug for Party {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

fn mask(text: &str) -> String {
    let keep_from = text.chars().count().saturating_sub(2);
    let hide = |(i, c): (usize, char)| if i >= keep_from || (i == 0 && c == '+') { c } else { '*' };
    text.chars().enumerate().map(hide).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn e164_is_a_plus_a_nonzero_digit_and_eight_to_fifteen_digits() {
        for good in ["+12125550123", "+15005550006", "+12345678", "+123456789012345"] {
            assert_eq!(E164::parse(good).map(String::from), Ok(good.to_owned()));
        }
        let bad = [
            "",
            "+",
            "12125550123",
            "+02125550123",
            "+1234567",
            "+1234567890123456",
            "+1 212 555 0123",
            "+1212555012a",
            "tel:+12125550123",
            "+١٢٣٤٥٦٧٨٩",
            "+12125550123\n",
        ];
        for text in bad {
            assert_eq!(E164::parse(text), Err(InvalidE164), "{text}");
        }
    }

    #[test]
    fn a_number_prints_masked() {
        let number = E164::parse("+12125550123").unwrap();
        assert_eq!(format!("{number:?}"), "+*********23");
        assert_eq!(format!("{:?}", Party::from(&number)), "+*********23");
        assert_eq!(Party::new("anonymous").masked(), "anonymous");
        assert_eq!(Party::new("sip:bob@x.example").masked(), "***************le");
    }

    proptest! {
        #[test]
        fn no_mask_shows_more_than_two_digits(text in "\\+[1-9][0-9]{7,14}") {
            let masked = E164::parse(&text).unwrap().masked();
            prop_assert_eq!(masked.chars().filter(char::is_ascii_digit).count(), 2);
            prop_assert_eq!(masked.chars().count(), text.chars().count());
        }

        #[test]
        fn parsing_never_panics(text in any::<String>()) {
            let _ = E164::parse(&text);
            let _ = Party::new(&text).masked();
        }
    }
}
