//! Phone numbers, which are personal data: they print masked.

mod spelling;

use std::borrow::Cow;
use std::fmt;

use serde::{Deserialize, Serialize};

pub(super) use spelling::begins_no_number;

/// A phone number in E.164 form: `+`, a first digit 1 to 9, 7 to 15 digits in all, and written in the
/// one way that there is: `+440...` and `+112125550123` are other spellings, and no value of this type.
///
/// Syntax only. Whether a range is assigned is Twilio's to say.
#[derive(Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct E164(String);

/// Why a text is no E.164 number, as a clause that says what to change. It never holds the number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InvalidE164 {
    /// Nothing but white space.
    Empty,
    /// The `+` is missing.
    NoPlus,
    /// `00` or `011`, which callers dial for the `+`, is in its place.
    DialledPrefix(&'static str),
    /// A character that does not belong there; the first one has position 1.
    Character(char, usize),
    /// Something to dial once the call is answered.
    Extension,
    /// A 0 behind the `+`: no country code begins so.
    LeadingZero,
    /// So many digits.
    Length(usize),
    /// Another spelling of a number, and what makes it the number.
    Spelling(String),
}

impl fmt::Display for InvalidE164 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("it is empty"),
            Self::NoPlus => f.write_str("the + and the country code are missing"),
            Self::DialledPrefix(prefix) => write!(f, "write + in place of {prefix}"),
            Self::Character(character, position) => {
                f.write_str("the character ")?;
                name(*character, f)?;
                write!(f, " at position {position} is none of the digits 0 to 9")
            }
            Self::Extension => f.write_str("leave out the extension"),
            Self::LeadingZero => f.write_str("leave out the 0 behind the +"),
            Self::Length(digits) => write!(f, "it has {digits} digits and not 7 to 15"),
            Self::Spelling(advice) => f.write_str(advice),
        }
    }
}

/// As it looks, where it surely looks like something, and by its code where it may be mistaken.
fn name(character: char, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let code = u32::from(character);
    if character.is_ascii_graphic() {
        write!(f, "'{character}'")
    } else if character.is_alphanumeric() {
        write!(f, "'{character}' (U+{code:04X})")
    } else {
        write!(f, "U+{code:04X}")
    }
}

impl E164 {
    /// Parses a number as people write it: white space, brackets, dots, dashes and invisible characters
    /// are taken out. No digit is ever changed, added or left out.
    pub fn parse(text: &str) -> Result<Self, InvalidE164> {
        let digits = digits(text)?;
        match spelling::advice(&digits) {
            Some(advice) => Err(InvalidE164::Spelling(advice)),
            None => Ok(Self(format!("+{digits}"))),
        }
    }

    /// All digits, for Twilio and for readers who showed the token. Never for a log.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Without the `+`.
    pub(super) fn digits(&self) -> &str {
        self.0.trim_start_matches('+')
    }

    /// The name of the phone, for limits and lists. Two numbers reach one phone where a country writes
    /// a mobile phone's number with a digit more (Argentina: +54 9 and the ten digits that +54 takes
    /// too), or belongs to two codes (San Marino: +378 0549 and +39 0549).
    #[must_use]
    pub fn phone(&self) -> Cow<'_, str> {
        match (self.0.strip_prefix("+549"), self.0.strip_prefix("+390549")) {
            (Some(rest), _) if rest.len() == 10 => format!("+54{rest}").into(),
            (_, Some(rest)) => format!("+3780549{rest}").into(),
            _ => self.as_str().into(),
        }
    }

    /// `+*********23`: all but the last two digits hidden.
    #[must_use]
    pub fn masked(&self) -> String {
        mask(&self.0)
    }
}

/// The digits behind the `+`, 7 to 15 of them, in whatever spelling.
fn digits(text: &str) -> Result<String, InvalidE164> {
    let mut characters = text.chars().zip(1..).filter(|(c, _)| !is_decoration(*c));
    match characters.next() {
        None => return Err(InvalidE164::Empty),
        Some(('+', _)) => {}
        Some((first, _)) if first.is_ascii_digit() => {
            let digits: String = text.chars().filter(char::is_ascii_digit).take(3).collect();
            return Err(match digits.as_str() {
                "011" => InvalidE164::DialledPrefix("011"),
                digits if digits.starts_with("00") => InvalidE164::DialledPrefix("00"),
                _ => InvalidE164::NoPlus,
            });
        }
        Some((other, position)) => return Err(InvalidE164::Character(other, position)),
    }
    let mut digits = String::new();
    while let Some((character, position)) = characters.next() {
        if character.is_ascii_digit() {
            digits.push(character);
        } else if is_extension(character, characters.map(|(c, _)| c)) {
            return Err(InvalidE164::Extension);
        } else {
            return Err(InvalidE164::Character(character, position));
        }
    }
    match digits.len() {
        _ if digits.starts_with('0') => Err(InvalidE164::LeadingZero),
        7..=15 => Ok(digits),
        length => Err(InvalidE164::Length(length)),
    }
}

/// What is written into a number for the eye, or comes along when it is copied.
fn is_decoration(character: char) -> bool {
    character.is_whitespace()
        || matches!(character, '(' | ')' | '[' | ']' | '.' | '-')
        // Dots and brackets of other widths.
        || matches!(character, '\u{b7}' | '．' | '（' | '）' | '［' | '］')
        // Hyphens and dashes, the minus sign, and those of other widths.
        || matches!(character, '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' | '－')
        // Soft hyphen; marks of direction and embedding; zero width spaces and joiners; the byte order mark.
        || matches!(character, '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}')
        || matches!(character, '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

/// `x12`, `ext. 12`, `;ext=12`.
fn is_extension(first: char, rest: impl Iterator<Item = char>) -> bool {
    let text: String = std::iter::once(first).chain(rest.take(8)).collect();
    let text = text.to_ascii_lowercase();
    let begins = ["extension", "ext", "x"]
        .iter()
        .find_map(|word| text.trim_start_matches(';').strip_prefix(word));
    begins.is_some_and(|rest| {
        let rest = rest.trim_start_matches([':', '=']);
        rest.is_empty() || rest.starts_with(|c: char| c.is_ascii_digit())
    })
}

impl fmt::Debug for E164 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.masked())
    }
}

impl TryFrom<String> for E164 {
    type Error = InvalidE164;

    /// Reads what was written down before: rows of older versions may hold another spelling.
    fn try_from(text: String) -> Result<Self, Self::Error> {
        Ok(Self(format!("+{}", spelling::canonical(digits(&text)?))))
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
mod tests;
