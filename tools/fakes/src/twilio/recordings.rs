//! `Calls/{CallSid}/Recordings.json`: the list; `Recordings/{RecordingSid}`: the media.

use super::{API_VERSION, auth, errors::TwilioError};
use crate::{Fakes, RecordingFault, audio::Format, fakes::lock, recording_sid::Recorded};
use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Redirect, Response},
};
use serde_json::{Value, json};

/// `GET Recordings/{RecordingSid}`, with `.wav`, `.mp3` or nothing.
pub(crate) async fn fetch(
    State(fakes): State<Fakes>,
    Path((account_sid, file)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Response, TwilioError> {
    auth::check(fakes.config(), &headers, &account_sid)?;
    let path = format!("/{API_VERSION}/Accounts/{account_sid}/Recordings/{file}");
    let Some((recorded, format)) = find(&fakes, &file) else {
        return Err(TwilioError::not_found(&path));
    };
    match fakes.faults().recording {
        RecordingFault::Ok => Ok(media(recorded, format, &headers)),
        RecordingFault::Gone => Err(TwilioError::not_found(&path)),
        RecordingFault::IgnoresRange => Ok(media(recorded, format, &HeaderMap::new())),
        RecordingFault::Redirect => {
            let to = format!("{}/twilio/media/{file}", fakes.config().base_url);
            Ok(Redirect::temporary(&to).into_response())
        }
        RecordingFault::ServerError => Err(TwilioError::internal()),
        RecordingFault::Never => std::future::pending().await,
    }
}

/// `GET Calls/{CallSid}/Recordings.json`.
pub(crate) async fn list(
    State(fakes): State<Fakes>,
    Path((account_sid, sid)): Path<(String, String)>,
    headers: HeaderMap,
) -> Result<Json<Value>, TwilioError> {
    auth::check(fakes.config(), &headers, &account_sid)?;
    fakes.look_for_recordings();
    let path = format!("/{API_VERSION}/Accounts/{account_sid}/Calls/{sid}/Recordings.json");
    let call = fakes.call(&sid).ok_or_else(|| TwilioError::not_found(&path))?;
    let recorded = lock(&call.state).recorded;
    let (status, duration, error) = match recorded {
        None => ("in-progress", "-1".to_owned(), None),
        Some(0) => ("absent", "0".to_owned(), Some(16101)),
        Some(seconds) => ("completed", seconds.to_string(), None),
    };
    let recording = json!({
        "sid": call.recording_sid, "account_sid": account_sid, "call_sid": sid, "status": status,
        "duration": duration, "channels": call.options.channels, "source": "OutboundAPI",
        "error_code": error, "price": null,
    });
    let recordings: Vec<Value> = call.is_recorded().then_some(recording).into_iter().collect();
    Ok(Json(json!({ "recordings": recordings, "page": 0, "uri": path, "next_page_uri": null })))
}

/// Where a redirect leads: a store that takes `Authorization` for an attack, as S3 does when its own
/// signature is in the address already.
pub(crate) async fn redirected(
    State(fakes): State<Fakes>,
    Path(file): Path<String>,
    headers: HeaderMap,
) -> Response {
    if headers.contains_key(header::AUTHORIZATION) {
        let message = "Only one auth mechanism allowed";
        return (StatusCode::BAD_REQUEST, message).into_response();
    }
    match find(&fakes, &file) {
        Some((recorded, format)) => media(recorded, format, &headers),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// A call of this process says how long its recording is; for older ones the SID does.
fn find(fakes: &Fakes, file: &str) -> Option<(Recorded, Format)> {
    let (sid, format) = match file.rsplit_once('.') {
        Some((sid, "wav")) => (sid, Format::Wav),
        Some((sid, "mp3")) => (sid, Format::Mp3),
        Some(_) => return None,
        None => (file, Format::Wav),
    };
    let mut recorded = Recorded::parse(sid)?;
    let calls = fakes.calls();
    if let Some(call) = calls.iter().find(|call| call.recording_sid == sid) {
        // Not there before it is completed.
        recorded.seconds = lock(&call.state).recorded?;
    }
    (recorded.seconds > 0).then_some((recorded, format))
}

fn media(recorded: Recorded, format: Format, headers: &HeaderMap) -> Response {
    let len = format.len(recorded);
    let range = headers
        .get(header::RANGE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| parse_range(value, len));
    let (status, start, end) = match range {
        None => (StatusCode::OK, 0, len),
        Some(Some((start, end))) => (StatusCode::PARTIAL_CONTENT, start, end),
        Some(None) => {
            let headers = [(header::CONTENT_RANGE, format!("bytes */{len}"))];
            return (StatusCode::RANGE_NOT_SATISFIABLE, headers).into_response();
        }
    };
    let mut response = (status, format.bytes(recorded, start, end)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    if status == StatusCode::PARTIAL_CONTENT {
        let range = format!("bytes {start}-{}/{len}", end - 1);
        if let Ok(range) = HeaderValue::from_str(&range) {
            headers.insert(header::CONTENT_RANGE, range);
        }
    }
    response
}

/// `None`: no range, or one to be ignored. `Some(None)`: outside. Else start and exclusive end.
#[allow(clippy::option_option, reason = "three outcomes, as in RFC 9110")]
fn parse_range(value: &str, len: usize) -> Option<Option<(usize, usize)>> {
    let (first, last) = value.strip_prefix("bytes=")?.split_once('-')?;
    if first.is_empty() {
        let suffix: usize = last.parse().ok()?;
        return Some((suffix > 0).then(|| (len.saturating_sub(suffix), len)));
    }
    let start: usize = first.parse().ok()?;
    let end =
        if last.is_empty() { len } else { last.parse::<usize>().ok()?.saturating_add(1).min(len) };
    if start >= len {
        return Some(None);
    }
    (start < end).then_some(Some((start, end)))
}
