//! The names a call goes by: ours (`callId`) and Twilio's SIDs.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why a string is not the SID it was taken for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidSid;

/// A name as a type of its own; `$is_one` tells its exact form.
macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $is_one:expr) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Parses the exact form; case is kept.
            pub fn parse(text: &str) -> Result<Self, InvalidSid> {
                let is_one: fn(&str) -> bool = $is_one;
                if is_one(text) { Ok(Self(text.to_owned())) } else { Err(InvalidSid) }
            }

            /// The name as URLs and JSON have it.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = &'static str;
            fn try_from(text: String) -> Result<Self, Self::Error> {
                Self::parse(&text).map_err(|InvalidSid| concat!("not a ", stringify!($name)))
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }
    };
}

name!(
    /// Twilio's name of an account, `AC...`.
    AccountSid, |text| is_sid(text, "AC")
);
name!(
    /// Twilio's name of a call, `CA...`. It cannot be guessed.
    CallSid, |text| is_sid(text, "CA")
);
name!(
    /// Twilio's name of a recording, `RE...`.
    RecordingSid, |text| is_sid(text, "RE")
);
name!(
    /// Twilio's name of a media stream, `MZ...`.
    StreamSid, |text| is_sid(text, "MZ")
);
name!(
    /// Our own name of a call, given before Twilio is asked: 128 random bits as 32 lower-case hex digits.
    ///
    /// A call that carries dynamic variables has a `v` behind them. The voice webhook thus knows, even
    /// while the store is down, that connecting the agent without its variables would only make it hang
    /// up. Only unreserved characters, because the id travels in signed webhook queries, and one parameter
    /// only, because API Gateway's REST API loses their order.
    CallId, |text| {
        let digits = text.strip_suffix('v').unwrap_or(text);
        digits.len() == 32 && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    }
);

/// Twilio's SIDs are two letters and 32 hex digits (`^CA[0-9a-fA-F]{32}$` in its OpenAPI file).
fn is_sid(text: &str, prefix: &str) -> bool {
    text.strip_prefix(prefix)
        .is_some_and(|hex| hex.len() == 32 && hex.bytes().all(|b| b.is_ascii_hexdigit()))
}

impl CallId {
    /// A new id from 128 random bits.
    #[must_use]
    pub fn new(random: [u8; 16], has_variables: bool) -> Self {
        Self(format!("{}{}", hex(&random), if has_variables { "v" } else { "" }))
    }

    /// Whether the call was placed with dynamic variables.
    #[must_use]
    pub fn has_variables(&self) -> bool {
        self.0.ends_with('v')
    }
}

/// Lower-case hex digits of some bytes.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// By which names a callback or a reader refers to a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallRef {
    /// By our id alone: Twilio has not named the call yet.
    Ours(CallId),
    /// By Twilio's SID, and by our id where the webhook's query carries it. Calls to our number
    /// (inbound) have none.
    Named {
        /// From the callback's `CallSid`.
        call_sid: CallSid,
        /// From the webhook URL's `callId`.
        call_id: Option<CallId>,
    },
}

impl CallRef {
    /// Our id, if known.
    #[must_use]
    pub fn call_id(&self) -> Option<&CallId> {
        match self {
            Self::Ours(call_id) => Some(call_id),
            Self::Named { call_id, .. } => call_id.as_ref(),
        }
    }

    /// Twilio's SID, if known.
    #[must_use]
    pub fn call_sid(&self) -> Option<&CallSid> {
        match self {
            Self::Ours(_) => None,
            Self::Named { call_sid, .. } => Some(call_sid),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sid_is_its_prefix_and_32_hex_digits_and_nothing_else() {
        let good = format!("CA{}", "0123456789abcdefABCDEF0123456789");
        assert_eq!(CallSid::parse(&good).map(|sid| sid.to_string()), Ok(good.clone()));
        for bad in
            ["", "CA", "CA123", &good[1..], &format!("{good}0"), &format!("RE{}", &good[2..])]
        {
            assert_eq!(CallSid::parse(bad), Err(InvalidSid), "{bad}");
        }
        assert_eq!(CallSid::parse(&good.replace('9', "g")), Err(InvalidSid));
    }

    #[test]
    fn a_call_id_tells_whether_the_call_has_variables() {
        let plain = CallId::new([0xab; 16], false);
        let with = CallId::new([0xab; 16], true);
        assert_eq!(plain.as_str(), "ab".repeat(16));
        assert!(!plain.has_variables());
        assert!(with.has_variables());
        for id in [plain, with] {
            assert_eq!(CallId::parse(id.as_str()), Ok(id));
        }
    }

    #[test]
    fn a_call_id_of_another_shape_is_refused() {
        let upper = "AB".repeat(16);
        for bad in ["", "v", "abc", upper.as_str(), &format!("{}vv", "ab".repeat(16))] {
            assert_eq!(CallId::parse(bad), Err(InvalidSid), "{bad}");
        }
    }
}
