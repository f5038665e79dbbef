//! The query as each front end hands it over.

use std::fmt::Write as _;
use std::sync::Once;

use http::HeaderMap;
use lambda_http::aws_lambda_events::query_map::QueryMap;
use tracing::warn;

use crate::endpoint::UnorderedQuery;

/// The query of one event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Query {
    /// As the caller sent it: HTTP API and Function URLs.
    Raw(String),
    /// Admission apart: the order is lost.
    Parts(UnorderedQuery),
}

/// How a front end spells the parts of a query that it took apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Parts {
    /// Decoded (REST API), so that `%20` and `+` are one.
    Decoded,
    /// As they were sent (load balancer).
    Spelled,
}

impl Query {
    /// From an event's two maps: the one with every value of a name, where there is one, and the one
    /// with the last.
    pub(super) fn from_parts(
        every: &QueryMap,
        last: &QueryMap,
        kind: Parts,
        headers: &HeaderMap,
    ) -> Option<Self> {
        let map = if every.is_empty() { last } else { every };
        let mut pairs: Vec<(&str, &str)> = map.iter().collect();
        // One order, the same in every process. The values of one name keep theirs.
        pairs.sort_by_key(|(name, _)| *name);
        let is_plain = pairs.iter().all(|(name, value)| {
            kind == Parts::Spelled || [name, value].iter().all(|text| text.bytes().all(unreserved))
        });
        let parts = pairs
            .iter()
            .map(|(name, value)| format!("{}={}", spelled(name, kind), spelled(value, kind)));
        let query = UnorderedQuery::new(parts.collect());
        if headers.contains_key("x-twilio-signature") && !(is_plain && query.is_shuffled()) {
            warn_once();
        }
        (!pairs.is_empty()).then_some(Self::Parts(query))
    }
}

/// Our own webhooks never come here: their one parameter is hexadecimal.
fn warn_once() {
    static WARNED: Once = Once::new();
    WARNED.call_once(|| {
        warn!(
            "a webhook's query was taken apart by a REST API or a load balancer, so Twilio's signature may not fit: in webhook URLs use at most four parameters of letters, digits and -._~, or an HTTP API or Function URL"
        );
    });
}

/// One name or value as in a URL. Where the spelling is lost, RFC 3986 is the likeliest.
fn spelled(text: &str, kind: Parts) -> String {
    let mut spelled = String::with_capacity(text.len());
    for byte in text.bytes() {
        let stays = match kind {
            Parts::Decoded => unreserved(byte),
            // Only what no URI holds, so that one can be made.
            Parts::Spelled => byte.is_ascii_graphic() && !b"\"#<>&".contains(&byte),
        };
        if stays {
            spelled.push(byte.into());
        } else {
            // Writing to a String never fails.
            let _ = write!(spelled, "%{byte:02X}");
        }
    }
    spelled
}

fn unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(query: &str, kind: Parts) -> Option<String> {
        // Parsing decodes once, as a REST API does.
        let map: QueryMap = query.parse().unwrap();
        match Query::from_parts(&map, &QueryMap::default(), kind, &HeaderMap::new())? {
            Query::Parts(parts) => Some(parts.text()),
            Query::Raw(raw) => Some(raw),
        }
    }

    #[test]
    fn a_decoded_query_is_encoded_again_in_one_order() {
        assert_eq!(text("b=2&a=1", Parts::Decoded).unwrap(), "a=1&b=2");
        let encoded = "n=S%C3%A3o%20Paulo%20%26%20more%2B";
        assert_eq!(text(encoded, Parts::Decoded).unwrap(), encoded);
        assert_eq!(text("n=a+b", Parts::Decoded).unwrap(), "n=a%20b");
        assert_eq!(text("", Parts::Decoded), None);
    }

    #[test]
    fn a_spelled_query_stays_as_it_was_sent() {
        assert_eq!(text("n=a%252Bb%2520", Parts::Spelled).unwrap(), "n=a%2Bb%20");
        // Never sent, and still no way to a panic.
        assert_eq!(text("n=%22%3C%00%C3%A3%26", Parts::Spelled).unwrap(), "n=%22%3C%00%C3%A3%26");
    }

    #[test]
    fn repeated_names_keep_every_value() {
        assert_eq!(text("a=2&b=1&a=1", Parts::Decoded).unwrap(), "a=2&a=1&b=1");
        let (every, last) = ("a=1&a=2".parse().unwrap(), "a=2".parse().unwrap());
        let query = |every, last| Query::from_parts(every, last, Parts::Decoded, &HeaderMap::new());
        let expected = |parts: &[&str]| {
            Some(Query::Parts(UnorderedQuery::new(parts.iter().map(ToString::to_string).collect())))
        };
        assert_eq!(query(&every, &last), expected(&["a=1", "a=2"]));
        assert_eq!(query(&QueryMap::default(), &last), expected(&["a=2"]));
    }
}
