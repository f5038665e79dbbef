//! Vercel, and plain HTTP on loopback by the same server where no host is found.

use std::sync::Arc;

use vercel_runtime::service_fn;

use crate::endpoint::{App, Endpoint};

use super::{Error, body};

pub(super) async fn run<E: Endpoint>(endpoint: E, app: Arc<App>) -> Result<(), Error> {
    let handler = move |request: vercel_runtime::Request| {
        let app = Arc::clone(&app);
        // Never an `Err`: its text would reach the caller.
        async move { Ok::<_, Error>(body::answer(endpoint, app, request).await) }
    };
    vercel_runtime::run(service_fn(handler)).await
}
