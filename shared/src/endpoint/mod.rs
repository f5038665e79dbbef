//! The endpoints: what each URL does, on every host alike.

mod access;
mod answer;
mod call_json;
mod callers;
mod calls;
mod diagnosis;
mod from_host;
mod make_call;
mod recent;
mod recording;
mod refusal;
mod status;
mod transcript;
mod voice;
mod webhook;

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, header};

pub use from_host::{AskedPath, ClientAddress, UnorderedQuery, UnreadableQuery};
pub use make_call::MakeCall;
pub use recording::Recording;
pub use refusal::{Reason, Refusal};
pub use status::Status;
pub use transcript::GetTranscript;
pub use voice::Voice;

use crate::call::CallSid;
use crate::net::Http;
use crate::ports::{Clock, Random};
use crate::settings::Settings;
use crate::store::Store;

use recent::Recent;

/// Calls of whose look-ups a process knows.
const LOOKS_REMEMBERED: usize = 1024;

/// The largest body any endpoint takes, bytes.
pub const BODY_LIMIT: usize = 64 * 1024;

/// Everything an endpoint uses; made once a process, shared by all of its requests.
pub struct App {
    /// The environment, parsed.
    pub settings: Settings,
    /// Where calls are kept.
    pub store: Arc<dyn Store>,
    /// The one HTTP client: its connections are kept alive between requests.
    pub http: Http,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The dice.
    pub random: Arc<dyn Random>,
    /// What anonymous callers have asked of this process.
    callers: callers::Callers,
    /// status' memory of the calls that it looked up at Twilio.
    looks: Recent<CallSid, status::Looked>,
    /// get-transcript's memory of what it was told.
    transcripts: transcript::Transcripts,
    /// Voice's memory of what it answered while the store was down.
    unguarded: voice::Unguarded,
}

impl App {
    /// Puts the parts together.
    #[must_use]
    pub fn new(
        settings: Settings,
        store: Arc<dyn Store>,
        http: impl Into<Http>,
        clock: Arc<dyn Clock>,
        random: Arc<dyn Random>,
    ) -> Self {
        Self {
            settings,
            store,
            http: http.into(),
            clock,
            random,
            callers: callers::Callers::default(),
            looks: Recent::new(LOOKS_REMEMBERED),
            transcripts: transcript::Transcripts::default(),
            unguarded: voice::Unguarded::default(),
        }
    }
}

/// One URL of the product.
pub trait Endpoint: Copy + Send + Sync + 'static {
    /// The binary's name.
    const NAME: &'static str;

    /// Its path under the public base. What a host shows instead, a stage or a rewrite, is nothing to
    /// go by.
    const PATH: &'static str;

    /// Which of [`SECRETS`](crate::settings::SECRETS) it uses. A host need not give it any other.
    const SECRETS: &'static [&'static str];

    /// How long an answer takes at the longest: the sum of what its steps may take. Each host's limit is
    /// above it.
    const LONGEST: Duration;

    /// Answers a request, whatever it is.
    fn answer(
        self,
        app: &App,
        request: Request<Bytes>,
    ) -> impl Future<Output = Response<Bytes>> + Send;

    /// What the caller gets if `answer` panicked.
    fn last_word(self, app: &App) -> Response<Bytes>;
}

/// The longer of two ways to an answer.
const fn longer(one: Duration, other: Duration) -> Duration {
    if one.as_millis() > other.as_millis() { one } else { other }
}

/// Whether the body is said to be of this media type, whatever its parameters.
fn has_media_type(headers: &HeaderMap, media_type: &str) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|given| given.trim().eq_ignore_ascii_case(media_type))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::settings::AppUrl;
    use crate::twilio::WebhookUrls;

    #[test]
    fn the_urls_we_hand_out_are_those_we_verify() {
        let app_url = AppUrl::parse("https://app.example/Prod").unwrap();
        let urls = WebhookUrls::new(&app_url, None);
        for (url, path) in [
            (urls.voice(), Voice::PATH),
            (urls.status(), Status::PATH),
            (urls.recording(), Recording::PATH),
        ] {
            let sent = url.split('#').next().unwrap_or_default();
            assert_eq!(sent, format!("https://app.example/Prod{path}"));
        }
    }
}
