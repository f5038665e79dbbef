//! Commands out of JSON, replies into JSON.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use crate::resp::{Command, Reply};

/// How strings travel back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Encoding {
    /// As they are.
    Plain,
    /// `Upstash-Encoding: base64`: all but the simple `OK`.
    Base64,
}

pub(super) fn parse(body: &[u8]) -> Result<Value, String> {
    serde_json::from_slice(body).map_err(|error| format!("ERR failed to parse command: {error}"))
}

/// An array of arrays.
pub(super) fn commands(body: &[u8]) -> Result<Vec<Command>, String> {
    let body = parse(body)?;
    let list = body.as_array().ok_or("ERR an array of commands is expected")?;
    list.iter().map(command).collect()
}

/// A command's arguments may be numbers and booleans; Redis has texts only.
pub(super) fn command(list: &Value) -> Result<Command, String> {
    let list = list.as_array().filter(|list| !list.is_empty()).ok_or("ERR empty command")?;
    list.iter()
        .map(|argument| match argument {
            Value::String(text) => Ok(text.clone().into_bytes()),
            Value::Number(number) => Ok(number.to_string().into_bytes()),
            Value::Bool(is_true) => Ok(is_true.to_string().into_bytes()),
            Value::Null | Value::Array(_) | Value::Object(_) => {
                Err("ERR an argument must be a string, a number or a bool".to_owned())
            }
        })
        .collect()
}

impl Encoding {
    /// `[{"result": ...}, {"error": ...}]`.
    pub(super) fn entries(self, replies: &[Reply]) -> Value {
        let entry = |reply: &Reply| match reply {
            Reply::Error(error) => json!({ "error": error }),
            reply => json!({ "result": self.value(reply) }),
        };
        replies.iter().map(entry).collect()
    }

    pub(super) fn value(self, reply: &Reply) -> Value {
        match reply {
            Reply::Simple(text) if text == "OK" => json!(text),
            Reply::Simple(text) | Reply::Error(text) => self.text(text.as_bytes()),
            Reply::Integer(number) => json!(number),
            Reply::Bulk(Some(bytes)) => self.text(bytes),
            Reply::Bulk(None) | Reply::Array(None) => Value::Null,
            Reply::Array(Some(items)) => items.iter().map(|item| self.value(item)).collect(),
        }
    }

    fn text(self, bytes: &[u8]) -> Value {
        match self {
            Self::Plain => json!(String::from_utf8_lossy(bytes)),
            Self::Base64 => json!(STANDARD.encode(bytes)),
        }
    }
}
