//! Requests as HTTP servers hand them over: their bodies are still on the way.

use std::sync::Arc;

use bytes::{Buf as _, Bytes, BytesMut};
use http::{Request, Response};
use http_body_util::BodyExt as _;

use crate::endpoint::{App, BODY_LIMIT, ClientAddress, Endpoint, Reason, Refusal};

use super::{finished, guarded};

/// Reads the body and answers. One byte over the limit is enough to know: the endpoint refuses such
/// a body in its own words, with its own headers.
///
/// `client` is the client's address as the server itself knows it, if it does.
pub async fn answer<E, B>(
    endpoint: E,
    app: Arc<App>,
    client: Option<ClientAddress>,
    request: Request<B>,
) -> Response<Bytes>
where
    E: Endpoint,
    B: http_body::Body + Unpin,
{
    let (mut parts, mut body) = request.into_parts();
    if let Some(client) = client {
        parts.extensions.insert(client);
    }
    let mut read = BytesMut::new();
    while read.len() <= BODY_LIMIT {
        match body.frame().await {
            None => break,
            Some(Err(_)) => {
                let message = "The request broke off: send it again.";
                let refusal = Refusal::new(Reason::InvalidJson, message);
                return finished(&app, &parts.method, refusal.into());
            }
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    let room = (BODY_LIMIT + 1 - read.len()).min(data.remaining());
                    read.extend_from_slice(&data.take(room).copy_to_bytes(room));
                }
            }
        }
    }
    guarded(endpoint, app, Request::from_parts(parts, read.freeze())).await
}
