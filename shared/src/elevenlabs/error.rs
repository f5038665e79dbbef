//! Why ElevenLabs does not connect an agent.

use std::fmt;

use serde_json::Value;

/// Why the agent could not be connected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum AgentError {
    /// An answer of another shape.
    InvalidResponse {
        /// For the log.
        why: String,
    },
    /// An error status.
    Status {
        /// HTTP status.
        status: u16,
        /// Its code, such as `missing_permissions` or `rate_limit_exceeded`, where it has one.
        detail: Option<String>,
    },
    /// Over the limit.
    TooLarge,
    /// No answer.
    Unreachable {
        /// Whether time ran out.
        timeout: bool,
        /// For the log.
        why: String,
    },
}

impl AgentError {
    /// The HTTP status, or a word in its place, for the log's `status` and the timeline.
    #[must_use]
    pub fn status(&self) -> String {
        match self {
            Self::InvalidResponse { .. } => "nonsense".to_owned(),
            Self::Status { status, .. } => status.to_string(),
            Self::TooLarge => "too-large".to_owned(),
            Self::Unreachable { timeout: true, .. } => "timeout".to_owned(),
            Self::Unreachable { timeout: false, .. } => "unreachable".to_owned(),
        }
    }
}

impl fmt::Display for AgentError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::InvalidResponse { why } | Self::Unreachable { why, .. } => f.write_str(why),
            Self::Status { status, detail: Some(detail) } => write!(f, "HTTP {status} {detail}"),
            Self::Status { status, detail: None } => write!(f, "HTTP {status}"),
            Self::TooLarge => f.write_str("the answer is too large"),
        }
    }
}

/// `detail` is an object, a list or a string, and the body need not be JSON. Only a code that looks
/// like one is kept: messages may quote what we sent.
pub(super) fn detail(body: &[u8]) -> Option<String> {
    let body: Value = serde_json::from_slice(body).ok()?;
    let found = match body.get("detail")? {
        Value::Object(object) => {
            let generic = ["unauthorized", "validation_error"];
            let words = ["code", "status", "type"].into_iter().filter_map(|key| object.get(key));
            let words: Vec<&str> = words.filter_map(Value::as_str).collect();
            // The newer bodies put "unauthorized" first and the permission's name second.
            *words.iter().find(|word| !generic.contains(word)).or(words.first())?
        }
        Value::Array(list) => list.first()?.get("type")?.as_str()?,
        Value::String(text) => text,
        _ => return None,
    };
    let is_code =
        |text: &str| text.bytes().all(|b| b.is_ascii_alphanumeric() || b" _-".contains(&b));
    (found.len() <= 64 && is_code(found)).then(|| found.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_is_found_in_every_shape_of_detail() {
        let bodies = [
            (
                r#"{"detail":{"status":"missing_permissions","message":"..."}}"#,
                "missing_permissions",
            ),
            (
                r#"{"detail":{"type":"authentication_error","code":"unauthorized","status":"missing_permissions"}}"#,
                "missing_permissions",
            ),
            (
                r#"{"detail":[{"loc":["query","agent_id"],"msg":"Field required","type":"missing"}]}"#,
                "missing",
            ),
            (r#"{"detail":"Method Not Allowed"}"#, "Method Not Allowed"),
            (r#"{"detail":{"code":"rate_limit_exceeded"}}"#, "rate_limit_exceeded"),
        ];
        for (body, code) in bodies {
            assert_eq!(detail(body.as_bytes()).as_deref(), Some(code), "{body}");
        }
    }

    #[test]
    fn a_body_without_a_code_has_none() {
        let bodies = [
            "",
            "<html>",
            "[]",
            "{}",
            r#"{"detail":7}"#,
            r#"{"detail":{}}"#,
            r#"{"detail":[]}"#,
            r#"{"detail":"call +12125550123 failed: https://x"}"#,
        ];
        for body in bodies {
            assert_eq!(detail(body.as_bytes()), None, "{body}");
        }
    }
}
