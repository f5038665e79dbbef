//! Callers without the token: where they are let in, what they may use, and what they cost.

use std::sync::Arc;

use fakes::CreateFault;
use http::{Method, Request};
use serde_json::{Value, json};
use shared::call::Timestamp;
use shared::endpoint::{App, MakeCall, Status};

use crate::bench::{ANSWERS, Bench, TOKEN, ask, call_sid, dial_request};
use crate::log;
use crate::stores::Switch;

const DEPLOYED: (&str, &str) = ("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:1");
const ALLOWED: (&str, &str) = ("ALLOW_ANONYMOUS_DIALLING", "true");

async fn dial(app: &Arc<App>, bench: &Bench, body: &Value) -> (u16, Value) {
    let (status, body, _) = ask(MakeCall, app, dial_request(&bench.base, body)).await;
    (status, body["reason"].clone())
}

/// Numbers that have not been rung, so that no cool-down stands in the way.
fn fresh(number: u32) -> Value {
    json!({"to": format!("+1212555{:04}", 110 + number)})
}

#[tokio::test]
async fn a_deployed_function_dials_for_strangers_only_if_the_setting_says_so() {
    let bench = Bench::new().await;
    let token = ("MAKE_CALL_TOKEN", TOKEN);
    for (settings, status, reason) in [
        (vec![DEPLOYED], 403, "token_not_configured"),
        (vec![DEPLOYED, token], 401, "unauthorized"),
        (vec![DEPLOYED, ("MAKE_CALL_TOKEN", "")], 500, "misconfigured"),
        (vec![DEPLOYED, ("MAKE_CALL_TOKEN", "  ")], 500, "misconfigured"),
        (vec![("VERCEL_IPC_PATH", "/ipc")], 403, "token_not_configured"),
    ] {
        let app = bench.function(&settings, None);
        let expected = (status, json!(reason));
        assert_eq!(dial(&app, &bench, &json!({"to": ANSWERS})).await, expected, "{settings:?}");
    }
    assert_eq!(bench.twilio.calls_attempted(), 0);
    for settings in [vec![DEPLOYED, ALLOWED], vec![DEPLOYED, ALLOWED, token]] {
        let app =
            bench.function(&[&settings[..], &[("CALL_COOLDOWN_SECONDS", "0")]].concat(), None);
        assert_eq!(dial(&app, &bench, &json!({"to": ANSWERS})).await.0, 200, "{settings:?}");
    }
}

#[tokio::test]
async fn a_wrong_token_is_never_taken_for_none() {
    let bench = Bench::new().await;
    for (settings, status) in [
        (vec![DEPLOYED, ALLOWED], 403),
        (vec![DEPLOYED, ALLOWED, ("MAKE_CALL_TOKEN", TOKEN)], 401),
        (vec![("MAKE_CALL_TOKEN", TOKEN)], 401),
    ] {
        let app = bench.function(&settings, None);
        let mut request = dial_request(&bench.base, &json!({"to": ANSWERS}));
        request.headers_mut().insert("authorization", "Bearer wrong-token-of-any".parse().unwrap());
        assert_eq!(ask(MakeCall, &app, request).await.0, status, "{settings:?}");
    }
    let rotated =
        [("MAKE_CALL_TOKEN", "another-token-of-any"), ("MAKE_CALL_TOKEN_SECONDARY", TOKEN)];
    let mut request = dial_request(&bench.base, &json!({"to": ANSWERS}));
    request.headers_mut().insert("authorization", format!("Bearer {TOKEN}").parse().unwrap());
    assert_eq!(ask(MakeCall, &bench.function(&rotated, None), request).await.0, 200);
}

#[tokio::test]
async fn strangers_set_no_variable_and_ring_and_talk_no_longer_than_their_share() {
    let bench = Bench::new().await;
    let settings =
        [DEPLOYED, ALLOWED, ("ANONYMOUS_VARIABLES", ""), ("ANONYMOUS_TIME_LIMIT_SECONDS", "")];
    let app = bench.function(&settings, None);
    for (more, expected) in [
        (json!({"dynamicVariables": {"secret__key": "x"}}), (403, "token_not_configured")),
        (json!({"dynamicVariables": {"name": "x"}}), (403, "token_not_configured")),
        (json!({"timeout": 61}), (400, "invalid_parameter")),
        (json!({"timeLimit": 301}), (400, "invalid_parameter")),
    ] {
        let mut body = json!({"to": ANSWERS});
        body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        assert_eq!(dial(&app, &bench, &body).await, (expected.0, json!(expected.1)), "{more}");
    }
    assert_eq!(dial(&app, &bench, &json!({"to": ANSWERS})).await.0, 200);
    let created = &bench.twilio.calls_created()[0].params;
    assert!(created.contains(&("TimeLimit".to_owned(), "300".to_owned())), "{created:?}");
}

