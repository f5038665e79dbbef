//! A real endpoint with a tripwire: it panics when a header asks for it, and otherwise also says who
//! the host layer thinks is asking. Nothing shipped can be made to panic, so the proof that panics
//! are answered, on each host and in each builder's release profile, needs functions of its own.

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response};
use shared::endpoint::{App, ClientAddress, Endpoint};

/// Makes the function panic: `early`, or `late`, after it has waited.
pub const TRIPWIRE: &str = "x-tripwire";
/// In every answer: the client's address, or `unknown`.
pub const CLIENT: &str = "x-client-address";
/// What a panic says, and no log or answer may.
pub const MESSAGE: &str = "the panic's own words";

/// An endpoint with a tripwire.
#[derive(Clone, Copy, Debug)]
pub struct Mined<E>(pub E);

impl<E: Endpoint> Endpoint for Mined<E> {
    const NAME: &'static str = E::NAME;
    const PATH: &'static str = E::PATH;
    const SECRETS: &'static [&'static str] = E::SECRETS;
    const LONGEST: Duration = E::LONGEST;

    #[allow(clippy::panic, reason = "what this crate is for")]
    async fn answer(self, app: &App, request: Request<Bytes>) -> Response<Bytes> {
        let tripped = request.headers().get(TRIPWIRE).cloned();
        if tripped.as_ref().is_some_and(|when| when == "early") {
            panic!("{MESSAGE}");
        }
        let client = request.extensions().get::<ClientAddress>().copied();
        let mut response = self.0.answer(app, request).await;
        if tripped.is_some() {
            tokio::task::yield_now().await;
            panic!("{MESSAGE}");
        }
        let client = client.and_then(|client| HeaderValue::try_from(client.ip().to_string()).ok());
        let client = client.unwrap_or(HeaderValue::from_static("unknown"));
        response.headers_mut().insert(CLIENT, client);
        response
    }

    fn last_word(self, app: &App) -> Response<Bytes> {
        self.0.last_word(app)
    }
}
