//! Secrets, which never print.

use std::fmt;

/// Any non-empty visible ASCII (`interface.md`).
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Refuses what a secret cannot hold, and what stands in an example in its place.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.is_empty() || !text.bytes().all(|b| b.is_ascii_graphic()) {
            Err("must be visible ASCII without spaces".to_owned())
        } else if is_placeholder(text) {
            Err("is an example's placeholder: put the real value in".to_owned())
        } else {
            Ok(Self(text.to_owned()))
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

/// `your_auth_token`, `<token>`, `xxxxxxxx`, `changeme`, `...`.
fn is_placeholder(text: &str) -> bool {
    let plain = text.trim_start_matches("sk_").to_ascii_lowercase().replace(['-', '_'], "");
    let is_one_letter =
        plain.len() > 3 && plain.bytes().all(|b| plain.as_bytes().first() == Some(&b));
    is_one_letter
        || (text.starts_with('<') && text.ends_with('>'))
        || ["changeme", "placeholder", "replaceme", "..."].iter().any(|word| plain.contains(word))
        || ["your", "my"].iter().any(|owner| {
            let what = plain.strip_prefix(owner).unwrap_or_default();
            ["agent", "api", "auth", "key", "secret", "token", "twilio", "elevenlabs"]
                .iter()
                .any(|word| what.starts_with(word))
        })
}