#[tokio::test]
async fn strangers_have_so_many_calls_at_once_and_an_end_makes_room() {
    let bench = Bench::new().await;
    bench.faults(|faults| faults.twilio.drop = 1.0);
    let settings = [("ANONYMOUS_MAX_CONCURRENT", "2"), ("MAKE_CALL_TOKEN", TOKEN)];
    let app = bench.function(&settings, None);
    for number in 0..2 {
        assert_eq!(dial(&app, &bench, &fresh(number)).await.0, 200);
    }
    assert_eq!(dial(&app, &bench, &fresh(2)).await, (429, json!("concurrency_limit")));
    let mut known = dial_request(&bench.base, &fresh(3));
    known.headers_mut().insert("authorization", format!("Bearer {TOKEN}").parse().unwrap());
    assert_eq!(ask(MakeCall, &app, known).await.0, 200, "the token's own share is untouched");
    let (_, list) = bench.status("").await;
    let calls = list["calls"].as_array().unwrap();
    let first = calls.iter().find(|call| call["to"].as_str().unwrap().ends_with("10")).unwrap();
    let path = format!("status?callId={}", first["callId"].as_str().unwrap());
    let end = [
        ("CallSid", first["callSid"].as_str().unwrap()),
        ("CallStatus", "busy"),
        ("SequenceNumber", "1"),
    ];
    assert_eq!(bench.webhook(&path, &end).await.0, 204);
    assert_eq!(dial(&app, &bench, &fresh(4)).await.0, 200, "its place was given back");
    assert_eq!(dial(&app, &bench, &fresh(5)).await.0, 429);
}

#[tokio::test]
async fn strangers_have_so_many_calls_a_day() {
    let bench = Bench::new().await;
    let app = bench.function(&[("ANONYMOUS_MAX_PER_DAY", "2")], None);
    for number in 0..2 {
        assert_eq!(dial(&app, &bench, &fresh(number)).await.0, 200);
    }
    assert_eq!(dial(&app, &bench, &fresh(2)).await, (429, json!("daily_limit")));
}

#[tokio::test]
async fn dials_that_come_to_nothing_take_nothing_from_their_visitor() {
    let bench = Bench::new().await;
    let settings = [
        ("CALL_MAX_CONCURRENT", "1"),
        ("CALL_RATE_PER_CLIENT", "2"),
        ("ANONYMOUS_MAX_PER_DAY", "2"),
    ];
    let app = bench.function(&settings, None);
    bench.faults(|faults| faults.twilio.drop = 1.0);
    assert_eq!(dial(&app, &bench, &fresh(0)).await.0, 200);
    for number in 1..12 {
        assert_eq!(dial(&app, &bench, &fresh(number)).await, (429, json!("concurrency_limit")));
    }
    bench.create_answers(CreateFault::Reject(21211));
    let roomy = bench.function(&[settings[1], settings[2]], None);
    for number in 1..12 {
        assert_eq!(dial(&roomy, &bench, &fresh(number)).await, (502, json!("twilio_rejected")));
    }
    bench.create_answers(CreateFault::Ok);
    assert_eq!(dial(&roomy, &bench, &fresh(1)).await.0, 200);
}

