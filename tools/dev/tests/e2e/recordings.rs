//! Recordings, played through us.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use fakes::{DeliveryKind, RecordingFault, recording_sid};
use http::{HeaderMap, Request};
use serde_json::{Value, json};
use shared::endpoint::{App, Recording};
use shared::net::{Http, Sent, Transport};

use crate::bench::{ANSWERS, Bench, ask, call_sid};

const LIMIT: usize = 4 * 1024 * 1024;

async fn recorded(bench: &Bench, to: &str) -> String {
    let call = bench.call(json!({ "to": to })).await;
    call["callSid"].as_str().unwrap().to_owned()
}

async fn play(bench: &Bench, query: &str, range: Option<&str>) -> (u16, HeaderMap, Vec<u8>) {
    let url = format!("{}?{query}", bench.url("recording"));
    let mut request = bench.http.get(url).header("sec-fetch-site", "same-origin");
    if let Some(range) = range {
        request = request.header("range", range);
    }
    let response = request.send().await.unwrap();
    let (status, headers) = (response.status().as_u16(), response.headers().clone());
    (status, headers, response.bytes().await.unwrap().to_vec())
}

fn reason(body: &[u8]) -> Value {
    serde_json::from_slice::<Value>(body).unwrap()["reason"].clone()
}

#[tokio::test]
async fn a_recording_plays_as_mp3_and_as_wav() {
    let bench = Bench::new().await;
    let sid = recorded(&bench, ANSWERS).await;
    let (status, headers, body) = play(&bench, &format!("callSid={sid}"), None).await;
    assert_eq!((status, &headers["content-type"]), (200, &"audio/mpeg".parse().unwrap()));
    assert_eq!(body[0], 0xff, "an MPEG frame begins");
    let (status, headers, body) = play(&bench, &format!("callSid={sid}&format=wav"), None).await;
    assert_eq!((status, &headers["content-type"]), (200, &"audio/wav".parse().unwrap()));
    assert_eq!((&body[..4], &body[8..12]), (&b"RIFF"[..], &b"WAVE"[..]));
}

#[tokio::test]
async fn a_range_gives_exactly_those_bytes() {
    let bench = Bench::new().await;
    let sid = recorded(&bench, ANSWERS).await;
    let query = format!("callSid={sid}&format=wav");
    let (_, _, whole) = play(&bench, &query, None).await;
    for fault in [RecordingFault::Ok, RecordingFault::IgnoresRange, RecordingFault::Redirect] {
        bench.faults(|faults| faults.recording = fault);
        let (status, headers, body) = play(&bench, &query, Some("bytes=100-299")).await;
        assert_eq!((status, body.as_slice()), (206, &whole[100..300]), "{fault:?}");
        assert_eq!(headers["content-range"], format!("bytes 100-299/{}", whole.len()).as_str());
        let (_, _, body) = play(&bench, &query, Some("bytes=-50")).await;
        assert_eq!(body, &whole[whole.len() - 50..], "{fault:?}");
        let (status, _, _) = play(&bench, &query, Some("bytes=99999999-")).await;
        assert_eq!(status, 416, "{fault:?}");
    }
}

#[tokio::test]
async fn a_long_recording_comes_in_parts_of_at_most_four_mebibytes() {
    let bench = Bench::new().await;
    let sid = recorded(&bench, "+12125550108").await;
    let query = format!("callSid={sid}&format=wav");
    // Never a part that looks whole.
    for range in [None, Some("bytes=0-1,5-6"), Some("pages=1-2")] {
        let (status, headers, body) = play(&bench, &query, range).await;
        assert_eq!((status, reason(&body)), refused(400, "range_required"), "{range:?}");
        assert!(!headers.contains_key("content-range"), "{range:?}");
    }
    let (status, headers, first) = play(&bench, &query, Some("bytes=0-")).await;
    assert_eq!((status, first.len()), (206, LIMIT));
    let total: usize =
        headers["content-range"].to_str().unwrap().rsplit('/').next().unwrap().parse().unwrap();
    let mut whole = first;
    while whole.len() < total {
        let (status, _, part) =
            play(&bench, &query, Some(&format!("bytes={}-", whole.len()))).await;
        assert!(status == 206 && part.len() <= LIMIT);
        whole.extend(part);
    }
    assert_eq!(whole.len(), total);
}

