//! `Calls.json` and `Calls/{CallSid}.json`.

use super::{API_VERSION, auth, errors::TwilioError, patterns::Pattern, validation::CallOptions};
use crate::{CreateFault, Fakes, fakes::lock, hang_up::hang_up};
use axum::{
    Json,
    body::Bytes,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::{Value, json};
use std::time::Duration;

type Pairs = Vec<(String, String)>;

/// A form, or why it is none. Real Twilio's answer to another content type is not in the contract:
/// 400 with its general code for a malformed request keeps the client's fault visible.
fn form(headers: &HeaderMap, body: &[u8]) -> Result<Pairs, TwilioError> {
    let content_type = headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .unwrap_or_default();
    if !content_type.trim().eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        let message = "Content-Type must be application/x-www-form-urlencoded";
        return Err(TwilioError::bad_request(20001, message));
    }
    serde_urlencoded::from_bytes(body)
        .map_err(|error| TwilioError::bad_request(20001, error.to_string()))
}

/// `POST Calls.json`.
pub(crate) async fn create(
    State(fakes): State<Fakes>,
    Path(account_sid): Path<String>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Response, TwilioError> {
    fakes.count_attempt();
    let faults = fakes.faults().twilio;
    if faults.delay_ms > 0 {
        tokio::time::sleep(Duration::from_millis(faults.delay_ms)).await;
    }
    auth::check(fakes.config(), &headers, &account_sid)?;
    let pairs = form(&headers, &body)?;
    match faults.create {
        CreateFault::Unauthorized => return Err(TwilioError::authenticate()),
        CreateFault::RateLimited => return Err(TwilioError::too_many_requests()),
        CreateFault::ServerErrorNoCall => return Err(TwilioError::internal()),
        CreateFault::Reject(code) => {
            let to = pairs.iter().find(|(name, _)| name == "To");
            let to = to.map_or("", |(_, value)| value);
            return Err(TwilioError::rejected(code, to));
        }
        CreateFault::Never => std::future::pending().await,
        _ => {}
    }
    let options = CallOptions::parse(fakes.config(), &pairs)?;
    let call = fakes.add_call(options);
    fakes.remember_created(call.sid.clone(), pairs);
    let answer = call.to_json(fakes.config());
    let lost = call.pattern == Pattern::ReplyLost;
    fakes.start(call);
    Ok(match faults.create {
        CreateFault::ServerError => TwilioError::internal().into_response(),
        CreateFault::Nonsense => (StatusCode::CREATED, "<html>Created</html>").into_response(),
        CreateFault::LoseReply => hang_up(),
        _ if lost => hang_up(),
        _ => (StatusCode::CREATED, Json(answer)).into_response(),
    })
}

/// What [`list`] filters by; other parameters are ignored.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Filter {
    to: Option<String>,
    from: Option<String>,
    status: Option<String>,
    page_size: Option<usize>,
}

/// `GET Calls.json`.
pub(crate) async fn list(
    State(fakes): State<Fakes>,
    Path(account_sid): Path<String>,
    Query(filter): Query<Filter>,
    headers: HeaderMap,
) -> Result<Json<Value>, TwilioError> {
    let config = fakes.config();
    auth::check(config, &headers, &account_sid)?;
    let matches = |wanted: &Option<String>, is: &str| wanted.as_deref().is_none_or(|it| it == is);
    let calls: Vec<Value> = fakes
        .calls()
        .iter()
        .filter(|call| matches(&filter.to, &call.options.to))
        .filter(|call| matches(&filter.from, &call.options.from))
        .filter(|call| matches(&filter.status, lock(&call.state).status))
        .take(filter.page_size.unwrap_or(50).clamp(1, 1000))
        .map(|call| call.to_json(config))
        .collect();
    Ok(Json(json!({
        "calls": calls,
        "page": 0,
        "page_size": filter.page_size.unwrap_or(50),
        "uri": format!("/{API_VERSION}/Accounts/{account_sid}/Calls.json"),
        "next_page_uri": null,
    })))
}

/// `GET Calls/{CallSid}.json`.
pub(crate) async fn fetch(
    State(fakes): State<Fakes>,
    Path((account_sid, file)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Json<Value>, TwilioError> {
    auth::check(fakes.config(), &headers, &account_sid)?;
    fakes.look();
    let call = file.strip_suffix(".json").and_then(|sid| fakes.call(sid));
    match call {
        Some(call) => Ok(Json(call.to_json(fakes.config()))),
        None => Err(not_found(&account_sid, &file)),
    }
}

/// `POST Calls/{CallSid}.json`: hanging up. Other TwiML for a running call is not simulated.
pub(crate) async fn update(
    State(fakes): State<Fakes>,
    Path((account_sid, file)): Path<(String, String)>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, TwilioError> {
    auth::check(fakes.config(), &headers, &account_sid)?;
    let pairs = form(&headers, &body)?;
    let call = file
        .strip_suffix(".json")
        .and_then(|sid| fakes.call(sid))
        .ok_or_else(|| not_found(&account_sid, &file))?;
    let wanted = pairs.iter().find(|(name, _)| name == "Status");
    let answered = lock(&call.state).answered.is_some();
    match wanted.map(|(_, value)| value.as_str()) {
        Some("completed") if !call.is_over() => {}
        Some("canceled") if !call.is_over() && !answered => {}
        Some("completed" | "canceled") => {
            let message = "Call is not in-progress. Cannot redirect.";
            return Err(TwilioError::bad_request(21220, message));
        }
        _ => {
            let message = "The simulated Twilio can only change Status to completed or canceled.";
            return Err(TwilioError::bad_request(20001, message));
        }
    }
    call.hang_up();
    if call.options.test {
        // Nobody else ends a call that was never dialled.
        call.end("canceled");
    }
    Ok(Json(call.to_json(fakes.config())))
}

/// `GET Calls/{CallSid}/Notifications.json`: the debugger's view.
pub(crate) async fn notifications(
    State(fakes): State<Fakes>,
    Path((account_sid, sid)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Json<Value>, TwilioError> {
    auth::check(fakes.config(), &headers, &account_sid)?;
    if fakes.call(&sid).is_none() {
        return Err(not_found(&account_sid, &sid));
    }
    let notifications: Vec<Value> = fakes
        .notifications(&sid)
        .into_iter()
        .map(|notification| {
            json!({
                "account_sid": account_sid,
                "call_sid": sid,
                "error_code": notification.error_code.to_string(),
                "log": "0",
                "message_text": notification.message,
                "request_url": notification.request_url,
            })
        })
        .collect();
    Ok(Json(json!({ "notifications": notifications })))
}

fn not_found(account_sid: &str, file: &str) -> TwilioError {
    TwilioError::not_found(&format!("/{API_VERSION}/Accounts/{account_sid}/Calls/{file}"))
}
