//! Whom we ring and when: every refusal over HTTP, and that it leaves nothing behind.

use serde_json::json;
use shared::endpoint::MakeCall;

use crate::bench::{ANSWERS, Bench, ask, dial_request};

/// What a dial to a number is answered with these variables.
async fn answer(bench: &Bench, pairs: &[(&str, &str)], to: &str) -> (u16, String) {
    let app = bench.function(pairs, None);
    let request = dial_request(&bench.base, &json!({ "to": to }));
    let (status, body, _) = ask(MakeCall, &app, request).await;
    (status, body["reason"].as_str().unwrap_or_default().to_owned())
}

#[tokio::test]
async fn numbers_that_cost_more_or_are_nobodys_are_refused_and_nothing_is_written() {
    let bench = Bench::new().await;
    let refused = [
        ("+18765550100", "destination_not_allowed"),
        ("+442071838750", "destination_not_allowed"),
        ("+19005550100", "destination_premium"),
        ("+881612345678", "destination_blocked"),
        ("+19115550100", "destination_blocked"),
        (dev::SIMULATED_PHONE_NUMBER, "destination_self"),
    ];
    for (to, reason) in refused {
        assert_eq!(answer(&bench, &[], to).await, (403, reason.to_owned()), "{to}");
    }
    let blocklist = [("CALL_BLOCKLIST", "+12125550199, +12125550123")];
    assert_eq!(answer(&bench, &blocklist, ANSWERS).await.1, "destination_blocked");
    assert_eq!(bench.status("").await.1["calls"], json!([]));
    assert_eq!(bench.twilio.calls_attempted(), 0);
    // Nothing was counted either: the number may be rung at once.
    assert_eq!(answer(&bench, &[], ANSWERS).await.0, 200);
}

#[tokio::test]
async fn one_phone_has_one_name_however_it_is_written() {
    let bench = Bench::new().await;
    let app = bench.function(&[], None);
    let dial = async |to: &str| {
        let (status, body, _) =
            ask(MakeCall, &app, dial_request(&bench.base, &json!({ "to": to }))).await;
        (status, body)
    };
    let (status, body) = dial("\u{202a}+1 (212) 555\u{2011}0123\u{202c}\n").await;
    assert_eq!((status, &body["to"]), (200, &json!(ANSWERS)));
    for to in [ANSWERS, "+1.212.555.0123"] {
        let (status, body) = dial(to).await;
        assert_eq!((status, &body["reason"]), (429, &json!("destination_cooldown")), "{to}");
    }
    let (status, body) = dial("+112125550123").await;
    assert_eq!((status, &body["reason"]), (400, &json!("invalid_to")));
    let message = body["message"].as_str().unwrap();
    assert!(message.ends_with(": leave out the 1 behind +1."), "{message}");
    assert_eq!(bench.twilio.calls_attempted(), 1);
}

#[tokio::test]
async fn a_blocked_phone_and_our_own_are_refused_under_every_name() {
    let bench = Bench::new().await;
    let argentina = ("CALL_ALLOWED_PREFIXES", "+54,+52");
    let (blocked, own) = ("destination_blocked", "destination_self");
    for (name, listed, to, reason) in [
        ("CALL_BLOCKLIST", "+5491123456789", "+541123456789", blocked),
        ("CALL_BLOCKLIST", "+541123456789", "+54 9 11 2345-6789", blocked),
        ("CALL_BLOCKLIST", "+541123456789", "+54 11 15 2345-6789", "invalid_to"),
        ("CALL_BLOCKLIST", "+525512345678", "+52 1 55 1234 5678", "invalid_to"),
        ("CALL_BLOCKLIST", "+525512345678", "+52 55 1234 5678", blocked),
        ("TWILIO_PHONE_NUMBER", "+541123456789", "+5491123456789", own),
        ("CALL_BLOCKLIST", "+5215512345678", "+541123456789", "misconfigured"),
    ] {
        let found = answer(&bench, &[argentina, (name, listed)], to).await.1;
        assert_eq!(found, reason, "{name}={listed} {to}");
    }
    assert_eq!(bench.twilio.calls_attempted(), 0);
}

#[tokio::test]
async fn the_cool_down_sees_one_phone_where_two_numbers_reach_it() {
    let bench = Bench::new().await;
    let allowed = [("CALL_ALLOWED_PREFIXES", "+54")];
    assert_eq!(answer(&bench, &allowed, "+541123456789").await.0, 200);
    let again = answer(&bench, &allowed, "+5491123456789").await;
    assert_eq!(again, (429, "destination_cooldown".to_owned()));
}

/// In the simulation they are dialled: see below.
#[tokio::test]
async fn twilios_test_numbers_are_not_dialled_at_twilio() {
    let bench = Bench::new().await;
    let real = [
        ("TWILIO_API_URL", "https://api.twilio.com"),
        ("NEXT_PUBLIC_APP_URL", "https://app.example"),
        ("ALLOWED_ORIGINS", bench.base.as_str()),
    ];
    let app = bench.function(&real, None);
    let request = dial_request(&bench.base, &json!({ "to": "+15005550001" }));
    let (status, body, _) = ask(MakeCall, &app, request).await;
    assert_eq!((status, &body["reason"]), (403, &json!("destination_blocked")), "{body}");
    assert!(body["message"].as_str().unwrap().contains("TWILIO_TEST_CREDENTIALS=true"), "{body}");
}

#[tokio::test]
async fn our_own_region_is_rung_and_what_the_owner_allows_beyond() {
    let bench = Bench::new().await;
    for to in ["+12125550124", "+14165550100", "+15005550006"] {
        assert_ne!(answer(&bench, &[], to).await.0, 403, "{to}");
    }
    let allowed = [("CALL_ALLOWED_PREFIXES", "+44,+1212")];
    assert_eq!(answer(&bench, &allowed, "+442071838750").await.0, 200);
    assert_eq!(answer(&bench, &allowed, "+14165550101").await.1, "destination_not_allowed");
    assert_eq!(answer(&bench, &allowed, "+449098790000").await.1, "destination_premium");
    // Niue and Tokelau: seven digits in all.
    for to in ["+6834002", "+6907290"] {
        let allowed = [("CALL_ALLOWED_PREFIXES", "+683,+690")];
        assert_eq!(answer(&bench, &allowed, to).await.0, 200, "{to}");
    }
}

/// Nine in the evening in New York is six in Los Angeles.
#[tokio::test]
async fn nobody_is_rung_at_night_where_they_live() {
    let bench = Bench::new().await;
    let quiet = [("CALL_QUIET_HOURS", "21:00-08:00")];
    let app = bench.function_at("2026-11-23T02:00:00Z", &quiet);
    let new_york = dial_request(&bench.base, &json!({ "to": ANSWERS }));
    let (status, body, response) = ask(MakeCall, &app, new_york).await;
    assert_eq!((status, &body["reason"]), (451, &json!("quiet_hours")), "{body}");
    assert_eq!(response.headers()["retry-after"], (11 * 3600).to_string());
    assert_eq!(bench.twilio.calls_attempted(), 0);
    let los_angeles = dial_request(&bench.base, &json!({ "to": "+12135550123" }));
    assert_eq!(ask(MakeCall, &app, los_angeles).await.0, 200);
}
