//! A recording's audio, fetched from Twilio with our credentials (`twilio.md` 5).
//!
//! The address is built from the API's base, our account and the RecordingSid. The `RecordingUrl` of
//! a callback is never fetched: it is somebody else's text.

mod range;

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use reqwest::{Response, StatusCode, Url};

use crate::call::RecordingSid;
use crate::net::{self, Http};

use super::Account;

pub use range::{ByteRange, RANGE_LIMIT};
use range::{content_range, window};

/// How long a whole fetch may take: under the hosts' own limits, with time left to answer.
const FETCH_TIMEOUT: Duration = Duration::from_secs(12);

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

/// Fetches at most [`RANGE_LIMIT`] bytes of a recording.
pub async fn fetch_recording(
    http: &Http,
    account: &Account,
    recording: &RecordingSid,
    format: AudioFormat,
    range: ByteRange,
) -> Result<Media, FetchError> {
    let url = account.resource(&format!("Recordings/{recording}.{}", format.extension()));
    let fetch = async {
        let response = get(http, account, &url, range).await?;
        read(response, range).await
    };
    let late = |_| FetchError::Unreachable { why: "timeout".to_owned() };
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
            let target = redirect_target(url, location)
                .ok_or(FetchError::Unreachable { why: "unusable redirect".to_owned() })?;
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

async fn read(response: Response, range: ByteRange) -> Result<Media, FetchError> {
    let stated = content_range(&response);
    match response.status() {
        StatusCode::PARTIAL_CONTENT => {
            let (start, total) =
                stated.ok_or(FetchError::Unreachable { why: "206 without a range".to_owned() })?;
            let bytes = take(response, 0, RANGE_LIMIT).await?;
            Ok(Media { bytes, start, total })
        }
        // The range was ignored: the whole comes, and we cut our part out of it.
        StatusCode::OK => {
            let total = response
                .content_length()
                .ok_or(FetchError::Unreachable { why: "200 without a length".to_owned() })?;
            let (start, length) =
                window(range, total).ok_or(FetchError::Unsatisfiable { total: Some(total) })?;
            Ok(Media { bytes: take(response, start, length).await?, start, total })
        }
        StatusCode::RANGE_NOT_SATISFIABLE => {
            Err(FetchError::Unsatisfiable { total: stated.map(|(_, total)| total) })
        }
        StatusCode::NOT_FOUND | StatusCode::GONE => Err(FetchError::NotFound),
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => Err(FetchError::Unauthorized),
        status => Err(FetchError::Unreachable { why: format!("HTTP {status}") }),
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
