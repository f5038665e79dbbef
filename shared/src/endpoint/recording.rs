//! `/api/twilio/recording`: Twilio tells about recordings (POST), the page plays them (GET).

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use tokio::time::timeout;
use tracing::{error, warn};

use crate::call::{
    Call, CallRef, CallSid, CallStatus, Fact, Observation, Progress, RecordingEvent, RecordingSid,
    RecordingStatus, Timestamp,
};
use crate::store::{BUDGET, Lookup, Nonce, Record, Taken, timely};
use crate::twilio::{
    Account, AudioFormat, ByteRange, FETCH_TIMEOUT, FetchError, Media, RANGE_LIMIT,
    fetch_recording, list_recordings, recording_callback,
};

use super::access::{Scope, allow_origin, authorize, preflight};
use super::answer::with_type;
use super::callers::admit;
use super::calls::{call_not_found, query, required_lookup, unreadable};
use super::refusal::{Reason, Refusal};
use super::status::{OBSERVING, not_a_callback, observe, reconciled};
use super::webhook::verified;
use super::{App, Endpoint, longer};

/// The endpoint that keeps and plays recordings.
#[derive(Clone, Copy, Debug)]
pub struct Recording;

const METHODS: &str = "GET, HEAD, POST, OPTIONS";

impl Endpoint for Recording {
    const NAME: &'static str = "recording";
    const PATH: &'static str = "/api/twilio/recording";
    const SECRETS: &'static [&'static str] = &[
        "MAKE_CALL_TOKEN",
        "MAKE_CALL_TOKEN_SECONDARY",
        "TWILIO_API_KEY_SECRET",
        "TWILIO_AUTH_TOKEN",
        "TWILIO_AUTH_TOKEN_SECONDARY",
    ];
    const LONGEST: Duration =
        longer(OBSERVING, BUDGET.saturating_add(SETTLE_BUDGET).saturating_add(FETCH_TIMEOUT));

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

/// What a reader asks for.
struct Wish {
    by: Lookup,
    /// One of several.
    recording_sid: Option<RecordingSid>,
    format: AudioFormat,
}

impl Wish {
    fn parse(request: &Request<Bytes>) -> Result<Self, Refusal> {
        let invalid = |message| Refusal::new(Reason::InvalidParameter, message);
        let by = required_lookup(request)?;
        let query = query(request)?;
        let recording_sid = query.get("recordingSid").map(|text| {
            RecordingSid::parse(text)
                .map_err(|_| invalid("A recordingSid is RE and 32 hex digits."))
        });
        let format = match query.get("format") {
            None | Some("mp3") => AudioFormat::Mp3,
            Some("wav") => AudioFormat::Wav,
            Some(_) => return Err(invalid("format is mp3 or wav.")),
        };
        Ok(Self { by, recording_sid: recording_sid.transpose()?, format })
    }
}

async fn play(app: &App, request: &Request<Bytes>) -> Result<Response<Bytes>, Refusal> {
    let caller = authorize(&app.settings, request.headers(), Scope::ReadAll)?;
    admit(app, &caller, request)?;
    let wish = Wish::parse(request)?;
    let Some(account) = &app.settings.twilio else {
        return Err(Refusal::misconfigured(&app.settings.problems));
    };
    let range = request.headers().get(header::RANGE).and_then(|value| value.to_str().ok());
    let range = range.and_then(ByteRange::parse);
    let record = timely(app.store.load(&wish.by, app.clock.now())).await;
    let record = record.map_err(|error| unreadable(&error))?.ok_or_else(call_not_found)?;
    let wanted = wish.recording_sid.as_ref();
    // Whatever takes longer is done for the next reader.
    let settling = timeout(SETTLE_BUDGET, settled(app, account, record.clone(), wanted));
    let call = settling.await.unwrap_or(record).fold();
    let now = app.clock.now();
    let (recording, is_ready) = match Audio::of(&call, wanted, now) {
        Audio::Ready(recording) => (recording, true),
        Audio::Processing(recording) => (recording, false),
        Audio::Expected | Audio::Unclear => return Err(not_ready()),
        Audio::None => return Err(none()),
    };
    match fetch_recording(&app.http, account, &recording, wish.format, range).await {
        Ok(media) => Ok(served(media, wish.format, range.is_some())),
        Err(FetchError::NotFound) if !is_ready => Err(not_ready()),
        Err(error) => Err(refusal(&error, call.call_sid.as_ref())),
    }
}

