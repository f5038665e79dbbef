//! A deployment in one process: settings, a store, the endpoints.

use std::sync::{Arc, LazyLock};

use bytes::Bytes;
use http::{Request, Response};
use shared::call::Timestamp;
use shared::endpoint::{App, Endpoint};
use shared::net::Http;
use shared::ports::{Clock, Random};
use shared::settings::Settings;
use shared::store::{Record, Store, Unavailable};
use tokio::runtime::Runtime;

use crate::blank::Blank;

pub(crate) const APP_URL: &str = "https://app.example";
pub(crate) const ACCOUNT_SID: &str = "AC00000000000000000000000000000001";
pub(crate) const AUTH_TOKEN: &str = "0123456789abcdef0123456789abcdef";
pub(crate) const SECOND_TOKEN: &str = "fedcba9876543210fedcba9876543210";
pub(crate) const CALL_TOKEN: &str = "a-token-of-the-right-length";

/// Everything that is required, and nothing that reaches beyond this process.
pub(crate) const COMPLETE: [(&str, &str); 9] = [
    ("ELEVENLABS_AGENT_ID", "agent_x"),
    ("ELEVENLABS_API_KEY", "key"),
    ("MAKE_CALL_TOKEN", CALL_TOKEN),
    ("NEXT_PUBLIC_APP_URL", APP_URL),
    ("STORE_URL", "redis://127.0.0.1:1"),
    ("TWILIO_ACCOUNT_SID", ACCOUNT_SID),
    ("TWILIO_AUTH_TOKEN", AUTH_TOKEN),
    ("TWILIO_AUTH_TOKEN_SECONDARY", SECOND_TOKEN),
    ("TWILIO_PHONE_NUMBER", "+12125550100"),
];

/// Settings from pairs; the first of a name counts.
pub(crate) fn settings(pairs: &[(&str, &str)]) -> Settings {
    Settings::parse(&|name: &str| {
        let found = pairs.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    })
}

/// Time stands still and dice fall the same, so that an input does the same each time.
struct Still;

impl Clock for Still {
    fn now(&self) -> Timestamp {
        Timestamp::from_millis(1_795_341_600_000)
    }
}

impl Random for Still {
    fn random_bytes(&self) -> [u8; 16] {
        [7; 16]
    }
}

/// An app over a store and a network.
pub(crate) fn app(settings: Settings, store: Arc<dyn Store>, http: impl Into<Http>) -> Arc<App> {
    Arc::new(App::new(settings, store, http, Arc::new(Still), Arc::new(Still)))
}

/// The one that functions have.
#[expect(clippy::expect_used, reason = "without a client there is nothing to fuzz")]
pub(crate) fn client() -> reqwest::Client {
    shared::net::client().expect("a client")
}

/// Complete, but nothing can be written: whatever is dialled ends before Twilio is asked.
pub(crate) static WITHOUT_STORE: LazyLock<Arc<App>> =
    LazyLock::new(|| app(settings(&COMPLETE), Arc::new(Unavailable("none".to_owned())), client()));

/// Everything is written and nothing kept. Without an agent, so that voice asks no service.
pub(crate) static WITHOUT_AGENT: LazyLock<Arc<App>> = LazyLock::new(|| {
    let pairs: Vec<_> =
        COMPLETE.into_iter().filter(|(name, _)| !name.starts_with("ELEVENLABS")).collect();
    app(settings(&pairs), Arc::new(Blank(Record::default())), client())
});

#[expect(clippy::expect_used, reason = "without a runtime there is nothing to fuzz")]
fn runtime(is_paused: bool) -> Runtime {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().start_paused(is_paused).build().expect("a runtime")
}

/// Runs to the end. A sleeping task is woken at once: nothing here waits for another process.
pub(crate) fn wait<T>(future: impl Future<Output = T>) -> T {
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| runtime(true));
    RUNTIME.block_on(future)
}

/// Runs to the end what goes over the network, and takes its time.
pub(crate) fn wait_for_network<T>(future: impl Future<Output = T>) -> T {
    static RUNTIME: LazyLock<Runtime> = LazyLock::new(|| runtime(false));
    RUNTIME.block_on(future)
}

/// One request, answered.
pub(crate) fn ask(endpoint: impl Endpoint, app: &App, request: Request<Bytes>) -> Response<Bytes> {
    wait(endpoint.answer(app, request))
}
