//! A call's recordings: which there are, and their audio, fetched from Twilio with our credentials.
//!
//! The address is built from the API's base, our account and the RecordingSid. The `RecordingUrl` of
//! a callback is never fetched: a sender could choose it.

mod range;

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::{Response, StatusCode, Url};
use serde::Deserialize;

use crate::call::{CallSid, RecordingEvent, RecordingSid, RecordingStatus};
use crate::net::{self, Http};

use super::Account;

pub use range::{ByteRange, RANGE_LIMIT};
use range::{Part, unsatisfied, window};

/// How long a whole fetch may take.
pub(crate) const FETCH_TIMEOUT: Duration = Duration::from_secs(12);

/// Twilio's two forms of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AudioFormat {
    /// 32 kbit/s.
    Mp3,
    /// 128 kbit/s.
    Wav,
}

impl AudioFormat {
    /// The media type we serve it as.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Mp3 => "audio/mpeg",
            Self::Wav => "audio/wav",
        }
    }

    fn extension(self) -> &'static str {
        match self {
            Self::Mp3 => "mp3",
            Self::Wav => "wav",
        }
    }
}

/// A part of a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Media {
    /// At most [`RANGE_LIMIT`] bytes.
    pub bytes: Bytes,
    /// Offset of the first byte.
    pub start: u64,
    /// Size of the whole recording, bytes.
    pub total: u64,
}

/// Why there is no audio.
#[derive(Debug, PartialEq, Eq)]
pub enum FetchError {
    /// Deleted, or stored elsewhere.
    NotFound,
    /// The whole was asked for and does not fit into one answer.
    TooLong {
        /// Its size, bytes.
        total: u64,
    },
    /// The range lies behind the end.
    Unsatisfiable {
        /// Size of the whole recording, bytes, where Twilio told it.
        total: Option<u64>,
    },
    /// Twilio does not accept the credentials.
    Unauthorized,
    /// No usable answer.
    Unreachable {
        /// For the log.
        why: String,
    },
}

#[derive(Deserialize)]
struct List {
    recordings: Vec<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    sid: String,
    status: String,
    duration: Option<String>,
    channels: Option<u8>,
    error_code: Option<u32>,
}

/// `GET Calls/{CallSid}/Recordings.json`: all recordings of a call that Twilio has. A call that Twilio
/// does not know has none. Errors are texts for the log.
pub async fn list_recordings(
    http: &Http,
    account: &Account,
    call_sid: &CallSid,
) -> Result<Vec<RecordingEvent>, String> {
    let resource = format!("Calls/{call_sid}/Recordings.json?PageSize=50");
    Ok(account.look_up(http, &resource).await?.map(listed).unwrap_or_default())
}

fn listed(list: List) -> Vec<RecordingEvent> {
    let event = |listed: Listed| {
        let status = match listed.status.as_str() {
            // The words of the REST API that callbacks do not have.
            "paused" | "stopped" => RecordingStatus::InProgress,
            "deleted" => RecordingStatus::Absent,
            word => RecordingStatus::parse(word),
        };
        Some(RecordingEvent {
            recording_sid: RecordingSid::parse(&listed.sid).ok()?,
            status,
            duration_seconds: listed.duration.and_then(|seconds| seconds.parse().ok()),
            channels: listed.channels,
            error_code: listed.error_code.filter(|code| *code != 0),
        })
    };
    list.recordings.into_iter().filter_map(event).collect()
}

impl FetchError {
    fn unusable(why: &'static str) -> Self {
        Self::Unreachable { why: why.to_owned() }
    }
}

/// Fetches a part of a recording, or without a range the whole: at most [`RANGE_LIMIT`] bytes.
pub async fn fetch_recording(
    http: &Http,
    account: &Account,
    recording: &RecordingSid,
    format: AudioFormat,
    range: Option<ByteRange>,
) -> Result<Media, FetchError> {
    let url = account.resource(&format!("Recordings/{recording}.{}", format.extension()));
    let fetch = async {
        let response = get(http, account, &url, range.unwrap_or(ByteRange::START)).await?;
        read(response, range).await
    };
    let late = |_| FetchError::unusable("timeout");
    tokio::time::timeout(FETCH_TIMEOUT, fetch).await.map_err(late)?
}

/// Follows one redirect, to wherever Twilio keeps the file, and leaves our credentials behind.
async fn get(
    http: &Http,
    account: &Account,
    url: &str,
    range: ByteRange,
) -> Result<Response, FetchError> {
    let send = async |request: reqwest::RequestBuilder| {
        let sent = http.send(request.header("range", range.header())).await;
        sent.map_err(|error| FetchError::Unreachable { why: error.to_string() })
    };
    let response = send(account.sign_in(http.get(url))).await?;
    let location = response.headers().get("location").and_then(|value| value.to_str().ok());
    match location {
        Some(location) if response.status().is_redirection() => {
            let target =
                redirect_target(url, location).ok_or(FetchError::unusable("unusable redirect"))?;
            send(http.get(target)).await
        }
        _ => Ok(response),
    }
}

