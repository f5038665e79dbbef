//! Vercel, and plain HTTP on loopback by the same server where no host is found.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::sleep;
use tracing::warn;
use vercel_runtime::{AppState, service_fn};

use crate::endpoint::{App, Endpoint};
use crate::settings::Platform;

use super::{Error, body, client};

/// How long after file handles ran out connections are accepted again: some of the open ones have
/// ended by then.
const PAUSE: Duration = Duration::from_millis(50);

/// How long the last answers have to leave the process after they were given.
const LEAVING: Duration = Duration::from_millis(100);

pub(super) async fn run<E: Endpoint>(
    endpoint: E,
    app: Arc<App>,
    platform: Platform,
) -> Result<(), Error> {
    // Without Vercel in front the caller may have written the header, and the crate does not tell the peer.
    let is_vercels = platform != Platform::Bare;
    let handler = move |request: vercel_runtime::Request, state: AppState| {
        let (app, last) = (Arc::clone(&app), Arc::clone(&app));
        let client = is_vercels.then(|| client::real_ip(request.headers())).flatten();
        async move {
            let (sender, answered) = oneshot::channel();
            // At SIGTERM the crate drops its connections, but waits for the work registered here. A
            // dial must not stop between Twilio's answer and our record of it.
            state.wait_until(async move {
                let answer = body::answer(endpoint, app, client, request).await;
                // Fails where the caller has hung up.
                let _ = sender.send(answer);
            });
            // Never an `Err`: its text would reach the caller.
            Ok::<_, Error>(answered.await.unwrap_or_else(|_| endpoint.last_word(&last)))
        }
    };
    let mut is_full = false;
    loop {
        match vercel_runtime::run(service_fn(handler.clone())).await {
            // The crate gives up at the first connection that it cannot accept. Those that are open go
            // on meanwhile.
            Err(error) if is_out_of_handles(&error) => {
                if !is_full {
                    warn!(service = "close-loop", %error, "no connection could be accepted");
                }
                is_full = true;
                sleep(PAUSE).await;
            }
            ended => {
                sleep(LEAVING).await;
                return ended;
            }
        }
    }
}

/// `ENFILE` or `EMFILE`, which have the same numbers on every system that we run on.
fn is_out_of_handles(error: &Error) -> bool {
    let error = error.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error);
    matches!(error, Some(23 | 24))
}
