//! What anonymous callers may ask of one process before its store is asked anything: reads of random
//! ids, replays of a key and refused dials all cost the store's owner.

use std::net::IpAddr;
use std::time::Duration;

use http::{HeaderValue, Request, header};

use crate::call::Timestamp;

use super::access::Caller;
use super::make_call::digest_of;
use super::recent::Recent;
use super::refusal::{Reason, Refusal};
use super::{App, ClientAddress};

/// Requests of one client in one [`SPAN`]. A page that follows a call asks three times a second.
const MOST: u32 = 600;
const SPAN: Duration = Duration::from_secs(60);

/// Clients remembered at most.
const REMEMBERED: usize = 1024;

/// The clients of this process, by the hash of their address.
#[derive(Debug)]
pub(crate) struct Callers {
    /// Since when each is counted, and how many requests it made.
    counts: Recent<String, (Timestamp, u32)>,
}

impl Default for Callers {
    fn default() -> Self {
        Self { counts: Recent::new(REMEMBERED) }
    }
}

impl Callers {
    fn count(&self, client: &String, now: Timestamp) -> (Timestamp, u32) {
        self.counts.update(client, |known| match known {
            Some((since, count)) if now < since.plus(SPAN) => (since, count.saturating_add(1)),
            _ => (now, 1),
        })
    }
}

/// Refuses an anonymous caller that asks too often; gives the name of one that does not. A caller
/// with the token has none.
pub(super) fn admit<T>(
    app: &App,
    caller: &Caller,
    request: &Request<T>,
) -> Result<Option<String>, Refusal> {
    if caller.has_token() {
        return Ok(None);
    }
    let (client, now) = (client(request), app.clock.now());
    let (since, count) = app.callers.count(&client, now);
    if count <= MOST {
        return Ok(Some(client));
    }
    Err(over(Reason::RateLimited, since.plus(SPAN), now))
}

/// The name under which a client is counted: a hash of the address that the host vouches for. Those
/// without one share one name.
fn client<T>(request: &Request<T>) -> String {
    let network = match request.extensions().get::<ClientAddress>().map(|client| client.ip()) {
        None => String::new(),
        Some(IpAddr::V4(ip)) => ip.to_string(),
        // Whoever has one address of a /64 has them all.
        Some(IpAddr::V6(ip)) => format!("{:x?}", &ip.segments()[..4]),
    };
    digest_of(&["client", &network])
}

/// A limit's refusal, with when to come again.
pub(super) fn over(reason: Reason, free_at: Timestamp, now: Timestamp) -> Refusal {
    let left = free_at.as_millis().saturating_sub(now.as_millis()).max(0);
    let seconds = left.saturating_add(999).saturating_div(1000).max(1);
    Refusal::new(reason, format!("Nothing was dialled. Try again in {seconds} s."))
        .with_header(header::RETRY_AFTER, HeaderValue::from(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_that_comes_at_the_time_that_was_named_is_not_too_early() {
        let refusal =
            over(Reason::DailyLimit, Timestamp::from_millis(1001), Timestamp::from_millis(0));
        let response: http::Response<bytes::Bytes> = refusal.into();
        assert_eq!(response.headers()[header::RETRY_AFTER], "2");
    }
}
