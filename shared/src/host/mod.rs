//! The hosts: one handler on Lambda, on Vercel and on a developer's machine, from one binary.

pub mod body;
pub mod client;
#[cfg(feature = "lambda")]
pub mod lambda;
mod log;
mod start;
#[cfg(feature = "vercel")]
mod vercel;

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, header};
use tokio::time::timeout;
use tracing::error;

pub use log::{json_log, silence_panics};
pub use start::{app, open_store};

#[cfg(any(feature = "lambda", feature = "vercel"))]
use crate::settings::Platform;
use crate::settings::{Settings, Variables};

use crate::endpoint::{App, Endpoint};

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
        #[allow(unreachable_patterns, reason = "unreachable where both are carried")]
        platform => {
            let _ = (endpoint, app);
            Err(format!("this build does not carry what {platform:?} needs").into())
        }
    }
}

/// Answers one request in a task of its own. A caller who hangs up does not cut a dial off between
/// Twilio's answer and our record of it, and a panic becomes the endpoint's last word: one bad
/// request takes neither its caller's answer nor the process with it. So does an answer that is not
/// there when it must be.
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

/// What every answer has, whichever endpoint gave it. One to `HEAD` is that to `GET` without its body.
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
    use crate::ports::System;
    use crate::store::Absent;

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
        let store = Arc::new(Absent(String::new()));
        let http = crate::net::client().unwrap();
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
