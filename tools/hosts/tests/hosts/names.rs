//! Results that can be compared: identifiers, times and ports give way to what they stand for.

use std::collections::BTreeMap;

use serde_json::Value;

/// Names by order of first appearance, so that two results are equal only if the same name stands in
/// the same places.
#[derive(Debug, Default)]
pub(crate) struct Names {
    given: BTreeMap<String, String>,
    counts: BTreeMap<&'static str, u32>,
}

impl Names {
    /// The same value with every name replaced.
    pub(crate) fn replace(&mut self, value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(self.text(text)),
            Value::Array(items) => items.iter().map(|item| self.replace(item)).collect(),
            Value::Object(members) => members
                .iter()
                .map(|(name, member)| (name.clone(), self.replace(member)))
                .collect::<serde_json::Map<_, _>>()
                .into(),
            other => other.clone(),
        }
    }

    fn text(&mut self, text: &str) -> String {
        if is_time(text) {
            return "<time>".to_owned();
        }
        let mut replaced = String::new();
        let mut rest = text;
        while !rest.is_empty() {
            let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
            let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            let (word, after) = rest.split_at(end);
            replaced.push_str(&self.word(word));
            let end = after.find(is_word).unwrap_or(after.len());
            let (between, after) = after.split_at(end);
            replaced.push_str(between);
            rest = after;
        }
        without_ports(&replaced)
    }

    fn word(&mut self, word: &str) -> String {
        let Some(kind) = kind(word) else { return word.to_owned() };
        if let Some(name) = self.given.get(word) {
            return name.clone();
        }
        let count = self.counts.entry(kind).or_default();
        *count += 1;
        let name = format!("<{kind} {count}>");
        self.given.insert(word.to_owned(), name.clone());
        name
    }
}

/// What an identifier names, if the word is one.
fn kind(word: &str) -> Option<&'static str> {
    let is_hex = |text: &str| text.len() == 32 && text.bytes().all(|b| b.is_ascii_hexdigit());
    match word {
        _ if is_hex(word) => Some("callId"),
        _ if word.strip_suffix('v').is_some_and(is_hex) => Some("callId with variables"),
        _ if word.starts_with("conv_") => Some("conversation"),
        _ if !word.is_ascii() || !is_hex(word.get(2..)?) => None,
        _ => match &word[..2] {
            "CA" => Some("CallSid"),
            "RE" => Some("RecordingSid"),
            "MZ" => Some("StreamSid"),
            _ => None,
        },
    }
}

/// `2026-11-22T10:06:10Z`, with or without milliseconds.
fn is_time(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() >= 20
        && (bytes[4], bytes[10], bytes[13]) == (b'-', b'T', b':')
        && bytes[..4].iter().all(u8::is_ascii_digit)
        && bytes.ends_with(b"Z")
}

/// Every host and every test has ports of its own.
fn without_ports(text: &str) -> String {
    const HERE: &str = "127.0.0.1:";
    let mut parts = text.split(HERE);
    let mut without = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        without.push_str("<here>");
        without.push_str(part.trim_start_matches(|c: char| c.is_ascii_digit()));
    }
    without
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::Names;

    #[test]
    fn one_name_in_two_places_is_told_from_two_names() {
        let (a, b) = ("CA".to_owned() + &"1".repeat(32), "CA".to_owned() + &"2".repeat(32));
        let replaced = Names::default().replace(&json!([a, format!("x?callSid={a}&y"), b]));
        assert_eq!(replaced, json!(["<CallSid 1>", "x?callSid=<CallSid 1>&y", "<CallSid 2>"]));
    }

    #[test]
    fn times_and_ports_go_and_everything_else_stays() {
        let value = json!({"at": "2026-11-22T10:06:10.123Z", "url": "wss://127.0.0.1:4000/x", "n": 1,
            "text": "completed, 6 s, +12125550123"});
        let expected = json!({"at": "<time>", "url": "wss://<here>/x", "n": 1,
            "text": "completed, 6 s, +12125550123"});
        assert_eq!(Names::default().replace(&value), expected);
    }
}
