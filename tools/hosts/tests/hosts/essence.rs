//! What of an answer must be the same everywhere.

use bytes::Bytes;
use http::Response;
use serde_json::{Value, json};

/// What Vercel puts into `Cache-Control` where a function says nothing.
const UNSAID: &str = "public, max-age=0, must-revalidate";

/// What a caller goes by. Dates and lengths are the servers' own business.
pub(crate) fn essence(answer: Response<Bytes>) -> Value {
    let told = ["content-type", "cache-control", "content-range", "allow", "www-authenticate"];
    let headers: serde_json::Map<_, _> = told
        .iter()
        .filter_map(|name| {
            let value = answer.headers().get(*name)?.to_str().unwrap();
            (value != UNSAID).then(|| ((*name).to_owned(), json!(value)))
        })
        .collect();
    let body = match serde_json::from_slice::<Value>(answer.body()) {
        Ok(call) => call_essence(call),
        Err(_) => match std::str::from_utf8(answer.body()) {
            Ok(text) => json!(text),
            Err(_) => json!(format!("{} bytes", answer.body().len())),
        },
    };
    json!({"status": answer.status().as_u16(), "headers": headers, "body": body})
}

/// A call, or a list of them, with its timeline in strands.
pub(crate) fn call_essence(mut value: Value) -> Value {
    if let Some(calls) = value.get_mut("calls").and_then(Value::as_array_mut) {
        for call in calls {
            *call = call_essence(call.take());
        }
    }
    if let Some(timeline) = value.get_mut("timeline") {
        *timeline = strands(timeline);
    }
    value
}

/// What happened to somebody who talked, whatever the order in which it was told.
pub(crate) fn assert_story(call: &Value) {
    let events = |strand: &str| -> Vec<String> {
        let entries = call["body"]["timeline"][strand].as_array().unwrap().iter();
        entries.map(|entry| entry["event"].as_str().unwrap().to_owned()).collect()
    };
    let twilios =
        ["initiated", "ringing", "in-progress", "stream-started", "stream-stopped", "completed"];
    assert_eq!(events("twilio"), twilios, "{call}");
    assert_eq!(events("close-loop"), ["dialling", "queued", "agent-connected"], "{call}");
    assert_eq!(events("recording"), ["recording-completed", "recording-in-progress"], "{call}");
}

/// Three clocks: Twilio's, which in the simulation runs ahead; ours; and that of recordings, whose
/// callbacks bear no time of their own, so that the order of arrival decides. Only within each does
/// the order say something.
fn strands(timeline: &Value) -> Value {
    let (mut twilios, mut ours, mut recordings) = (Vec::new(), Vec::new(), Vec::new());
    for entry in timeline.as_array().unwrap() {
        let event = entry["event"].as_str().unwrap();
        let strand = match (event, entry["source"].as_str().unwrap()) {
            (event, _) if event.starts_with("recording-") => &mut recordings,
            ("queued", _) | (_, "close-loop") => &mut ours,
            _ => &mut twilios,
        };
        strand.push(json!({"event": event, "source": entry["source"], "detail": entry["detail"]}));
    }
    recordings.sort_by_key(|entry| format!("{} {entry}", entry["event"]));
    json!({"twilio": twilios, "close-loop": ours, "recording": recordings})
}
