//! The endpoints: what each URL does, the same on every host.

mod callers;
mod calls;
mod make_call;
mod recording;
mod refusal;
mod reply;
mod request_context;
mod status;
mod transcript;
mod voice;
mod webhook;

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};

pub use make_call::MakeCall;
pub use recording::Recording;
pub use refusal::{Reason, Refusal};
pub use request_context::{AskedPath, ClientAddress, UnorderedQuery, UnreadableQuery};
pub use status::Status;
pub use transcript::GetTranscript;
pub use voice::Voice;

use crate::call::{CallSid, Timestamp};
use crate::net::Http;
use crate::ports::{Clock, Random};
use crate::settings::Settings;
use crate::store::{Nonce, Store};

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
    /// The source of ids and nonces.
    pub random: Arc<dyn Random>,
    /// By a client's name: since when its requests are counted, and how many it made.
    clients: Recent<String, (Timestamp, u32)>,
    /// The last look-up of a call at Twilio, so that polling pages cause few.
    looks: Recent<CallSid, calls::Looked>,
    /// The last transcript of a call. Few calls are followed at once, and each transcript may be large.
    transcripts: Recent<CallSid, transcript::CachedTranscript>,
    /// Voice's answers that the store does not have: enough of them for the minutes in which Twilio
    /// may repeat a webhook.
    unsaved: Recent<CallSid, voice::CachedAnswer>,
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
            clients: Recent::new(1024),
            looks: Recent::new(1024),
            transcripts: Recent::new(16),
            unsaved: Recent::new(256),
        }
    }

    fn nonce(&self) -> Nonce {
        Nonce::new(self.random.random_bytes())
    }
}

/// One URL of the product.
pub trait Endpoint: Copy + Send + Sync + 'static {
    /// The binary's name.
    const NAME: &'static str;

    /// Its path under the public base. A host may show another one (a stage, a rewrite), which decides
    /// nothing.
    const PATH: &'static str;

    /// Which of [`SECRETS`](crate::settings::SECRETS) it uses. A host need not give it any other.
    const SECRETS: &'static [&'static str];

    /// The longest that an answer takes: the sum of its steps' timeouts. Each host's limit is above it.
    const LONGEST: Duration;

    /// Answers a request, whatever it is.
    fn answer(
        self,
        app: &App,
        request: Request<Bytes>,
    ) -> impl Future<Output = Response<Bytes>> + Send;

    /// What the caller gets if `answer` panicked or took too long.
    fn last_word(self, _: &App) -> Response<Bytes> {
        Refusal::new(Reason::InternalError, "Try again.").into()
    }
}

/// What a warm process remembers between requests: the newest so many values, by key.
#[derive(Debug)]
struct Recent<K, V> {
    /// How many entries there may be.
    most: usize,
    /// The number of the last change, and each entry with the number of its own.
    inner: Mutex<(u64, HashMap<K, (u64, V)>)>,
}

impl<K: Clone + Eq + Hash, V: Clone> Recent<K, V> {
    fn new(most: usize) -> Self {
        Self { most, inner: Mutex::default() }
    }

    fn recall(&self, key: &K) -> Option<V> {
        let inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        inner.1.get(key).map(|(_, value)| value.clone())
    }

    fn forget(&self, key: &K) {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner).1.remove(key);
    }

    /// Remembers what `change` makes of the value so far, and gives it. The oldest entry makes room.
    fn update(&self, key: &K, change: impl FnOnce(Option<V>) -> V) -> V {
        let mut inner = self.inner.lock().unwrap_or_else(PoisonError::into_inner);
        let (count, entries) = &mut *inner;
        let value = change(entries.get(key).map(|(_, value)| value.clone()));
        *count += 1;
        entries.insert(key.clone(), (*count, value.clone()));
        if entries.len() > self.most {
            let oldest = entries.iter().min_by_key(|(_, (age, _))| *age);
            if let Some(oldest) = oldest.map(|(key, _)| key.clone()) {
                entries.remove(&oldest);
            }
        }
        value
    }

    fn remember(&self, key: &K, value: V) {
        self.update(key, |_| value);
    }
}

/// The longer of two ways to an answer.
const fn longer(one: Duration, other: Duration) -> Duration {
    if one.as_millis() > other.as_millis() { one } else { other }
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

    #[test]
    fn the_oldest_gives_way_and_what_is_remembered_again_is_not_old() {
        let recent = Recent::new(2);
        recent.remember(&"a", 1);
        recent.remember(&"b", 2);
        assert_eq!(recent.update(&"a", |old| old.unwrap_or_default() + 10), 11);
        recent.remember(&"c", 3);
        assert_eq!(
            (recent.recall(&"a"), recent.recall(&"b"), recent.recall(&"c")),
            (Some(11), None, Some(3))
        );
        recent.forget(&"a");
        assert_eq!(recent.recall(&"a"), None);
    }
}