fn none() -> Refusal {
    Refusal::new(Reason::RecordingNotFound, "There is nothing to fetch: the call was not recorded.")
}

fn not_ready() -> Refusal {
    let message = "Ask again in a moment: the call or its recording goes on.";
    Refusal::new(Reason::RecordingNotReady, message)
        .with_header(header::RETRY_AFTER, HeaderValue::from_static("5"))
}

/// How long a callback of the recording may take after the call's end before Twilio is asked.
const SETTLED: Duration = Duration::from_secs(60);

/// Twilio ends every call after four hours; it may ring for ten minutes before.
const LONGEST_CALL: Duration = Duration::from_secs(4 * 3600 + 600);

/// How long a recording that was told may take to become audio.
const LONGEST_PROCESSING: Duration = Duration::from_secs(10 * 60);

/// The end of the call and the list of its recordings, before the audio.
const SETTLE_BUDGET: Duration = Duration::from_secs(4);

/// One look at Twilio at a time. What it said is on record and needs no second one.
const LOOKS: Duration = Duration::from_secs(60);

/// What is known of a call's audio.
#[derive(Debug, PartialEq, Eq)]
enum Audio {
    /// It can be fetched.
    Ready(RecordingSid),
    /// It was recorded, and can be fetched soon if not now.
    Processing(RecordingSid),
    /// The call, or its recording, goes on or has just ended.
    Expected,
    /// It should be known by now and is not: Twilio knows.
    Unclear,
    /// There is none.
    None,
}

impl Audio {
    /// Of one recording of the call, else of the one that got furthest.
    fn of(call: &Call, only: Option<&RecordingSid>, now: Timestamp) -> Self {
        let told = call
            .recordings
            .iter()
            .filter(|told| only.is_none_or(|only| *only == told.recording_sid));
        // Another one that is absent says nothing of one that goes on.
        let best = told.max_by_key(|told| match told.status {
            RecordingStatus::Completed => 3,
            RecordingStatus::Processing => 2,
            RecordingStatus::InProgress => 1,
            _ => 0,
        });
        let over_for = |span: Duration| call.ended_at.is_none_or(|at| at.plus(span) <= now);
        match best.map(|best| (&best.status, &best.recording_sid)) {
            Some((RecordingStatus::Completed, sid)) => return Self::Ready(sid.clone()),
            Some((RecordingStatus::Absent | RecordingStatus::Failed, _)) => return Self::None,
            Some((RecordingStatus::Processing, sid)) if !over_for(LONGEST_PROCESSING) => {
                return Self::Processing(sid.clone());
            }
            _ => {}
        }
        let was_answered =
            call.answered_at.is_some() || call.progress == Progress::Named(CallStatus::Completed);
        let can_be = match call.record {
            _ if best.is_some() => true,
            Some(record) => record && (!call.is_over() || was_answered),
            None => !call.is_over() || was_answered,
        };
        // No call goes on for longer, though its end may never be known.
        let is_over = call.is_over()
            || call.created_at.is_some_and(|created| created.plus(LONGEST_CALL) <= now);
        let is_known = call.recordings_listed || (is_over && call.call_sid.is_none());
        if !can_be || is_known {
            Self::None
        } else if !is_over || !over_for(SETTLED) {
            Self::Expected
        } else {
            Self::Unclear
        }
    }
}

