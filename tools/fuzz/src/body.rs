//! Bodies as a server hands them over: piece by piece, and sometimes no further.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, StatusCode};
use http_body::{Body, Frame};
use shared::endpoint::MakeCall;
use shared::host::body::answer;

use crate::input::lines;
use crate::world::{CALL_TOKEN, WITHOUT_STORE, ask, wait};

/// Sizes of the pieces, `!` for where it breaks off, and the body.
pub(crate) fn body(data: &[u8]) {
    let ([sizes], body) = lines(data);
    let pieces = Pieces::of(sizes, body);
    let is_whole = pieces.0.iter().all(Result::is_ok);
    let whole: Vec<u8> = pieces.0.iter().rev().flatten().flatten().copied().collect();
    let app = Arc::clone(&WITHOUT_STORE);
    let response = wait(answer(MakeCall, app, None, request(pieces)));
    if is_whole {
        let at_once = ask(MakeCall, &WITHOUT_STORE, request(Bytes::from(whole)));
        assert_eq!(response.status(), at_once.status());
        assert_eq!(response.body(), at_once.body());
    } else {
        assert!(response.status() != StatusCode::INTERNAL_SERVER_ERROR);
    }
}

fn request<B>(body: B) -> Request<B> {
    let mut request = Request::new(body);
    *request.method_mut() = http::Method::POST;
    let token = HeaderValue::from_str(&format!("Bearer {CALL_TOKEN}"));
    request.headers_mut().extend(token.map(|it| (http::header::AUTHORIZATION, it)));
    request.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    request
}

/// The last one comes first.
struct Pieces(Vec<Result<Bytes, Broken>>);

#[derive(Debug)]
struct Broken;

impl Pieces {
    fn of(sizes: &str, mut body: &[u8]) -> Self {
        let mut pieces = Vec::new();
        for size in sizes.split(',').take(100) {
            if size == "!" {
                pieces.push(Err(Broken));
                break;
            }
            // So that the limit is within reach of a short input.
            let enlarged = if size.starts_with('x') { 40_000 } else { 0 };
            let length = size.trim_start_matches('x').parse().unwrap_or(0_usize).min(body.len());
            let (piece, rest) = body.split_at(length);
            let times = (enlarged / piece.len().max(1)).max(1);
            pieces.push(Ok(piece.repeat(times).into()));
            body = rest;
        }
        pieces.reverse();
        Self(pieces)
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        Poll::Ready(self.0.pop().map(|piece| piece.map(Frame::data)))
    }
}
