//! The hosts: one handler on Lambda, on Vercel and on a developer's machine, from one binary.

pub mod body;
pub mod client;
#[cfg(feature = "lambda")]
pub mod lambda;
mod log;
#[cfg(feature = "vercel")]
mod vercel;

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, header};
use tokio::time::timeout;
use tracing::{error, warn};

pub use log::{json_log, silence_panics};

use crate::endpoint::{App, Endpoint};
use crate::net;
use crate::ports::System;
#[cfg(any(feature = "lambda", feature = "vercel"))]
use crate::settings::Platform;
use crate::settings::{Connect, Settings, Variables};
use crate::store::{Store, Unavailable};
use crate::values::StoreUrl;

/// Why a process could not start or stopped.
pub type Error = Box<dyn std::error::Error + Send + Sync>;

/// The variables of this process.
struct ProcessVariables;

impl Variables for ProcessVariables {
    fn get(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn names(&self) -> Vec<String> {
        std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()).collect()
    }
}

/// Runs one endpoint until the host ends the process. The whole of a function's `main`.
pub fn main<E: Endpoint>(endpoint: E) -> Result<(), Error> {
    silence_panics();
    json_log(std::io::stderr, std::env::var("RUST_LOG").ok().as_deref());
    // One thread: a second costs a quarter of a millisecond at start and doubles the CPU a request
    // takes.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let settings = Settings::parse(&ProcessVariables).with_secrets(E::SECRETS);
        let app = Arc::new(app(settings)?);
        run(endpoint, app).await
    })
}

async fn run<E: Endpoint>(endpoint: E, app: Arc<App>) -> Result<(), Error> {
    match app.settings.platform {
        #[cfg(feature = "lambda")]
        Platform::Lambda => lambda::run(endpoint, app).await,
        // Without a platform this is plain HTTP on 127.0.0.1:$VERCEL_DEV_PORT, or 3000.
        #[cfg(feature = "vercel")]
        platform @ (Platform::Bare | Platform::Vercel { .. }) => {
            vercel::run(endpoint, app, platform).await
        }
        #[allow(unreachable_patterns, reason = "unreachable where both are compiled in")]
        platform => {
            let _ = (endpoint, app);
            Err(format!("{platform:?} was not compiled in (enable its cargo feature)").into())
        }
    }
}

/// Builds everything that the settings ask for. Problems of the settings do not stop it: the endpoints
/// answer each request with what is wrong, voice in words for a person.
pub fn app(settings: Settings) -> Result<App, Error> {
    announce(&settings);
    let http = net::client()?;
    let store = open_store(&settings, &http);
    Ok(App::new(settings, store, http, Arc::new(System), Arc::new(System)))
}

/// Opens the store of the settings, or one that fails every request and says why. No connection is
/// made yet: the first caller would wait for it.
pub fn open_store(settings: &Settings, http: &reqwest::Client) -> Arc<dyn Store> {
    open(settings, http).unwrap_or_else(|why| {
        error!(service = "store", why, "the store could not be opened");
        Arc::new(Unavailable(why))
    })
}

#[allow(unused_variables, reason = "each build has some of the stores")]
fn open(settings: &Settings, http: &reqwest::Client) -> Result<Arc<dyn Store>, String> {
    let days = settings.calling.retention_days;
    match &settings.store {
        None => Err("no store is configured".to_owned()),
        #[cfg(feature = "dynamodb")]
        Some(StoreUrl::DynamoDb(url)) => Ok(Arc::new(crate::store::DynamoDb::new(url, http, days))),
        #[cfg(feature = "redis")]
        Some(StoreUrl::KvRest { url, token }) => {
            Ok(Arc::new(crate::store::Redis::over_rest(url, token, http, days)))
        }
        #[cfg(feature = "redis")]
        Some(StoreUrl::Redis(url)) => crate::store::Redis::over_resp(url, days)
            .map(|store| Arc::new(store) as Arc<dyn Store>)
            .map_err(|error| error.to_string()),
        #[cfg(feature = "sqlite")]
        Some(StoreUrl::Sqlite(path)) => crate::store::Sqlite::open(path, days)
            .map(|store| Arc::new(store) as Arc<dyn Store>)
            .map_err(|error| error.to_string()),
        #[allow(unreachable_patterns, reason = "unreachable where every store is compiled in")]
        Some(_) => Err("the store was not compiled in (enable its cargo feature)".to_owned()),
    }
}