/// A repetition depends on nothing but its key's row.
#[tokio::test]
async fn a_repetition_is_answered_whatever_has_changed_since() {
    let bench = Bench::new().await;
    let with_key = |body: &Value| {
        let mut request = dial_request(&bench.base, body);
        request.headers_mut().insert("idempotency-key", "one".parse().unwrap());
        request
    };
    let body = json!({"to": ANSWERS, "timeLimit": 800});
    let (status, first, response) = ask(MakeCall, &bench.app, with_key(&body)).await;
    assert_eq!((status, response.headers().get("idempotent-replayed")), (200, None));
    bench.twilio.all_settled().await;
    for changed in [
        ("CALL_PAUSED", "true"),
        ("CALL_QUIET_HOURS", "00:00-23:59"),
        ("CALL_BLOCKLIST", ANSWERS),
        ("CALL_ALLOWED_PREFIXES", "+44"),
        ("CALL_TIME_LIMIT_SECONDS", "60"),
        ("CALL_MAX_CONCURRENT", "0"),
        ("ANONYMOUS_TIME_LIMIT_SECONDS", "60"),
        ("CALL_RATE_PER_CLIENT", "1"),
        ("ELEVENLABS_API_KEY", ""),
        ("TWILIO_PHONE_NUMBER", ANSWERS),
    ] {
        let app = bench.function_at("2026-11-25T12:00:00Z", &[changed]);
        let app = Arc::new(App::new(
            Arc::into_inner(app).unwrap().settings,
            Arc::clone(&bench.app.store),
            bench.http.clone(),
            Arc::clone(&bench.app.clock),
            Arc::clone(&bench.app.random),
        ));
        let (status, again, response) = ask(MakeCall, &app, with_key(&body)).await;
        assert_eq!((status, &again), (200, &first), "{changed:?}");
        assert_eq!(response.headers()["idempotent-replayed"], "true");
        let other = ask(MakeCall, &app, with_key(&json!({"to": ANSWERS}))).await;
        assert_eq!(other.0, 422, "{changed:?}: another body is another call");
    }
    assert_eq!(bench.twilio.calls_attempted(), 1);
}

#[tokio::test]
async fn a_key_belongs_to_the_page_that_made_it() {
    let bench = Bench::with(&[("ALLOWED_ORIGINS", "https://a.example, https://b.example")]).await;
    let dial = async |origin: &str| {
        let mut request = dial_request(origin, &json!({"to": ANSWERS}));
        request.headers_mut().insert("idempotency-key", "one".parse().unwrap());
        ask(MakeCall, &bench.app, request).await.1["callId"].clone()
    };
    let (own, a, b) =
        (dial(&bench.base).await, dial("https://a.example").await, dial("https://b.example").await);
    assert!(own != a && a != b && own != b, "three pages, three calls");
    assert_eq!(dial("https://a.example").await, a);
}

#[tokio::test]
async fn a_refused_dial_leaves_one_line_with_its_reason_and_no_number() {
    let bench = Bench::new().await;
    let marked = |settings: &[(&str, &str)]| bench.function(settings, None);
    for (app, to, reason) in [
        (marked(&[DEPLOYED]), "+12125550191", "token_not_configured"),
        (marked(&[]), "+19005550192", "destination_premium"),
        (marked(&[("CALL_PAUSED", "1")]), "+12125550193", "calling_paused"),
        (marked(&[("ELEVENLABS_AGENT_ID", "")]), "+12125550194", "misconfigured"),
    ] {
        let before = log::lines_with(&["request refused", reason]).len();
        assert_eq!(dial(&app, &bench, &json!({"to": to})).await.1, json!(reason));
        // Other tests may refuse for the same reason meanwhile: at least one line, each complete.
        let lines = log::lines_with(&["request refused", reason]);
        assert!(lines.len() > before, "{reason}");
        for line in lines {
            let line: Value = serde_json::from_str(&line).unwrap();
            assert_eq!(line["reason"], reason);
            assert!(line["endpoint"].is_string() && line["status"].is_number(), "{line}");
        }
    }
    assert!(!log::lines_with(&["destination_premium", "\"to\":\"+*********92\""]).is_empty());
}

#[tokio::test]
async fn a_stranger_that_asks_too_often_is_refused_before_the_store_is_asked() {
    let bench = Bench::new().await;
    let store = Switch::before(Arc::clone(&bench.app.store));
    let app = bench.function_on(store.clone(), "2026-11-25T12:00:00Z");
    let read = || {
        Request::builder()
            .method(Method::GET)
            .uri(format!("/api/twilio/status?callSid={}", call_sid('9')))
            .header("sec-fetch-site", "same-origin")
            .body(String::new())
            .unwrap()
    };
    for _ in 0..600 {
        assert_eq!(ask(Status, &app, read()).await.0, 404);
    }
    store.between().fail(&["load", "claim_key", "find_key"]);
    let (status, body, response) = ask(Status, &app, read()).await;
    assert_eq!((status, &body["reason"]), (429, &json!("rate_limited")));
    assert_eq!(response.headers()["retry-after"], "60");
    let mut replay = dial_request(&bench.base, &json!({"to": ANSWERS}));
    replay.headers_mut().insert("idempotency-key", "one".parse().unwrap());
    assert_eq!(ask(MakeCall, &app, replay).await.0, 429);
    let other = Timestamp::parse_rfc3339("2026-11-25T12:01:00Z").unwrap();
    assert!(other > app.clock.now());
}
