//! Closing a connection without an answer.

use axum::{body::Body, response::Response};
use futures_util::stream;
use std::io;

/// An answer that is none: the server drops the connection before a single byte goes out.
///
/// Not an orderly HTTP answer, so there is no orderly way to ask for it: a body that fails at its
/// first poll makes hyper give the connection up before the head is flushed.
pub(crate) fn hang_up() -> Response {
    let failing = stream::once(async { Err::<&'static [u8], _>(io::Error::other("hang up")) });
    Response::new(Body::from_stream(failing))
}
