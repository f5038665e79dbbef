//! `/api/twilio/recording`: Twilio tells about recordings (POST), the page plays them (GET).

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use tracing::error;

use crate::call::{CallSid, RecordingSid, RecordingStatus};
use crate::store::{Lookup, timely};
use crate::twilio::{
    AudioFormat, ByteRange, FetchError, Media, fetch_recording, recording_callback,
};

use super::access::{Scope, allow_origin, authorize, preflight};
use super::answer::with_type;
use super::callers::admit;
use super::calls::{call_not_found, call_sid, query, unreadable};
use super::refusal::{Reason, Refusal};
use super::status::{not_a_callback, observe};
use super::webhook::verified;
use super::{App, Endpoint};

/// The endpoint that keeps and plays recordings.
#[derive(Clone, Copy, Debug)]
pub struct Recording;

const METHODS: &str = "GET, POST, OPTIONS";

impl Endpoint for Recording {
    const NAME: &'static str = "recording";
    const PATH: &'static str = "/api/twilio/recording";

    async fn answer(self, app: &App, request: Request<Bytes>) -> Response<Bytes> {
        let response = match *request.method() {
            Method::POST => {
                return callback(app, &request)
                    .await
                    .unwrap_or_else(|refusal| refusal.answer(Self::NAME));
            }
            Method::GET => {
                play(app, &request).await.unwrap_or_else(|refusal| refusal.answer(Self::NAME))
            }
            Method::OPTIONS => preflight(METHODS),
            _ => Refusal::method_not_allowed(METHODS).answer(Self::NAME),
        };
        allow_origin(&app.settings, request.method(), request.headers(), response)
    }

    fn last_word(self, _: &App) -> Response<Bytes> {
        Refusal::new(Reason::InternalError, "Try again.").into()
    }
}

async fn callback(app: &App, request: &Request<Bytes>) -> Result<Response<Bytes>, Refusal> {
    let webhook = verified::<Recording>(&app.settings, request)?;
    let (call, seen) = recording_callback(&webhook.form, webhook.call_id, app.clock.now())
        .map_err(|_| not_a_callback())?;
    observe(app, &call, &seen).await
}

async fn play(app: &App, request: &Request<Bytes>) -> Result<Response<Bytes>, Refusal> {
    let caller = authorize(&app.settings, request.headers(), Scope::ReadAll)?;
    admit(app, &caller, request)?;
    let query = query(request)?;
    let call_sid = call_sid(query.get("callSid").unwrap_or_default())?;
    let format = match query.get("format") {
        None | Some("mp3") => AudioFormat::Mp3,
        Some("wav") => AudioFormat::Wav,
        Some(_) => return Err(Refusal::new(Reason::InvalidParameter, "format is mp3 or wav.")),
    };
    let Some(account) = &app.settings.twilio else {
        return Err(Refusal::misconfigured(&app.settings.problems));
    };
    let range = request.headers().get(header::RANGE).and_then(|value| value.to_str().ok());
    let range = range.and_then(ByteRange::parse);
    let recording = recording_of(app, &call_sid).await?;
    let wanted = range.unwrap_or(ByteRange::START);
    match fetch_recording(&app.http, account, &recording, format, wanted).await {
        Ok(media) => Ok(served(media, format, range.is_some())),
        Err(error) => Err(refusal(&error, &call_sid)),
    }
}

/// The finished recording of a call.
async fn recording_of(app: &App, call_sid: &CallSid) -> Result<RecordingSid, Refusal> {
    let by = Lookup::CallSid(call_sid.clone());
    let record =
        timely(app.store.load(&by, app.clock.now())).await.map_err(|error| unreadable(&error))?;
    let call = record.ok_or_else(call_not_found)?.fold();
    let nothing = || Refusal::new(Reason::RecordingNotFound, "The call was not recorded.");
    let recording = call.recording.ok_or_else(nothing)?;
    match recording.status {
        RecordingStatus::Completed => Ok(recording.recording_sid),
        RecordingStatus::Absent | RecordingStatus::Failed => Err(nothing()),
        RecordingStatus::InProgress | RecordingStatus::Other(_) => Err(Refusal::new(
            Reason::RecordingNotReady,
            "Ask again when the call has ended: Twilio is still recording.",
        )
        .with_header(header::RETRY_AFTER, HeaderValue::from_static("5"))),
    }
}

/// 206 for a part, 200 for the whole where nobody asked for a part and it fits.
fn served(media: Media, format: AudioFormat, range_asked: bool) -> Response<Bytes> {
    let Media { bytes, start, total } = media;
    let length = bytes.len() as u64;
    let is_whole = start == 0 && length == total;
    let is_partial = range_asked || !is_whole;
    let status = if is_partial { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
    let mut response = with_type(status, format.content_type(), bytes);
    let headers = response.headers_mut();
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    if is_partial && length > 0 {
        let text = format!("bytes {start}-{}/{total}", start + length - 1);
        if let Ok(value) = HeaderValue::try_from(text) {
            headers.insert(header::CONTENT_RANGE, value);
        }
    }
    response
}

fn refusal(error: &FetchError, call_sid: &CallSid) -> Refusal {
    match error {
        FetchError::NotFound => {
            Refusal::new(Reason::RecordingNotFound, "Twilio does not have the audio any more.")
        }
        FetchError::Unsatisfiable { total } => {
            let refusal = Refusal::new(Reason::RangeNotSatisfiable, "Ask for an earlier range.");
            let text = total.map(|total| format!("bytes */{total}"));
            match text.and_then(|text| HeaderValue::try_from(text).ok()) {
                Some(value) => refusal.with_header(header::CONTENT_RANGE, value),
                None => refusal,
            }
        }
        FetchError::Unauthorized => {
            error!(service = "twilio", status = 401, reason = "twilio_unauthorized", callSid = %call_sid, "a recording could not be fetched");
            Refusal::new(
                Reason::TwilioUnauthorized,
                "Check TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN (or the API key).",
            )
            .logged()
        }
        FetchError::Unreachable { why } => {
            error!(service = "twilio", status = 502, reason = "twilio_unreachable", why, callSid = %call_sid, "a recording could not be fetched");
            Refusal::new(Reason::TwilioUnreachable, "Try again in a moment.").logged()
        }
    }
}