/// Twilio's answer to whatever is asked: a status, a `Content-Range`, and as many bytes.
struct Says(u16, &'static str, usize);

impl Transport for Says {
    fn send(&self, _: reqwest::Request) -> Sent<'_> {
        let response = http::Response::builder().status(self.0);
        let response = response.header("content-range", self.1).body(vec![0; self.2]).unwrap();
        Box::pin(async { Ok(response.into()) })
    }
}

/// What a reader of a good recording gets when Twilio says that.
async fn told(
    bench: &Bench,
    sid: &str,
    range: Option<&str>,
    says: Says,
) -> (u16, HeaderMap, Bytes) {
    let mut app = Arc::into_inner(bench.function(&[], None)).unwrap();
    app.http = Http::over(bench.http.clone(), Arc::new(says));
    let mut request = Request::get(format!("/api/twilio/recording?callSid={sid}"));
    if let Some(range) = range {
        request = request.header("range", range);
    }
    let request = request.header("sec-fetch-site", "same-origin").body("").unwrap();
    let (status, _, response) = ask(Recording, &Arc::new(app), request).await;
    (status, response.headers().clone(), response.into_body())
}

#[tokio::test]
async fn a_content_range_that_does_not_fit_is_never_passed_on() {
    let bench = Bench::new().await;
    let sid = recorded(&bench, ANSWERS).await;
    let lies = [
        (206, "bytes 18446744073709551615-18446744073709551615/18446744073709551615", 10),
        (206, "bytes 18446744073709551610-18446744073709551612/18446744073709551615", 3),
        // Another part than the one that was asked for, one that ends before it begins, or after the
        // whole, or has other bytes than it says.
        (206, "bytes 5-14/100", 10),
        (206, "bytes 9-0/100", 10),
        (206, "bytes 0-99/50", 100),
        (206, "bytes 0-99/100", 10),
        (206, "bytes 0-9/100", 100),
        (206, "bytes 0-9/*", 10),
        (206, "bytes */10", 10),
        (206, "", 10),
    ];
    for (status, stated, length) in lies {
        for range in [None, Some("bytes=0-"), Some("bytes=0-99")] {
            let (found, _, body) = told(&bench, &sid, range, Says(status, stated, length)).await;
            let found = (found, reason(&body));
            assert_eq!(found, refused(502, "twilio_unreachable"), "{stated} for {range:?}");
        }
    }
}

#[tokio::test]
async fn a_short_part_is_told_as_the_part_it_is_and_never_as_the_whole() {
    let bench = Bench::new().await;
    let sid = recorded(&bench, ANSWERS).await;
    let short = || Says(206, "bytes 0-9/100", 10);
    let (status, headers, body) = told(&bench, &sid, Some("bytes=0-"), short()).await;
    assert_eq!((status, body.len()), (206, 10));
    assert_eq!(headers["content-range"], "bytes 0-9/100");
    let (status, _, body) = told(&bench, &sid, None, short()).await;
    assert_eq!((status, reason(&body)), refused(502, "twilio_unreachable"));
    let (status, headers, body) = told(&bench, &sid, None, Says(206, "bytes 0-99/100", 100)).await;
    assert_eq!((status, body.len()), (200, 100));
    assert!(!headers.contains_key("content-range"));
    // An empty one has no first byte to ask for.
    let (status, _, body) = told(&bench, &sid, None, Says(416, "bytes */0", 0)).await;
    assert_eq!((status, body.len()), (200, 0));
    assert_eq!(told(&bench, &sid, Some("bytes=0-"), Says(416, "bytes */0", 0)).await.0, 416);
}

