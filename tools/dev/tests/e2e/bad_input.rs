//! Garbage of every kind gets its documented answer, writes nothing and takes nothing down.

use serde_json::{Value, json};

use crate::bench::{ANSWERS, Bench, call_sid, json_of, sign};

async fn post(
    bench: &Bench,
    content_type: Option<&str>,
    body: impl Into<reqwest::Body>,
) -> (u16, Value) {
    let mut request = bench.http.post(bench.url("make-call")).header("origin", &bench.base);
    if let Some(content_type) = content_type {
        request = request.header("content-type", content_type);
    }
    let (status, body) = json_of(request.body(body)).await;
    (status, body["reason"].clone())
}

async fn assert_untouched(bench: &Bench) {
    assert_eq!(bench.twilio.calls_attempted(), 0);
    assert_eq!(bench.status("").await.1["calls"], json!([]));
}

#[tokio::test]
async fn bodies_that_are_no_dial_get_their_reason() {
    let bench = Bench::new().await;
    let json_type = Some("application/json");
    let cases: [(&str, u16, &str); 9] = [
        ("", 400, "invalid_json"),
        ("to=%2B12125550123", 400, "invalid_json"),
        ("[1]", 400, "invalid_json"),
        ("{\"to\":\"+12125550123\"", 400, "invalid_json"),
        ("{}", 400, "missing_to"),
        ("{\"to\":12125550123}", 400, "invalid_to"),
        ("{\"to\":\"999\"}", 400, "invalid_to"),
        ("{\"to\":\"+99999999999999999999\"}", 400, "invalid_to"),
        ("{\"to\":\"+12125550123\",\"timeout\":1e99}", 400, "invalid_parameter"),
    ];
    for (body, status, reason) in cases {
        assert_eq!(
            post(&bench, json_type, body.to_owned()).await,
            (status, json!(reason)),
            "{body}"
        );
    }
    let deep = "[".repeat(60_000);
    assert_eq!(post(&bench, json_type, deep).await, (400, json!("invalid_json")));
    assert_eq!(post(&bench, json_type, vec![0xff_u8; 999]).await, (400, json!("invalid_json")));
    assert_untouched(&bench).await;
}

#[tokio::test]
async fn another_media_type_or_none_is_415() {
    let bench = Bench::new().await;
    let body = json!({ "to": ANSWERS }).to_string();
    for media in [
        None,
        Some("text/plain"),
        Some("application/x-www-form-urlencoded"),
        Some("application/jsonp"),
    ] {
        assert_eq!(
            post(&bench, media, body.clone()).await,
            (415, json!("unsupported_media_type")),
            "{media:?}"
        );
    }
    assert_untouched(&bench).await;
}

#[tokio::test]
async fn a_body_of_ten_megabytes_is_413_on_every_endpoint() {
    let bench = Bench::new().await;
    for endpoint in ["make-call", "voice", "status", "recording"] {
        let request = bench.http.post(bench.url(endpoint)).header("origin", &bench.base);
        let request = request.header("content-type", "application/json");
        let (status, body) = json_of(request.body(vec![b'x'; 10 * 1024 * 1024])).await;
        assert_eq!((status, &body["reason"]), (413, &json!("body_too_large")), "{endpoint}");
    }
    assert_untouched(&bench).await;
}

#[tokio::test]
async fn a_wrong_method_is_405_and_says_what_is_allowed() {
    let bench = Bench::new().await;
    let cases = [
        ("make-call", "GET", "POST, OPTIONS"),
        ("make-call", "PUT", "POST, OPTIONS"),
        ("voice", "GET", "POST"),
        ("voice", "OPTIONS", "POST"),
        ("status", "DELETE", "GET, HEAD, POST, OPTIONS"),
        ("recording", "PATCH", "GET, HEAD, POST, OPTIONS"),
        ("recording", "BREW", "GET, HEAD, POST, OPTIONS"),
    ];
    for (endpoint, method, allow) in cases {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let response =
            bench.http.request(method.clone(), bench.url(endpoint)).send().await.unwrap();
        assert_eq!(response.status().as_u16(), 405, "{method} {endpoint}");
        assert_eq!(response.headers()["allow"], allow);
        let body: Value = serde_json::from_str(&response.text().await.unwrap()).unwrap();
        assert_eq!(body["reason"], "method_not_allowed");
    }
}

#[tokio::test]
async fn a_forged_webhook_is_403_and_leaves_no_trace() {
    let bench = Bench::new().await;
    let sid = call_sid('9');
    let params = [("CallSid", sid.as_str()), ("CallStatus", "completed"), ("RecordingSid", "RE1")];
    for endpoint in ["voice", "status", "recording"] {
        let url = bench.url(endpoint);
        let genuine = sign(&url, &params);
        let body = serde_urlencoded::to_string(params).unwrap();
        let form = "application/x-www-form-urlencoded";
        let other_url = sign(&format!("{url}?callId=1"), &params);
        let cases: [(Option<&str>, &str, &str); 5] = [
            (None, form, &body),
            (Some("garbage"), form, &body),
            (Some(&other_url), form, &body),
            (Some(&genuine), form, "CallSid=CA1"),
            (Some(&genuine), "application/json", &body),
        ];
        for (signature, media, body) in cases {
            let mut request =
                bench.http.post(&url).header("content-type", media).body(body.to_owned());
            if let Some(signature) = signature {
                request = request.header("x-twilio-signature", signature);
            }
            let (status, answer) = json_of(request).await;
            assert_eq!(
                (status, &answer["reason"]),
                (403, &json!("invalid_signature")),
                "{endpoint} {signature:?}"
            );
        }
    }
    assert_eq!(bench.status(&format!("callSid={sid}")).await.0, 404);
    assert_eq!(bench.twilio.elevenlabs_requests().len(), 0);
    assert_untouched(&bench).await;
}

#[tokio::test]
async fn a_signed_callback_without_a_call_is_400_and_voice_still_apologises() {
    let bench = Bench::new().await;
    for params in [
        &[("CallStatus", "ringing")][..],
        &[("CallSid", "CA1"), ("CallStatus", "ringing")][..],
        &[][..],
    ] {
        for endpoint in ["status", "recording"] {
            let (status, body) = bench.webhook(endpoint, params).await;
            assert_eq!(status, 400, "{endpoint} {params:?}");
            assert!(body.contains("invalid_call_sid"));
        }
        let (status, body) = bench.webhook("voice", params).await;
        assert_eq!(status, 200);
        assert!(body.contains("<Hangup/>"));
    }
    assert_untouched(&bench).await;
}

#[tokio::test]
async fn requests_for_another_host_are_turned_away() {
    let bench = Bench::new().await;
    let request = bench.http.get(&bench.base).header("host", "evil.example");
    assert_eq!(request.send().await.unwrap().status().as_u16(), 421);
}
