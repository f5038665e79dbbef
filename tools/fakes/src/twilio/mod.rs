//! The simulated Twilio: its REST interface below `/2010-04-01`, and the lives of calls.

mod auth;
pub(crate) mod call;
mod callbacks;
mod calls_json;
mod errors;
mod fetch;
mod fields;
pub(crate) mod life;
mod media;
mod overrides;
pub(crate) mod patterns;
mod recordings;
mod stream;
mod target;
mod twiml;
pub(crate) mod validation;
mod webhook;

use crate::Fakes;
use axum::{
    Router,
    routing::{get, post},
};

const API_VERSION: &str = "2010-04-01";

pub(crate) fn router(fakes: &Fakes) -> Router {
    let account = Router::new()
        .route("/Calls.json", post(calls_json::create).get(calls_json::list))
        .route("/Calls/{file}", get(calls_json::fetch).post(calls_json::update))
        .route("/Calls/{sid}/Notifications.json", get(calls_json::notifications))
        .route("/Calls/{sid}/Recordings.json", get(recordings::list))
        .route("/Recordings/{file}", get(recordings::fetch))
        .fallback(errors::not_found)
        .with_state(fakes.clone());
    Router::new()
        .nest("/2010-04-01/Accounts/{account_sid}", account)
        .route("/media/{file}", get(recordings::redirected))
        .with_state(fakes.clone())
}
