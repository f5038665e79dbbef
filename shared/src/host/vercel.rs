//! Vercel, and plain HTTP on loopback by the same server where no host is found.

use std::sync::Arc;

use vercel_runtime::service_fn;

use crate::endpoint::{App, Endpoint};
use crate::settings::Platform;

use super::{Error, body, client};

pub(super) async fn run<E: Endpoint>(
    endpoint: E,
    app: Arc<App>,
    platform: Platform,
) -> Result<(), Error> {
    let handler = move |request: vercel_runtime::Request| {
        let app = Arc::clone(&app);
        // Without Vercel in front anybody may have written the header. The peer is not told.
        let is_vercels = platform != Platform::Bare;
        let client = is_vercels.then(|| client::real_ip(request.headers())).flatten();
        // Never an `Err`: its text would reach the caller.
        async move { Ok::<_, Error>(body::answer(endpoint, app, client, request).await) }
    };
    vercel_runtime::run(service_fn(handler)).await
}
