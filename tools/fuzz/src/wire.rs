//! A network that brings whatever it is told to.

use std::future::ready;
use std::sync::{Mutex, PoisonError};

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use reqwest::{Request, Response};
use shared::net::{SendError, Sent, Transport};

/// To every request the same.
pub(crate) struct Told;

#[derive(Clone)]
enum Answer {
    Comes(StatusCode, HeaderMap, Vec<u8>),
    Fails(SendError),
}

static NEXT: Mutex<Option<Answer>> = Mutex::new(None);

/// From now on, this: a status or the word of a failure, a header, and a body.
pub(crate) fn told(status: &str, header: (&str, &str), body: &[u8]) {
    let why = "told so".to_owned();
    let answer = match status {
        "not-sent" => Answer::Fails(SendError::NotSent(why)),
        "timed-out" => Answer::Fails(SendError::TimedOut(why)),
        "broken" => Answer::Fails(SendError::Broken(why)),
        _ => {
            let status = StatusCode::from_bytes(status.as_bytes()).unwrap_or_default();
            let value = HeaderValue::from_str(header.1);
            let name = HeaderName::from_bytes(header.0.as_bytes());
            let headers = name.into_iter().zip(value).collect();
            Answer::Comes(status, headers, body.to_vec())
        }
    };
    *NEXT.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
}

impl Transport for Told {
    fn send(&self, _: Request) -> Sent<'_> {
        let answer = NEXT.lock().unwrap_or_else(PoisonError::into_inner).clone();
        Box::pin(ready(match answer {
            Some(Answer::Comes(status, headers, body)) => {
                let mut response = http::Response::new(body);
                *response.status_mut() = status;
                *response.headers_mut() = headers;
                Ok(Response::from(response))
            }
            Some(Answer::Fails(error)) => Err(error),
            None => Err(SendError::NotSent("nobody told".to_owned())),
        }))
    }
}