/// The record after its own end and its recordings have been looked up, where they were not told.
async fn settled(
    app: &App,
    account: &Account,
    record: Record,
    only: Option<&RecordingSid>,
) -> Record {
    let mut record = reconciled(app, record).await;
    let now = app.clock.now();
    let Some(call_sid) = record.call_sid.clone() else { return record };
    if Audio::of(&record.fold(), only, now) != Audio::Unclear {
        return record;
    }
    let (name, nonce) = (format!("recordings {call_sid}"), Nonce::new(app.random.bits128()));
    if !matches!(timely(app.store.take_turn(&name, LOOKS, &nonce, now)).await, Ok(Taken::Yes)) {
        return record;
    }
    let listed = match list_recordings(&app.http, account, &call_sid).await {
        Ok(listed) => listed,
        Err(why) => {
            warn!(service = "twilio", why, callSid = %call_sid, "a call's recordings could not be listed");
            return record;
        }
    };
    let goes_on = |event: &RecordingEvent| {
        matches!(event.status, RecordingStatus::InProgress | RecordingStatus::Processing)
    };
    let all_told = (!listed.iter().any(goes_on)).then_some(Fact::RecordingsListed);
    let call = CallRef::Named { call_sid, call_id: record.call_id.clone() };
    for fact in listed.into_iter().map(Fact::Recording).chain(all_told) {
        let seen = Observation { at: now, fact };
        // A failure is logged there, and the next look finds it again.
        if observe(app, &call, &seen).await.is_err() {
            break;
        }
        record.observations.push(seen);
    }
    record
}

/// 206 where a part was asked for, else 200 with the whole.
fn served(media: Media, format: AudioFormat, is_partial: bool) -> Response<Bytes> {
    let Media { bytes, start, total } = media;
    let status = if is_partial { StatusCode::PARTIAL_CONTENT } else { StatusCode::OK };
    let last = (start + bytes.len() as u64).saturating_sub(1);
    let mut response = with_type(status, format.content_type(), bytes);
    let headers = response.headers_mut();
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    // Digits are a header's value.
    if let (true, Ok(value)) =
        (is_partial, HeaderValue::try_from(format!("bytes {start}-{last}/{total}")))
    {
        headers.insert(header::CONTENT_RANGE, value);
    }
    response
}

fn refusal(error: &FetchError, call_sid: Option<&CallSid>) -> Refusal {
    let call_sid = call_sid.map(CallSid::as_str);
    match error {
        FetchError::NotFound => {
            Refusal::new(Reason::RecordingNotFound, "Twilio does not have the audio any more.")
        }
        FetchError::TooLong { total } => Refusal::new(
            Reason::RangeRequired,
            format!(
                "It has {total} bytes. Ask for parts of at most {RANGE_LIMIT}, beginning with the header `Range: bytes=0-`."
            ),
        ),
        FetchError::Unsatisfiable { total } => {
            let refusal = Refusal::new(Reason::RangeNotSatisfiable, "Ask for an earlier range.");
            let text = total.map(|total| format!("bytes */{total}"));
            match text.and_then(|text| HeaderValue::try_from(text).ok()) {
                Some(value) => refusal.with_header(header::CONTENT_RANGE, value),
                None => refusal,
            }
        }
        FetchError::Unauthorized => {
            error!(
                service = "twilio",
                status = 401,
                reason = "twilio_unauthorized",
                callSid = call_sid,
                "a recording could not be fetched"
            );
            Refusal::new(
                Reason::TwilioUnauthorized,
                "Check TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN (or the API key), and that TWILIO_API_URL is of their region.",
            )
            .logged()
        }
        FetchError::Unreachable { why } => {
            error!(
                service = "twilio",
                status = 502,
                reason = "twilio_unreachable",
                why,
                callSid = call_sid,
                "a recording could not be fetched"
            );
            Refusal::new(Reason::TwilioUnreachable, "Try again in a moment.").logged()
        }
    }
}
