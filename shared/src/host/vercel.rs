//! Vercel, and plain HTTP on loopback by the same server where no host is found.

use std::sync::Arc;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use vercel_runtime::service_fn;

use crate::endpoint::{App, BODY_LIMIT, Endpoint, Reason, Refusal};

use super::{Error, guarded};

pub(super) async fn run<E: Endpoint>(endpoint: E, app: Arc<App>) -> Result<(), Error> {
    let handler = move |request: vercel_runtime::Request| {
        let app = Arc::clone(&app);
        async move {
            let (parts, body) = request.into_parts();
            // Nothing limits the body but us. Never an `Err`: its text would reach the caller.
            let response: Response<Bytes> = match Limited::new(body, BODY_LIMIT).collect().await {
                Ok(body) => {
                    guarded(endpoint, app, Request::from_parts(parts, body.to_bytes())).await
                }
                Err(error) if error.is::<LengthLimitError>() => {
                    Refusal::new(Reason::BodyTooLarge, "Send at most 64 KiB.").into()
                }
                Err(_) => Refusal::new(Reason::InvalidJson, "The request broke off.").into(),
            };
            Ok::<_, Error>(response)
        }
    };
    vercel_runtime::run(service_fn(handler)).await
}
