//! Upstash's REST interface, which Vercel KV is: commands as JSON over the function's one client.

use std::time::Duration;

use http::StatusCode;
use http::header::CONTENT_TYPE;
use tokio::sync::Semaphore;

use super::reply::{Reply, refused_line, unexpected};
use super::transport::{Command, Replies, Transport};
use crate::net::{describe, read_limited};
use crate::settings::{BaseUrl, Secret};
use crate::store::StoreError;

/// How long an exchange may take, the connection included.
const TIMEOUT: Duration = Duration::from_secs(2);
/// A page of calls with the largest variables is about a megabyte.
const MAX_ANSWER: usize = 8 * 1024 * 1024;

/// How many exchanges an instance has under way at once. More would wait for its one thread, time
/// out for want of it, and each would open a connection of its own.
const AT_ONCE: usize = 64;

pub(super) struct Rest {
    /// Its turns; it is never closed.
    turns: Semaphore,
    http: reqwest::Client,
    one: String,
    several: String,
    token: Secret,
}

impl Rest {
    pub(super) fn new(url: &BaseUrl, token: &Secret, http: &reqwest::Client) -> Self {
        Self {
            turns: Semaphore::new(AT_ONCE),
            http: http.clone(),
            one: format!("{}/", url.as_str()),
            several: format!("{}/multi-exec", url.as_str()),
            token: token.clone(),
        }
    }

    async fn exchange(&self, commands: &[Command]) -> Result<Vec<Reply>, StoreError> {
        let (url, body) = match commands {
            [Command(words)] => (&self.one, serde_json::to_vec(words)),
            several => {
                let several: Vec<_> = several.iter().map(|Command(words)| words).collect();
                (&self.several, serde_json::to_vec(&several))
            }
        };
        let body = body.map_err(|_| StoreError::new("redis: a command cannot be written"))?;
        // The time-out begins with the turn.
        let _turn = self.turns.acquire().await.ok();
        let response = match self.post(url, body.clone()).await {
            // A server closes an idle connection, and a frozen function is idle. Every operation
            // may be sent twice, so an operation that met a closed connection is sent again.
            Err(error) if !error.is_timeout() && !error.is_connect() => self.post(url, body).await,
            result => result,
        };
        let failed = |why: &dyn std::fmt::Display| StoreError::new(format!("redis: {why}"));
        let response = response.map_err(|error| failed(&describe(&error)))?;
        let status = response.status();
        let answer = read_limited(response, MAX_ANSWER).await.map_err(|error| failed(&error))?;
        decode(status, &answer, commands.len() > 1)
    }

    async fn post(&self, url: &str, body: Vec<u8>) -> Result<reqwest::Response, reqwest::Error> {
        self.http
            .post(url)
            .bearer_auth(self.token.reveal())
            .header(CONTENT_TYPE, "application/json")
            .timeout(TIMEOUT)
            .body(body)
            .send()
            .await
    }
}

impl Transport for Rest {
    fn run(&self, commands: Vec<Command>) -> Replies<'_> {
        Box::pin(async move { self.exchange(&commands).await })
    }
}

/// `{"result": ...}` or `{"error": "..."}`; of several commands an array of those.
fn decode(status: StatusCode, answer: &[u8], several: bool) -> Result<Vec<Reply>, StoreError> {
    if status == StatusCode::UNAUTHORIZED {
        return Err(StoreError::new("redis: HTTP 401, the token is not accepted"));
    }
    let json: serde_json::Value = serde_json::from_slice(answer)
        .map_err(|_| StoreError::new(format!("redis: HTTP {} without JSON", status.as_u16())))?;
    match (json, several) {
        (serde_json::Value::Array(entries), true) => entries.into_iter().map(entry).collect(),
        // The whole transaction was refused, or it is not what we asked for.
        (other, true) => entry(other).and_then(|_| Err(unexpected())),
        (single, false) => entry(single).map(|reply| vec![reply]),
    }
}

fn entry(mut entry: serde_json::Value) -> Result<Reply, StoreError> {
    if let Some(error) = entry.get("error").and_then(serde_json::Value::as_str) {
        return Err(refused_line(error));
    }
    entry
        .get_mut("result")
        .map(serde_json::Value::take)
        .map_or_else(|| Err(unexpected()), Reply::from_json)
}

#[cfg(test)]
mod tests;
