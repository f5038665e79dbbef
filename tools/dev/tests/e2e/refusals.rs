//! Every refusal that make-call and the readers can give, and that a refused dial reaches nobody.

use http::Request;
use serde_json::{Value, json};
use shared::endpoint::{MakeCall, Reason, Recording, Status};

use crate::bench::{ANSWERS, Bench, TOKEN, ask, call_sid, dial_request};

/// Dials a function with these variables and expects a refusal before Twilio or the store.
async fn refused(
    variables: &[(&str, &str)],
    request: impl FnOnce(&str) -> Request<String>,
) -> (u16, String, Value) {
    let bench = Bench::new().await;
    let app = bench.function(variables, None);
    let (status, body, _) = ask(MakeCall, &app, request(&bench.base)).await;
    assert_eq!(body["success"], false);
    for field in ["error", "reason", "message"] {
        assert!(body[field].as_str().is_some_and(|text| !text.is_empty()), "{field}: {body}");
    }
    assert_eq!(bench.twilio.calls_attempted(), 0);
    assert_eq!(bench.status("").await.1["calls"], json!([]), "nothing is written");
    (status, body["reason"].as_str().unwrap().to_owned(), body)
}

fn with_header(request: Request<String>, name: &'static str, value: &str) -> Request<String> {
    let (mut parts, body) = request.into_parts();
    parts.headers.insert(name, value.parse().unwrap());
    Request::from_parts(parts, body)
}

fn without_header(request: Request<String>, name: &str) -> Request<String> {
    let (mut parts, body) = request.into_parts();
    parts.headers.remove(name);
    Request::from_parts(parts, body)
}

#[tokio::test]
async fn another_sites_page_may_not_dial() {
    let to = json!({ "to": ANSWERS });
    for origin in ["https://evil.example", "null", "http://127.0.0.1", "http://127.0.0.1:1"] {
        let (status, reason, _) = refused(&[], |_| dial_request(origin, &to)).await;
        assert_eq!((status, reason.as_str()), (403, "origin_not_allowed"), "{origin}");
    }
    let same_site_claim = |base: &str| {
        with_header(
            without_header(dial_request(base, &to), "origin"),
            "sec-fetch-site",
            "same-origin",
        )
    };
    let (status, reason, _) = refused(&[], same_site_claim).await;
    assert_eq!((status, reason.as_str()), (403, "origin_not_allowed"), "a POST needs the Origin");
}

#[tokio::test]
async fn an_allowed_origin_may_dial_and_is_told_so() {
    let bench = Bench::new().await;
    let app = bench
        .function(&[("ALLOWED_ORIGINS", "https://shop.example, https://www.shop.example")], None);
    let request = dial_request("https://shop.example", &json!({ "to": ANSWERS }));
    let (status, _, response) = ask(MakeCall, &app, request).await;
    assert_eq!(status, 200);
    assert_eq!(response.headers()["access-control-allow-origin"], "https://shop.example");
    assert_eq!(response.headers()["vary"], "Origin");
    bench.twilio.all_settled().await;
}

#[tokio::test]
async fn a_preflight_permits_our_origins_and_no_other() {
    let bench = Bench::new().await;
    let preflight = |origin: &str| {
        Request::options("/api/twilio/make-call").header("origin", origin).body("").unwrap()
    };
    let (status, _, ours) = ask(MakeCall, &bench.app, preflight(&bench.base)).await;
    assert_eq!(status, 204);
    assert_eq!(ours.headers()["access-control-allow-origin"], bench.base.as_str());
    assert!(
        ours.headers()["access-control-allow-headers"].to_str().unwrap().contains("authorization")
    );
    let (_, _, theirs) = ask(MakeCall, &bench.app, preflight("https://evil.example")).await;
    assert!(theirs.headers().keys().all(|name| !name.as_str().starts_with("access-control")));
}

#[tokio::test]
async fn with_a_token_set_and_no_anonymous_dialling_every_caller_shows_it() {
    let to = json!({ "to": ANSWERS });
    let variables = [("MAKE_CALL_TOKEN", TOKEN), ("ALLOW_ANONYMOUS_DIALLING", "false")];
    for shown in
        [None, Some("Bearer"), Some("Bearer wrong-token-of-any"), Some(TOKEN), Some("Basic YTpi")]
    {
        let (status, reason, _) = refused(&variables, |base| match shown {
            None => dial_request(base, &to),
            Some(shown) => with_header(dial_request(base, &to), "authorization", shown),
        })
        .await;
        assert_eq!((status, reason.as_str()), (401, "unauthorized"), "{shown:?}");
    }
}

