//! What a host knows of a request beyond HTTP. It is in the request's extensions.

use std::net::IpAddr;

/// The client's address as the platform itself wrote it, never as the client did. A request has none where
/// the platform names none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ClientAddress(IpAddr);

impl ClientAddress {
    /// An address that the platform wrote. IPv4 inside IPv6 is the same client as IPv4.
    #[must_use]
    pub fn new(ip: IpAddr) -> Self {
        Self(ip.to_canonical())
    }

    /// The address.
    #[must_use]
    pub fn ip(self) -> IpAddr {
        self.0
    }
}

/// The request had a query that no URI can hold, so its URI has none. The request must not count as one
/// without a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnreadableQuery;

/// The path that the client asked for, where the request's URI has another. For the log alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedPath(pub String);

/// A query of more parts is tried in one order only: it would have too many.
const MOST_SHUFFLED: usize = 4;

/// The query of a request whose host lost the order of its parts. The URI has them in some order; Twilio
/// signed them in another.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnorderedQuery(Vec<String>);

impl UnorderedQuery {
    /// From `name=value` parts, spelled as in the URL.
    #[must_use]
    pub fn new(parts: Vec<String>) -> Self {
        Self(parts)
    }

    /// Whether every order is tried.
    #[must_use]
    pub fn is_shuffled(&self) -> bool {
        self.0.len() <= MOST_SHUFFLED
    }

    /// The query as one text, in the order of the parts.
    #[must_use]
    pub fn text(&self) -> String {
        self.0.join("&")
    }

    /// The queries that may have been sent, [`Self::text`] first.
    #[must_use]
    pub fn orders(&self) -> Vec<String> {
        if self.is_shuffled() {
            let parts: Vec<&str> = self.0.iter().map(String::as_str).collect();
            orders(&parts).iter().map(|order| order.join("&")).collect()
        } else {
            vec![self.text()]
        }
    }
}

fn orders<'a>(parts: &[&'a str]) -> Vec<Vec<&'a str>> {
    if parts.is_empty() {
        return vec![Vec::new()];
    }
    let mut all = Vec::new();
    for (index, first) in parts.iter().enumerate() {
        let rest = [&parts[..index], &parts[index + 1..]].concat();
        all.extend(orders(&rest).into_iter().map(|rest| [&[*first], rest.as_slice()].concat()));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(parts: &[&str]) -> UnorderedQuery {
        UnorderedQuery::new(parts.iter().map(|part| (*part).to_owned()).collect())
    }

    #[test]
    fn every_order_of_a_few_parts_is_tried_and_the_first_is_the_given_one() {
        assert_eq!(query(&["a=1"]).orders(), ["a=1"]);
        let all = ["a&b&c", "a&c&b", "b&a&c", "b&c&a", "c&a&b", "c&b&a"];
        assert_eq!(query(&["a", "b", "c"]).orders(), all);
    }

    #[test]
    fn a_query_of_many_parts_is_tried_in_one_order() {
        assert_eq!(query(&["a", "b", "c", "d"]).orders().len(), 24);
        assert_eq!(query(&["a", "b", "c", "d", "e"]).orders(), ["a&b&c&d&e"]);
    }

    #[test]
    fn an_address_is_the_same_in_both_families() {
        let address = |text: &str| ClientAddress::new(text.parse().unwrap());
        assert_eq!(address("::ffff:203.0.113.9"), address("203.0.113.9"));
        assert_ne!(address("2001:db8::1"), address("203.0.113.9"));
    }
}
