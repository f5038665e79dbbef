//! The functions' way out: who gets which request, and what becomes of it on the way.

use std::sync::{Arc, Weak};
use std::time::Duration;

use reqwest::{Request, Response};
use shared::net::{SendError, Sent, Transport};
use tokio::time::{sleep, timeout};

use crate::elevenlabs;
use crate::functions::Functions;
use crate::ledger::{Invocation, current};
use crate::twilio;

/// The network.
pub(crate) struct Network(Weak<Functions>);

/// What the other side makes of a request.
pub(crate) type Outcome = Result<Response, SendError>;

impl Network {
    pub(crate) fn new(functions: &Arc<Functions>) -> Arc<Self> {
        Arc::new(Self(Arc::downgrade(functions)))
    }
}

impl Transport for Network {
    fn send(&self, request: Request) -> Sent<'_> {
        let (functions, invocation) = (self.0.upgrade(), current());
        Box::pin(async move {
            let (Some(functions), Some(invocation)) = (functions, invocation) else {
                return Err(SendError::NotSent("the simulation is over".to_owned()));
            };
            let patience = request.timeout().copied().unwrap_or(Duration::from_secs(60));
            let asker = Arc::clone(&invocation);
            // The other side goes on whether or not anybody still waits.
            let at_work = if request.url().path().contains("/convai/") {
                tokio::spawn(elevenlabs::answer(functions, invocation, request))
            } else {
                tokio::spawn(twilio::rest::answer(functions, invocation, request))
            };
            match timeout(patience, at_work).await {
                Ok(Ok(outcome)) => outcome,
                Ok(Err(_)) => Err(SendError::Broken("the other side broke".to_owned())),
                Err(_) => {
                    Invocation::set(&asker.is_ambiguous);
                    Err(SendError::TimedOut("timeout".to_owned()))
                }
            }
        })
    }
}

/// An answer with a body.
pub(crate) fn response(status: u16, headers: &[(&str, &str)], body: String) -> Outcome {
    let mut builder = http::Response::builder().status(status);
    for (name, value) in headers {
        builder = builder.header(*name, *value);
    }
    let response = builder.body(body).map_err(|error| SendError::Broken(error.to_string()))?;
    Ok(Response::from(response))
}

/// Nothing ever comes back.
pub(crate) async fn silence() -> Outcome {
    sleep(Duration::from_secs(600)).await;
    Err(SendError::TimedOut("nothing came".to_owned()))
}

/// The body of a request.
pub(crate) fn body(request: &Request) -> &[u8] {
    request.body().and_then(reqwest::Body::as_bytes).unwrap_or_default()
}