#[tokio::test]
async fn what_is_no_number_is_named_and_the_number_is_not_repeated() {
    let cases = [
        ("+1 212 555 0123 ext. 45", "leave out the extension"),
        ("+1212555012#", "the character '#' at position 12"),
        ("+1212555012\u{ff13}", "(U+FF13) at position 12"),
        ("+1\u{7}2125550123", "the character U+0007 at position 3"),
        ("12125550123", "the + and the country code are missing"),
        ("0044 20 7946 0123", "write + in place of 00"),
        ("+4402079460123", "leave out the 0 behind +44"),
        ("+683400", "it has 6 digits and not 7 to 15"),
    ];
    for (to, said) in cases {
        let (status, reason, body) =
            refused(&[], |base| dial_request(base, &json!({ "to": to }))).await;
        assert_eq!((status, reason.as_str()), (400, "invalid_to"), "{to}");
        let message = body["message"].as_str().unwrap().replace("+12125550123", "");
        assert!(message.contains(said), "{message}");
        let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
        let last = digits(to).split_off(5);
        assert!(last.len() < 4 || !digits(&message).contains(&last), "{message}");
    }
}

#[tokio::test]
async fn a_malformed_token_closes_the_door_instead_of_opening_it() {
    let bench = Bench::new().await;
    let app = bench.function(&[("MAKE_CALL_TOKEN", "short")], None);
    let read =
        |url: String| Request::get(url).header("sec-fetch-site", "same-origin").body("").unwrap();
    let one = read(format!("/api/twilio/status?callSid={}", call_sid('1')));
    let (status, body, _) = ask(Status, &app, one).await;
    assert_eq!((status, &body["reason"]), (500, &json!("misconfigured")));
    let (status, reason, _) = refused(&[("MAKE_CALL_TOKEN", "short")], |base| {
        dial_request(base, &json!({"to": ANSWERS}))
    })
    .await;
    assert_eq!((status, reason.as_str()), (500, "misconfigured"));
}

#[tokio::test]
async fn misconfigured_names_every_variable_and_no_value() {
    let variables = [
        ("TWILIO_ACCOUNT_SID", "ACnonsense"),
        ("TWILIO_AUTH_TOKEN", ""),
        ("ELEVENLABS_API_KEY", ""),
        ("ELEVENLABS_AGENT_ID", ""),
        ("VOICE_BUDGET_SECONDS", "ninety"),
        ("CALL_MAX_PER_DAY", "-99"),
    ];
    let (status, reason, body) =
        refused(&variables, |base| dial_request(base, &json!({"to": ANSWERS}))).await;
    assert_eq!((status, reason.as_str()), (500, "misconfigured"));
    let message = body["message"].as_str().unwrap();
    for (name, value) in variables {
        assert!(message.contains(name), "{name}: {message}");
        assert!(value.len() < 2 || !message.contains(value), "{message}");
    }
}

#[tokio::test]
async fn a_deployed_function_without_a_store_refuses_to_dial() {
    let (status, reason, body) =
        refused(&[("VERCEL", "1"), ("ALLOW_ANONYMOUS_DIALLING", "1"), ("STORE_URL", "")], |base| {
            dial_request(base, &json!({"to": ANSWERS}))
        })
        .await;
    assert_eq!((status, reason.as_str()), (500, "misconfigured"));
    assert!(body["message"].as_str().unwrap().contains("STORE_URL"));
}

#[tokio::test]
async fn a_wish_to_record_needs_the_token_or_the_setting() {
    let wish = json!({"to": ANSWERS, "record": true});
    let (status, reason, _) =
        refused(&[("RECORD_CALLS", "")], |base| dial_request(base, &wish)).await;
    assert_eq!((status, reason.as_str()), (403, "token_not_configured"));
}

#[tokio::test]
async fn variables_that_could_not_reach_the_agent_are_refused() {
    let body = json!({"to": ANSWERS, "dynamicVariables": {"a": 1}});
    let (status, reason, _) =
        refused(&[("ELEVENLABS_CONNECT", "signed-url")], |base| dial_request(base, &body)).await;
    assert_eq!((status, reason.as_str()), (400, "invalid_parameter"));
}