#[tokio::test]
async fn what_cannot_be_played_says_why() {
    let bench = Bench::new().await;
    let busy =
        bench.call(json!({ "to": "+12125550101" })).await["callSid"].as_str().unwrap().to_owned();
    let absent = recorded(&bench, "+12125550107").await;
    let good = recorded(&bench, ANSWERS).await;
    let running = call_sid('3');
    let recording_sid = format!("RE{}", "3".repeat(32));
    let params = [
        ("CallSid", running.as_str()),
        ("RecordingSid", &recording_sid),
        ("RecordingStatus", "in-progress"),
    ];
    assert_eq!(bench.webhook("recording", &params).await.0, 204);
    let cases = [
        (format!("callSid={busy}"), 404, "recording_not_found"),
        (format!("callSid={absent}"), 404, "recording_not_found"),
        (format!("callSid={running}"), 409, "recording_not_ready"),
        (format!("callSid={}", call_sid('4')), 404, "call_not_found"),
        ("callSid=CA1".to_owned(), 400, "invalid_call_sid"),
        (String::new(), 400, "invalid_call_sid"),
        (format!("callSid={good}&format=ogg"), 400, "invalid_parameter"),
    ];
    for (query, status, why) in cases {
        let (found, _, body) = play(&bench, &query, None).await;
        assert_eq!((found, reason(&body)), (status, json!(why)), "{query}");
    }
    for (fault, status, why) in [
        (RecordingFault::Gone, 404, "recording_not_found"),
        (RecordingFault::ServerError, 502, "twilio_unreachable"),
    ] {
        bench.faults(|faults| faults.recording = fault);
        let (found, _, body) = play(&bench, &format!("callSid={good}"), None).await;
        assert_eq!((found, reason(&body)), (status, json!(why)));
    }
}

