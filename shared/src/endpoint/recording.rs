//! `/api/twilio/recording`: Twilio posts its recording callbacks, the page plays the audio (GET).

use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use tokio::time::timeout;
use tracing::warn;

use crate::call::{
    Call, CallRef, CallSid, CallStatus, Fact, Observation, Progress, RecordingEvent, RecordingSid,
    RecordingStatus, Timestamp,
};
use crate::store::{BUDGET, Lookup, Record};
use crate::twilio::{
    Account, AudioFormat, ByteRange, FETCH_TIMEOUT, FetchError, Media, RANGE_LIMIT,
    fetch_recording, list_recordings, recording_callback,
};

use super::callers::{Scope, authorize};
use super::calls::{
    OBSERVING, SECRETS, callback, invalid, load, observe, query, reconciled, required_lookup,
    wait_to_ask,
};
use super::refusal::{Reason, Refusal};
use super::reply::{page, with_type};
use super::{App, Endpoint, longer};

/// The endpoint that keeps and plays recordings.
#[derive(Clone, Copy, Debug)]
pub struct Recording;

impl Endpoint for Recording {
    const NAME: &'static str = "recording";
    const PATH: &'static str = "/api/twilio/recording";
    const SECRETS: &'static [&'static str] = SECRETS;
    const LONGEST: Duration =
        longer(OBSERVING, BUDGET.saturating_add(SETTLE_BUDGET).saturating_add(FETCH_TIMEOUT));

    async fn answer(self, app: &App, request: Request<Bytes>) -> Response<Bytes> {
        if request.method() == Method::POST {
            return callback::<Self>(app, &request, recording_callback).await;
        }
        page::<Self>(app, &request, "GET, HEAD, POST, OPTIONS", play(app, &request)).await
    }
}

/// What a reader asks for.
struct Wish {
    /// Whose recording.
    by: Lookup,
    /// One of several, where a call has more than one.
    recording_sid: Option<RecordingSid>,
    /// As what it is played.
    format: AudioFormat,
}

impl Wish {
    fn parse(request: &Request<Bytes>) -> Result<Self, Refusal> {
        let by = required_lookup(request)?;
        let query = query(request)?;
        let sid = query.get("recordingSid").map(RecordingSid::parse).transpose();
        let format = match query.get("format") {
            None | Some("mp3") => AudioFormat::Mp3,
            Some("wav") => AudioFormat::Wav,
            Some(_) => return Err(invalid("format is mp3 or wav.")),
        };
        let recording_sid = sid.map_err(|_| invalid("A recordingSid is RE and 32 hex digits."))?;
        Ok(Self { by, recording_sid, format })
    }
}

async fn play(app: &App, request: &Request<Bytes>) -> Result<Response<Bytes>, Refusal> {
    authorize(app, request, Scope::ReadAll)?;
    let wish = Wish::parse(request)?;
    let Some(account) = &app.settings.twilio else {
        return Err(Refusal::misconfigured(&app.settings.problems));
    };
    let range = request.headers().get(header::RANGE).and_then(|value| value.to_str().ok());
    let range = range.and_then(ByteRange::parse);
    let record = load(app, &wish.by).await?;
    let wanted = wish.recording_sid.as_ref();
    // If this takes longer, the next reader has the result.
    let settling = timeout(SETTLE_BUDGET, settled(app, account, record.clone(), wanted));
    let call = settling.await.unwrap_or(record).fold();
    let (recording, is_ready) = match Audio::of(&call, wanted, app.clock.now()) {
        Audio::Ready(recording) => (recording, true),
        Audio::Processing(recording) => (recording, false),
        Audio::Expected | Audio::Unclear => return Err(not_ready()),
        Audio::None => {
            let message = "There is nothing to fetch: the call was not recorded.";
            return Err(Refusal::new(Reason::RecordingNotFound, message));
        }
    };
    match fetch_recording(&app.http, account, &recording, wish.format, range).await {
        Ok(media) => Ok(served(media, wish.format, range.is_some())),
        Err(FetchError::NotFound) if !is_ready => Err(not_ready()),
        Err(error) => Err(refusal(error, call.call_sid.as_ref())),
    }
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

/// How long a recording that Twilio announced may take to become audio.
const LONGEST_PROCESSING: Duration = Duration::from_secs(10 * 60);

/// The end of the call and the list of its recordings, before the audio.
const SETTLE_BUDGET: Duration = Duration::from_secs(4);

/// One look at Twilio at a time. Its answer is on record and needs no second one.
const LOOK_SPACING: Duration = Duration::from_secs(60);

/// What is known of a call's audio.
#[derive(Debug, PartialEq, Eq)]
enum Audio {
    /// It can be fetched.
    Ready(RecordingSid),
    /// It was recorded, and can be fetched soon if not now.
    Processing(RecordingSid),
    /// The call, or its recording, goes on or has just ended.
    Expected,
    /// No callback spoke of a recording though the call ended a while ago: Twilio must be asked.
    Unclear,
    /// There is none.
    None,
}

impl Audio {
    /// Of the recording that is asked for, else of the one that got furthest.
    fn of(call: &Call, only: Option<&RecordingSid>, now: Timestamp) -> Self {
        let known = call
            .recordings
            .iter()
            .filter(|known| only.is_none_or(|only| *only == known.recording_sid));
        // An absent recording says nothing of another one that goes on.
        let best = known.max_by_key(|known| match known.status {
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
        let can_be =
            best.is_some() || (call.record != Some(false) && (!call.is_over() || was_answered));
        // No call is longer, though its end may never be known.
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

/// The record with the call's end and its recordings. Twilio is asked for what no callback said.
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
    let Ok(None) = wait_to_ask(app, "recordings", &call_sid, LOOK_SPACING, now).await else {
        return record;
    };
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
    let all_ended = (!listed.iter().any(goes_on)).then_some(Fact::RecordingsListed);
    let call = CallRef::Named { call_sid, call_id: record.call_id.clone() };
    for fact in listed.into_iter().map(Fact::Recording).chain(all_ended) {
        let seen = Observation { at: now, fact };
        // If a write fails, the next look finds the recording again.
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
    let last = (start + bytes.len() as u64).saturating_sub(1);
    let mut response = with_type(format.content_type(), bytes);
    let headers = response.headers_mut();
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    if is_partial {
        // Cannot fail: digits are a header's value.
        let range = HeaderValue::try_from(format!("bytes {start}-{last}/{total}"));
        headers.extend(range.map(|range| (header::CONTENT_RANGE, range)));
        *response.status_mut() = StatusCode::PARTIAL_CONTENT;
    }
    response
}

fn refusal(error: FetchError, call_sid: Option<&CallSid>) -> Refusal {
    let refusal = match error {
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
        FetchError::Unauthorized => Refusal::new(
            Reason::TwilioUnauthorized,
            "Check TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN (or the API key), and that TWILIO_API_URL is of their region.",
        )
        .because("twilio", "HTTP 401"),
        FetchError::Unreachable { why } => {
            Refusal::new(Reason::TwilioUnreachable, "Try again in a moment.").because("twilio", why)
        }
    };
    refusal.about_call(call_sid)
}