#[tokio::test]
async fn a_deployed_function_without_a_token_shows_one_call_but_no_list_and_no_recording() {
    let bench = Bench::new().await;
    let call = bench.call(json!({ "to": ANSWERS })).await;
    let app = bench.function(&[("VERCEL", "1"), ("ALLOW_ANONYMOUS_DIALLING", "true")], None);
    let read = |path: &str| {
        Request::get(format!("/api/twilio/{path}"))
            .header("sec-fetch-site", "same-origin")
            .body("")
            .unwrap()
    };
    let sid = call["callSid"].as_str().unwrap();
    assert_eq!(ask(Status, &app, read(&format!("status?callSid={sid}"))).await.0, 200);
    let (status, body, _) = ask(Status, &app, read("status")).await;
    assert_eq!((status, &body["reason"]), (403, &json!("token_not_configured")));
    let (status, body, _) = ask(Recording, &app, read(&format!("recording?callSid={sid}"))).await;
    assert_eq!((status, &body["reason"]), (403, &json!("token_not_configured")));
    assert!(body["message"].as_str().unwrap().contains("MAKE_CALL_TOKEN"));
}

#[tokio::test]
async fn reading_needs_our_page() {
    let bench = Bench::new().await;
    for site in [None, Some("cross-site"), Some("same-site"), Some("none")] {
        let mut request = Request::get(format!("/api/twilio/status?callSid={}", call_sid('1')));
        if let Some(site) = site {
            request = request.header("sec-fetch-site", site);
        }
        let (status, body, _) = ask(Status, &bench.app, request.body("").unwrap()).await;
        assert_eq!((status, &body["reason"]), (403, &json!("origin_not_allowed")), "{site:?}");
    }
}

#[tokio::test]
async fn an_unknown_call_is_404_and_a_malformed_name_400() {
    let bench = Bench::new().await;
    let expected = [
        (format!("callSid={}", call_sid('1')), 404, "call_not_found"),
        (format!("callId={}", "0".repeat(32)), 404, "call_not_found"),
        ("callSid=CA1".to_owned(), 400, "invalid_call_sid"),
        ("callId=1".to_owned(), 400, "invalid_parameter"),
        ("callId=".to_owned(), 400, "invalid_parameter"),
        ("callid=1".to_owned(), 400, "invalid_parameter"),
        (format!("callSid={0}&callId=1", call_sid('1')), 400, "invalid_parameter"),
    ];
    for (query, status, reason) in expected {
        let (found, body) = bench.status(&query).await;
        assert_eq!((found, &body["reason"]), (status, &json!(reason)), "{query}");
    }
}

#[tokio::test]
async fn who_has_no_token_is_not_told_what_is_misconfigured() {
    let variables = [
        ("MAKE_CALL_TOKEN", TOKEN),
        ("ELEVENLABS_API_KEY", ""),
        ("ALLOW_ANONYMOUS_DIALLING", "no"),
    ];
    let (status, reason, _) =
        refused(&variables, |base| dial_request(base, &json!({ "to": ANSWERS }))).await;
    assert_eq!((status, reason.as_str()), (401, "unauthorized"));
}

#[tokio::test]
async fn two_origins_are_none() {
    let (status, reason, _) = refused(&[], |base| {
        let (mut parts, body) = dial_request(base, &json!({ "to": ANSWERS })).into_parts();
        parts.headers.append("origin", "https://evil.example".parse().unwrap());
        Request::from_parts(parts, body)
    })
    .await;
    assert_eq!((status, reason.as_str()), (403, "origin_not_allowed"));
}

/// A reason that nothing provokes is a promise that nobody checks. `internal_error` is tools/panics'.
#[test]
fn every_reason_is_provoked_by_some_test() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/e2e");
    let files = std::fs::read_dir(folder).unwrap();
    let tests: String =
        files.map(|file| std::fs::read_to_string(file.unwrap().path()).unwrap()).collect();
    for reason in Reason::ALL.iter().filter(|reason| **reason != Reason::InternalError) {
        assert!(tests.contains(&format!("\"{}\"", reason.as_str())), "{}", reason.as_str());
    }
}
