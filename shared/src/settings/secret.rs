//! Secrets, which never print.

use std::fmt;

/// Any non-empty visible ASCII (`interface.md`).
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Refuses what a secret cannot hold: an empty text, spaces and line breaks that slipped in.
    pub fn parse(text: &str) -> Result<Self, String> {
        if !text.is_empty() && text.bytes().all(|b| b.is_ascii_graphic()) {
            Ok(Self(text.to_owned()))
        } else {
            Err("must be visible ASCII without spaces".to_owned())
        }
    }

    /// The secret itself. Whoever calls this must not print it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// `MAKE_CALL_TOKEN`: long enough not to be guessed.
pub(super) fn token(text: &str) -> Result<Secret, String> {
    if text.len() < 16 {
        return Err("must have at least 16 characters".to_owned());
    }
    Secret::parse(text)
}
