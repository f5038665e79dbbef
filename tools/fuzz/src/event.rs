//! What Lambda hands over.

use std::sync::Arc;

use lambda_http::Context;
use lambda_http::lambda_runtime::LambdaEvent;
use lambda_http::request::LambdaRequest;
use shared::endpoint::{Endpoint, MakeCall, Recording, Status, Voice};
use shared::host::lambda::answer;

use crate::input::lines;
use crate::world::{WITHOUT_AGENT, WITHOUT_STORE, wait};

/// An endpoint, and an event of any front end's.
pub(crate) fn lambda(data: &[u8]) {
    let ([endpoint], event) = lines(data);
    let Ok(event) = serde_json::from_slice(event) else { return };
    match endpoint {
        "make-call" => invoke(MakeCall, event),
        "recording" => invoke(Recording, event),
        "voice" => invoke(Voice, event),
        _ => invoke(Status, event),
    }
}

/// Nothing is signed and no token is shown, so whatever it is, it is refused or a preflight.
fn invoke<E: Endpoint>(endpoint: E, event: LambdaRequest) {
    let app = if E::NAME == "make-call" { &WITHOUT_STORE } else { &WITHOUT_AGENT };
    let event = LambdaEvent::new(event, Context::default());
    let Ok(answer) = wait(answer(endpoint, Arc::clone(app), event));
    let answer = serde_json::to_value(answer).unwrap_or_default();
    let expected = [204, 400, 401, 403, 405, 413].map(serde_json::Value::from);
    assert!(expected.contains(&answer["statusCode"]), "{answer}");
}
