//! Replies in one form for both transports, and what the error of a refused command may say.

use ::redis::Value;
use serde_json::Value as Json;

use crate::store::StoreError;

/// A reply.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Reply {
    /// Nothing there.
    Nil,
    /// A string, or a number as text: Upstash and the protocol versions disagree on which is which.
    Text(String),
    /// Several, flat.
    List(Vec<Self>),
}

impl Reply {
    pub(super) fn text(self) -> Result<Option<String>, StoreError> {
        match self {
            Self::Nil => Ok(None),
            Self::Text(text) => Ok(Some(text)),
            Self::List(_) => Err(unexpected()),
        }
    }

    pub(super) fn list(self) -> Result<Vec<Self>, StoreError> {
        match self {
            Self::List(list) => Ok(list),
            Self::Nil | Self::Text(_) => Err(unexpected()),
        }
    }

    pub(super) fn from_resp(value: Value) -> Result<Self, StoreError> {
        Ok(match value {
            Value::Nil => Self::Nil,
            Value::Int(number) => Self::Text(number.to_string()),
            Value::Double(number) => Self::Text(number.to_string()),
            Value::BulkString(bytes) => {
                Self::Text(String::from_utf8(bytes).map_err(|_| unexpected())?)
            }
            Value::SimpleString(text) | Value::VerbatimString { text, .. } => Self::Text(text),
            Value::Okay => Self::Text("OK".to_owned()),
            Value::Array(values) => {
                Self::List(values.into_iter().map(Self::from_resp).collect::<Result<_, _>>()?)
            }
            // A hash, where the URL asks for version 3 of the protocol.
            Value::Map(pairs) => {
                let flat = pairs.into_iter().flat_map(|(name, value)| [name, value]);
                Self::List(flat.map(Self::from_resp).collect::<Result<_, _>>()?)
            }
            _ => return Err(unexpected()),
        })
    }

    pub(super) fn from_json(value: Json) -> Result<Self, StoreError> {
        Ok(match value {
            Json::Null => Self::Nil,
            Json::Number(number) => Self::Text(number.to_string()),
            Json::String(text) => Self::Text(text),
            Json::Array(values) => {
                Self::List(values.into_iter().map(Self::from_json).collect::<Result<_, _>>()?)
            }
            Json::Bool(_) | Json::Object(_) => return Err(unexpected()),
        })
    }
}

/// Another app's key under our name, or a server that is no Redis.
pub(super) fn unexpected() -> StoreError {
    StoreError::new("redis: unexpected reply")
}

/// What Upstash says under the general `ERR` when a plan's limit is reached.
const LIMITS: [&str; 4] = [
    "max daily request limit exceeded",
    "max requests limit exceeded",
    "max request size exceeded",
    "DB capacity quota exceeded",
];

/// An error reply. Its code only, because the text after it may repeat keys and arguments.
pub(super) fn refused(code: &str, details: &str) -> StoreError {
    let limit = LIMITS.into_iter().find(|limit| details.contains(limit));
    StoreError::new(match limit {
        Some(limit) => format!("redis {code}: {limit}"),
        None => format!("redis {code}"),
    })
}

/// The same, of a line such as `READONLY You can't write against a read only replica.`
pub(super) fn refused_line(line: &str) -> StoreError {
    let (word, details) = line.split_once(' ').unwrap_or((line, ""));
    let is_code = !word.is_empty() && word.len() <= 20 && word.bytes().all(is_code_byte);
    if is_code { refused(word, details) } else { refused("ERR", line) }
}

/// Whether this server, or this user of it, does not have the command.
pub(super) fn is_not_allowed(error: &StoreError) -> bool {
    matches!(error.to_string().as_str(), "redis NOPERM" | "redis ERR")
}

fn is_code_byte(byte: u8) -> bool {
    byte.is_ascii_uppercase() || byte == b'_'
}