/// Logs what the deployer should know at once.
fn announce(settings: &Settings) {
    for problem in &settings.problems {
        error!(variable = problem.name, problem = problem.what, "misconfigured");
    }
    if settings.elevenlabs.as_ref().is_some_and(|agent| agent.connect == Connect::SignedUrl) {
        warn!(
            "ELEVENLABS_CONNECT=signed-url: Twilio drops the query of a Stream url and with it the signature, so live calls end after a second with error 31921; use register-call"
        );
    }
    if settings.platform.is_deployed() && settings.access.allow_anonymous {
        warn!(
            "ALLOW_ANONYMOUS_DIALLING is on: the Origin check stops other sites, not a person with curl, so only the limits bound the bill"
        );
    }
    if settings.store.as_ref().is_some_and(StoreUrl::is_exposed) {
        warn!(
            service = "store",
            "the store's password and every call travel unencrypted: use rediss:// where the provider has it"
        );
    }
}

/// Answers one request in a task of its own. A caller that hangs up does not cut a dial off between
/// Twilio's answer and our record of it. A panic, and an answer that is late, become the endpoint's last
/// word: one bad request ends neither its caller's answer nor the process.
pub async fn guarded<E: Endpoint>(
    endpoint: E,
    app: Arc<App>,
    mut request: Request<Bytes>,
) -> Response<Bytes> {
    let asked = request.method().clone();
    if asked == Method::HEAD {
        *request.method_mut() = Method::GET;
    }
    let task = {
        let app = Arc::clone(&app);
        tokio::spawn(async move { endpoint.answer(&app, request).await })
    };
    let answered = timeout(E::LONGEST, task).await.unwrap_or_else(|_| {
        error!(service = "close-loop", endpoint = E::NAME, "no answer in time");
        Ok(endpoint.last_word(&app))
    });
    finished(&app, &asked, answered.unwrap_or_else(|_| endpoint.last_word(&app)))
}

/// Adds what every answer has. An answer to `HEAD` is the answer to `GET` without its body.
fn finished(app: &App, asked: &Method, mut response: Response<Bytes>) -> Response<Bytes> {
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    if app.settings.platform.is_deployed() {
        let a_year = HeaderValue::from_static("max-age=31536000");
        headers.insert(header::STRICT_TRANSPORT_SECURITY, a_year);
    }
    if *asked == Method::HEAD {
        let body = std::mem::take(response.body_mut());
        response.headers_mut().insert(header::CONTENT_LENGTH, body.len().into());
    }
    response
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use http::StatusCode;

    use super::*;

    /// Never answers.
    #[derive(Clone, Copy)]
    struct Silent;

    impl Endpoint for Silent {
        const NAME: &'static str = "silent";
        const PATH: &'static str = "/silent";
        const SECRETS: &'static [&'static str] = &[];
        const LONGEST: Duration = Duration::from_secs(7);

        async fn answer(self, _: &App, _: Request<Bytes>) -> Response<Bytes> {
            std::future::pending().await
        }

        fn last_word(self, _: &App) -> Response<Bytes> {
            let mut response = Response::new(Bytes::from("the last word"));
            *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
            response
        }
    }

    fn app() -> Arc<App> {
        let (settings, system) = (Settings::parse(&|_: &str| None), Arc::new(System));
        let store = Arc::new(Unavailable(String::new()));
        let http = net::client().unwrap();
        Arc::new(App::new(settings, store, http, system.clone(), system))
    }

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_is_not_there_in_time_is_the_last_word() {
        let began = tokio::time::Instant::now();
        let response = guarded(Silent, app(), Request::new(Bytes::new())).await;
        assert_eq!(response.body(), "the last word");
        assert_eq!(began.elapsed().as_secs(), Silent::LONGEST.as_secs());
        // A HEAD is told its length alone.
        let mut head = Request::new(Bytes::new());
        *head.method_mut() = Method::HEAD;
        let response = guarded(Silent, app(), head).await;
        assert_eq!(
            (response.headers()["content-length"].as_bytes(), response.body().len()),
            (&b"13"[..], 0)
        );
    }
}
