//! Recordings, played through us.

use http::HeaderMap;
use serde_json::{Value, json};
use simulators::RecordingFault;

use crate::bench::{ANSWERS, Bench, call_sid};

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
    let (status, headers, first) = play(&bench, &query, None).await;
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
