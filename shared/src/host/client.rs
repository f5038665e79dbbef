//! Reading the client's address, each from the one place that its platform writes.

use std::net::{IpAddr, SocketAddr};

use http::HeaderMap;

use crate::endpoint::ClientAddress;

/// An address as API Gateway and Function URLs state it beside the request.
#[must_use]
pub fn stated(text: Option<&str>) -> Option<ClientAddress> {
    text?.trim().parse().ok().map(ClientAddress::new)
}

/// The last hop of `X-Forwarded-For`, which an Application Load Balancer appends, with a port if it
/// is told to. The caller chose what is before it. (In the mode `preserve` the caller chose the last, too:
/// never set `routing.http.xff_header_processing.mode`.)
#[must_use]
pub fn last_hop(headers: &HeaderMap) -> Option<ClientAddress> {
    let last = headers.get_all("x-forwarded-for").iter().next_back()?;
    let hop = last.to_str().ok()?.rsplit(',').next()?.trim();
    let ip: Option<IpAddr> = hop.parse().ok();
    let ip = ip.or_else(|| hop.parse().ok().map(|address: SocketAddr| address.ip()));
    ip.map(ClientAddress::new)
}

/// `x-real-ip`, which Vercel sets over whatever the caller sent. `X-Forwarded-For` is not read:
/// `vercel dev` only appends to it.
#[must_use]
pub fn real_ip(headers: &HeaderMap) -> Option<ClientAddress> {
    let mut all = headers.get_all("x-real-ip").iter();
    // Two of them are not Vercel's doing.
    let (Some(only), None) = (all.next(), all.next()) else { return None };
    stated(only.to_str().ok())
}

#[cfg(test)]
mod tests {
    use http::HeaderName;

    use super::*;

    fn headers(name: &'static str, values: &[&str]) -> HeaderMap {
        let name = HeaderName::from_static(name);
        values.iter().map(|value| (name.clone(), value.parse().unwrap())).collect()
    }

    fn address(text: &str) -> Option<ClientAddress> {
        Some(ClientAddress::new(text.parse().unwrap()))
    }

    #[test]
    fn a_load_balancer_is_believed_in_its_last_hop_only() {
        for (values, expected) in [
            (&["203.0.113.9"][..], address("203.0.113.9")),
            (&["198.51.100.66, 203.0.113.9"], address("203.0.113.9")),
            (&["198.51.100.66,203.0.113.9:49152"], address("203.0.113.9")),
            (&["198.51.100.66", "198.51.100.67,203.0.113.9"], address("203.0.113.9")),
            (&["x, 2001:db8::1"], address("2001:db8::1")),
            (&["x, [2001:db8::1]:443"], address("2001:db8::1")),
            // An unreadable last hop is no reason to believe the one before it.
            (&["198.51.100.66, "], None),
            (&["198.51.100.66, unknown"], None),
            (&[], None),
        ] {
            assert_eq!(last_hop(&headers("x-forwarded-for", values)), expected, "{values:?}");
        }
    }

    #[test]
    fn vercel_is_believed_in_x_real_ip_only() {
        let mut forged = headers("x-forwarded-for", &["198.51.100.66"]);
        assert_eq!(real_ip(&forged), None);
        forged.extend(headers("x-real-ip", &["203.0.113.9"]));
        assert_eq!(real_ip(&forged), address("203.0.113.9"));
        for values in [&["203.0.113.9", "198.51.100.66"][..], &["203.0.113.9, 1.1.1.1"], &[""]] {
            assert_eq!(real_ip(&headers("x-real-ip", values)), None, "{values:?}");
        }
    }

    #[test]
    fn what_is_no_address_is_none() {
        assert_eq!(stated(Some("203.0.113.9")), address("203.0.113.9"));
        assert_eq!(stated(Some("test-invoke-source-ip")), None);
        assert_eq!(stated(None), None);
    }
}