#[tokio::test]
async fn the_address_in_a_callback_is_never_fetched() {
    let bench = Bench::new().await;
    let trap = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    trap.set_nonblocking(true).unwrap();
    let url = format!("http://{}/Recordings/RE1", trap.local_addr().unwrap());
    let (sid, recording_sid) = (call_sid('8'), format!("RE{}", "8".repeat(32)));
    let params = [
        ("CallSid", sid.as_str()),
        ("RecordingSid", &recording_sid),
        ("RecordingStatus", "completed"),
        ("RecordingUrl", &url),
    ];
    assert_eq!(bench.webhook("recording", &params).await.0, 204);
    play(&bench, &format!("callSid={sid}"), None).await;
    assert_eq!(trap.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
}

/// The paused clock jumps over the time a fetch may take.
#[tokio::test(start_paused = true)]
async fn a_recording_that_never_comes_is_given_up() {
    let bench = Bench::new().await;
    let (sid, recording_sid) = (call_sid('2'), format!("RE{}", "2".repeat(32)));
    let params = [
        ("CallSid", sid.as_str()),
        ("RecordingSid", &recording_sid),
        ("RecordingStatus", "completed"),
    ];
    assert_eq!(bench.webhook("recording", &params).await.0, 204);
    bench.faults(|faults| faults.recording = RecordingFault::Never);
    let (status, _, body) = play(&bench, &format!("callSid={sid}"), None).await;
    assert_eq!((status, reason(&body)), (502, json!("twilio_unreachable")));
}

/// Plays by a function called directly, as a page does.
async fn play_by(app: &Arc<App>, query: &str) -> (u16, Value) {
    let request = Request::get(format!("/api/twilio/recording?{query}"));
    let request = request.header("sec-fetch-site", "same-origin").body("").unwrap();
    let (status, body, _) = ask(Recording, app, request).await;
    (status, body["reason"].clone())
}

fn refused(status: u16, reason: &str) -> (u16, Value) {
    (status, json!(reason))
}

fn later(bench: &Bench, seconds: u64) -> Arc<App> {
    bench.later(Duration::from_secs(seconds))
}

/// A call whose callbacks were all lost, but for its end if `end` says so.
async fn silent(bench: &Bench, body: Value, end: bool) -> String {
    bench.faults(|faults| faults.twilio.drop = 1.0);
    let call = bench.call(body).await;
    let sid = call["callSid"].as_str().unwrap().to_owned();
    let sent = bench.twilio.deliveries().into_iter().find(|sent| {
        sent.call_sid == sid
            && sent.kind == DeliveryKind::Status
            && sent.param("CallStatus") == Some("completed")
    });
    if end {
        let sent = sent.unwrap();
        let is_kept = |name: &str| !name.starts_with("Recording");
        let params = sent.params.iter().filter(|(name, _)| is_kept(name));
        let params: Vec<_> = params.map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let path = sent.url.rsplit("/api/twilio/").next().unwrap();
        assert_eq!(bench.webhook(path, &params).await.0, 204);
    }
    sid
}

#[tokio::test]
async fn a_recording_is_had_by_the_call_id_too() {
    let bench = Bench::new().await;
    let call = bench.call(json!({ "to": ANSWERS })).await;
    let (id, sid) = (call["callId"].as_str().unwrap(), call["callSid"].as_str().unwrap());
    assert_eq!(play(&bench, &format!("callId={id}"), None).await.0, 200);
    for query in [format!("callId={id}&callSid={sid}"), "callId=x".to_owned()] {
        let (status, _, body) = play(&bench, &query, None).await;
        assert_eq!((status, reason(&body)), refused(400, "invalid_parameter"), "{query}");
    }
}

/// The recording callback was lost; the end of the call named it.
#[tokio::test]
async fn a_recording_that_only_the_status_callback_names_can_be_had() {
    let bench = Bench::new().await;
    let sid = silent(&bench, json!({ "to": ANSWERS }), false).await;
    let deliveries = bench.twilio.deliveries().into_iter();
    let end = deliveries
        .rev()
        .find(|sent| sent.param("RecordingSid").is_some_and(|_| sent.kind == DeliveryKind::Status));
    let end = end.expect("Twilio names the recording in the last status callback");
    let params: Vec<_> = end.params.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let path = end.url.rsplit("/api/twilio/").next().unwrap();
    assert_eq!(bench.webhook(path, &params).await.0, 204);
    let call = bench.status(&format!("callSid={sid}")).await.1;
    assert_eq!(call["recording"]["recordingSid"].as_str(), end.param("RecordingSid"), "{call}");
    assert_eq!(play(&bench, &format!("callSid={sid}"), None).await.0, 200);
    // Not ready: Twilio has no audio of it yet.
    bench.faults(|faults| faults.recording = RecordingFault::Gone);
    let (status, _, body) = play(&bench, &format!("callSid={sid}"), None).await;
    assert_eq!((status, reason(&body)), refused(409, "recording_not_ready"));
}

#[tokio::test]
async fn after_the_end_a_recording_is_waited_for_and_then_asked_for_once() {
    let bench = Bench::new().await;
    let sid = silent(&bench, json!({ "to": ANSWERS }), true).await;
    let query = format!("callSid={sid}");
    assert_eq!(play_by(&bench.app, &query).await, refused(409, "recording_not_ready"));
    assert_eq!(bench.twilio.recordings_looked_up(), 0);
    for _ in 0..2 {
        assert_eq!(play_by(&later(&bench, 600), &query).await.0, 200);
    }
    assert_eq!(bench.twilio.recordings_looked_up(), 1);
    assert_eq!(bench.status(&query).await.1["recording"]["status"], "completed");
}

#[tokio::test]
async fn where_twilio_has_none_it_is_asked_once_and_the_answer_is_kept() {
    let bench = Bench::with(&[("RECORD_CALLS", "false")]).await;
    // Whether a call that rang us was recorded, nothing on record says.
    let sid = bench.twilio.ring_in(ANSWERS, &bench.url("voice"), Some(&bench.url("status")));
    bench.twilio.settled(&sid).await;
    let query = format!("callSid={sid}");
    assert_eq!(play_by(&bench.app, &query).await, refused(409, "recording_not_ready"));
    for seconds in [600, 700, 7000] {
        let answer = play_by(&later(&bench, seconds), &query).await;
        assert_eq!(answer, refused(404, "recording_not_found"));
    }
    assert_eq!(bench.twilio.recordings_looked_up(), 1);
}

#[tokio::test]
async fn a_recording_whose_end_was_lost_is_not_409_for_ever() {
    let bench = Bench::new().await;
    // Too short to be kept, and long enough.
    for (to, expected) in [("+12125550107", 404), (ANSWERS, 200)] {
        let sid = silent(&bench, json!({ "to": to }), false).await;
        let deliveries = bench.twilio.deliveries();
        let begun = deliveries
            .iter()
            .rev()
            .find(|sent| sent.param("RecordingStatus") == Some("in-progress"));
        let params: Vec<_> =
            begun.unwrap().params.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
        let path = begun.unwrap().url.rsplit("/api/twilio/").next().unwrap();
        assert_eq!(bench.webhook(path, &params).await.0, 204);
        let query = format!("callSid={sid}");
        assert_eq!(play_by(&bench.app, &query).await, refused(409, "recording_not_ready"));
        // The end of the call is looked up, and with it that of the recording.
        assert_eq!(play_by(&later(&bench, 3600), &query).await.0, expected, "{to}");
    }
}

#[tokio::test]
async fn a_call_that_was_not_to_be_recorded_has_none_and_nobody_is_asked() {
    let bench = Bench::new().await;
    let call = bench.call(json!({ "to": ANSWERS, "record": false })).await;
    let query = format!("callId={}", call["callId"].as_str().unwrap());
    assert_eq!(play_by(&bench.app, &query).await, refused(404, "recording_not_found"));
    assert_eq!(play_by(&later(&bench, 600), &query).await.0, 404);
    assert_eq!(bench.twilio.recordings_looked_up(), 0);
}

/// Neither of a call whose end Twilio cannot tell, nor of one that Twilio never named.
#[tokio::test]
async fn a_recording_of_a_call_that_never_ends_is_not_409_for_ever() {
    let bench = Bench::new().await;
    let sid = call_sid('d');
    let params = [("CallSid", sid.as_str()), ("CallStatus", "in-progress")];
    assert_eq!(bench.webhook("status", &params).await.0, 204);
    bench.create_answers(fakes::CreateFault::ServerErrorNoCall);
    let lost = bench.dial(json!({ "to": ANSWERS })).await.1;
    let id = lost["callId"].as_str().unwrap();
    for query in [format!("callSid={sid}"), format!("callId={id}")] {
        assert_eq!(play_by(&bench.app, &query).await, refused(409, "recording_not_ready"));
        let late = play_by(&later(&bench, 5 * 3600), &query).await;
        assert_eq!(late, refused(404, "recording_not_found"), "{query}");
    }
}

#[tokio::test]
async fn of_two_recordings_each_can_be_had() {
    let bench = Bench::new().await;
    let sid = recorded(&bench, ANSWERS).await;
    let second = recording_sid(7, 1, 2);
    let params = [
        ("CallSid", sid.as_str()),
        ("RecordingSid", second.as_str()),
        ("RecordingStatus", "completed"),
    ];
    assert_eq!(bench.webhook("recording", &params).await.0, 204);
    let first = bench
        .twilio
        .deliveries()
        .into_iter()
        .find_map(|sent| sent.param("RecordingSid").map(str::to_owned));
    let mut sizes = Vec::new();
    for wanted in [first.unwrap(), second] {
        let query = format!("callSid={sid}&recordingSid={wanted}");
        let (status, _, body) = play(&bench, &query, None).await;
        assert_eq!(status, 200, "{wanted}");
        sizes.push(body.len());
    }
    assert_ne!(sizes[0], sizes[1]);
    for (wanted, status, why) in [
        (format!("RE{}", "e".repeat(32)), 409, "recording_not_ready"),
        ("RE1".to_owned(), 400, "invalid_parameter"),
    ] {
        let query = format!("callSid={sid}&recordingSid={wanted}");
        let (found, _, body) = play(&bench, &query, None).await;
        assert_eq!((found, reason(&body)), refused(status, why));
    }
    let query = format!("callSid={sid}&recordingSid=RE{}", "e".repeat(32));
    assert_eq!(play_by(&later(&bench, 600), &query).await, refused(404, "recording_not_found"));
}

#[tokio::test]
async fn a_call_to_our_number_is_recorded_where_calls_are() {
    for (setting, expected) in [("true", 200), ("false", 404)] {
        let bench = Bench::with(&[("RECORD_CALLS", setting)]).await;
        let sid = bench.twilio.ring_in(ANSWERS, &bench.url("voice"), Some(&bench.url("status")));
        bench.twilio.settled(&sid).await;
        let call = bench.status(&format!("callSid={sid}")).await.1;
        let is_recorded = expected == 200;
        assert_eq!(call["recording"]["status"] == "completed", is_recorded, "{call}");
        let app = later(&bench, 600);
        assert_eq!(play_by(&app, &format!("callSid={sid}")).await.0, expected);
    }
}