/// Never from https down to http.
fn redirect_target(from: &str, location: &str) -> Option<Url> {
    let from = Url::parse(from).ok()?;
    let target = from.join(location).ok()?;
    (target.scheme() == "https" || target.scheme() == from.scheme()).then_some(target)
}

/// What Twilio says of the bytes is believed only where it fits what was asked for and what came.
async fn read(response: Response, range: Option<ByteRange>) -> Result<Media, FetchError> {
    match response.status() {
        StatusCode::PARTIAL_CONTENT => {
            let part =
                Part::of(&response).filter(|it| it.answers(range.unwrap_or(ByteRange::START)));
            let part = part.ok_or(FetchError::unusable("206 with another part"))?;
            if range.is_none() && part.total > RANGE_LIMIT {
                return Err(FetchError::TooLong { total: part.total });
            }
            if range.is_none() && !part.is_whole() {
                return Err(FetchError::unusable("206 with a part of what would fit"));
            }
            let Part { start, length, total } = part;
            // One byte more would belie the header.
            let bytes = take(response, 0, length.saturating_add(1)).await?;
            media(bytes, start, length, total)
        }
        // The range was ignored: the whole comes, and we cut our part out of it.
        StatusCode::OK => {
            let total =
                response.content_length().ok_or(FetchError::unusable("200 without a length"))?;
            let (start, length) = match range {
                Some(range) => {
                    window(range, total).ok_or(FetchError::Unsatisfiable { total: Some(total) })?
                }
                None if total > RANGE_LIMIT => return Err(FetchError::TooLong { total }),
                None => (0, total),
            };
            media(take(response, start, length).await?, start, length, total)
        }
        StatusCode::RANGE_NOT_SATISFIABLE => match (range, unsatisfied(&response)) {
            // An empty recording has no first byte.
            (None, Some(0)) => media(Bytes::new(), 0, 0, 0),
            (None, _) => Err(FetchError::unusable("416 for the beginning")),
            (Some(_), total) => Err(FetchError::Unsatisfiable { total }),
        },
        StatusCode::NOT_FOUND | StatusCode::GONE => Err(FetchError::NotFound),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(FetchError::Unauthorized),
        status => Err(FetchError::Unreachable { why: format!("HTTP {status}") }),
    }
}

fn media(bytes: Bytes, start: u64, length: u64, total: u64) -> Result<Media, FetchError> {
    if bytes.len() as u64 == length {
        Ok(Media { bytes, start, total })
    } else {
        Err(FetchError::unusable("another length than the answer says"))
    }
}

/// `length` bytes from `skip` on, and not one more is read than needed.
async fn take(mut response: Response, skip: u64, length: u64) -> Result<Bytes, FetchError> {
    let mut to_skip = skip;
    let mut taken = BytesMut::new();
    let full = |taken: &BytesMut| taken.len() as u64 >= length;
    while !full(&taken) {
        let chunk = response.chunk().await;
        let chunk =
            chunk.map_err(|error| FetchError::Unreachable { why: net::describe(&error) })?;
        let Some(chunk) = chunk else { break };
        let skipped = usize::try_from(to_skip).unwrap_or(usize::MAX).min(chunk.len());
        to_skip -= skipped as u64;
        taken.extend_from_slice(&chunk[skipped..]);
    }
    taken.truncate(usize::try_from(length).unwrap_or(usize::MAX));
    Ok(taken.freeze())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::twilio::rest::parsed;

    fn listed(body: &[u8]) -> Result<Vec<RecordingEvent>, String> {
        parsed(body).map(super::listed)
    }

    #[test]
    fn a_list_tells_every_recording_in_the_words_of_callbacks() {
        let recording = |digit: &str, status: &str, duration: &str| {
            json!({"sid": format!("RE{}", digit.repeat(32)), "status": status, "channels": 2,
                "duration": duration, "error_code": null, "price": null})
        };
        let words = ["completed", "processing", "in-progress", "paused", "deleted", "odd"];
        let all: Vec<_> = words.iter().map(|word| recording("1", word, "41")).collect();
        let told = listed(json!({"recordings": all, "page": 0}).to_string().as_bytes()).unwrap();
        let told: Vec<_> = told.iter().map(|event| event.status.as_str()).collect();
        let expected = ["completed", "processing", "in-progress", "in-progress", "absent", "odd"];
        assert_eq!(told, expected);
        let begun = json!({"recordings": [recording("2", "in-progress", "-1")]}).to_string();
        assert_eq!(listed(begun.as_bytes()).unwrap()[0].duration_seconds, None);
        assert_eq!(listed(br#"{"recordings":[]}"#), Ok(Vec::new()));
        for body in ["", "{}", "[]", r#"{"recordings":{}}"#] {
            assert!(listed(body.as_bytes()).is_err(), "{body}");
        }
    }
}
