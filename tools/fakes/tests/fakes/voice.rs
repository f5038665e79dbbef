//! The voice webhook: fallback, retries, redirects, and answers that are no TwiML.

use crate::support::*;
use fakes::{DeliveryKind, sign};
use tokio::net::TcpListener;

#[tokio::test]
async fn each_unusable_answer_leads_to_the_fallback_with_its_code() {
    for (status, content_type, body, code) in [
        (500, "text/xml", GOODBYE, "11200"),
        (403, "text/plain", "no", "11200"),
        (200, "", GOODBYE, "12300"),
        (200, "application/json", "{}", "12300"),
        (200, "text/xml", "<Response><Say>", "12100"),
        (200, "text/xml", " <?xml version=\"1.0\"?><Response/>", "12100"),
        (200, "text/xml", "<!DOCTYPE a><Response/>", "12100"),
        (308, "location:/other", "", "11216"),
    ] {
        let world = World::new().await;
        world.app.answer("/voice", status, content_type, body);
        world.app.answer("/fallback", 200, "text/xml", GOODBYE);
        let sid = world.call(TALKER, &[]).await;
        let fallback = &world.forms("/fallback")[0];
        assert_eq!(fallback["ErrorCode"], code, "{status} {content_type} {body}");
        let url = format!("{}/voice?callId=c1", world.app_url);
        assert_eq!(fallback["ErrorUrl"], url);
        let told = world.fakes.notifications(&sid);
        assert_eq!(told[0].error_code.to_string(), code);
        assert_eq!(world.column("/status", "CallStatus")[3], "completed");
    }
}

#[tokio::test]
async fn without_a_fallback_the_call_ends_after_an_application_error() {
    let world = World::new().await;
    world.app.answer("/voice", 500, "text/html", "oops");
    world.call(TALKER, &[("FallbackUrl", "")]).await;
    assert!(world.forms("/fallback").is_empty());
    assert_eq!(world.column("/status", "CallStatus")[3], "completed");
}

#[tokio::test]
async fn html_and_plain_text_are_executed_too() {
    for content_type in ["application/xml", "text/html; charset=utf-8", "text/plain"] {
        let world = World::new().await;
        let pause = r#"<Response><Pause length="7"/></Response>"#;
        world.app.answer("/voice", 200, content_type, pause);
        world.call(TALKER, &[]).await;
        assert!(world.forms("/fallback").is_empty(), "{content_type}");
        assert_eq!(world.column("/status", "CallDuration")[3], "7");
    }
}

#[tokio::test]
async fn a_server_error_is_tried_again_only_if_the_overrides_say_so() {
    for (fragment, tries) in [("", 1), ("#rc=2", 1), ("#rc=2&rp=ct,rt,5xx", 3), ("#rc=1&rp=all", 2)]
    {
        let world = World::new().await;
        let url = format!("{}/status{fragment}", world.app_url);
        world.app.answer("/status", 503, "", "");
        let extra = [("StatusCallback", url.as_str()), ("StatusCallbackEvent", "completed")];
        world.call(TALKER, &extra).await;
        let deliveries = world.fakes.deliveries();
        let sent: Vec<_> =
            deliveries.iter().filter(|delivery| delivery.kind == DeliveryKind::Status).collect();
        assert_eq!(sent.len(), tries, "{fragment}");
        assert!(sent.iter().all(|one| one.idempotency_token == sent[0].idempotency_token));
        assert!(sent.iter().all(|one| !one.url.contains('#')));
        assert_eq!(sent[0].signature, sign(TOKEN, &sent[0].url, &sent[0].params));
    }
}

#[tokio::test]
async fn retries_stop_at_the_first_success() {
    let world = World::new().await;
    let url = format!("{}/status#rc=5&rp=5xx", world.app_url);
    world.app.answer("/status", 500, "", "");
    world.app.answer("/status", 204, "", "");
    let extra = [("StatusCallback", url.as_str()), ("StatusCallbackEvent", "completed")];
    world.call(TALKER, &extra).await;
    let statuses: Vec<_> = world
        .fakes
        .deliveries()
        .iter()
        .filter(|delivery| delivery.kind == DeliveryKind::Status)
        .map(|delivery| delivery.status)
        .collect();
    assert_eq!(statuses, [Some(500), Some(204)]);
}

#[tokio::test]
async fn a_refused_connection_is_tried_twice_and_then_falls_back() {
    let world = World::new().await;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/voice", listener.local_addr().unwrap());
    drop(listener);
    world.app.answer("/fallback", 200, "text/xml", GOODBYE);
    world.call(TALKER, &[("Url", &url)]).await;
    let deliveries = world.fakes.deliveries();
    let voice = deliveries.iter().filter(|delivery| delivery.kind == DeliveryKind::Voice);
    assert_eq!(voice.count(), 2);
    assert_eq!(world.forms("/fallback")[0]["ErrorCode"], "11205");
}

#[tokio::test]
async fn a_read_that_takes_too_long_is_given_up() {
    let world = World::new().await;
    // Accepts by its backlog, never answers.
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/voice#rt=100&rc=0", listener.local_addr().unwrap());
    world.app.answer("/fallback", 200, "text/xml", GOODBYE);
    world.call(TALKER, &[("Url", &url)]).await;
    assert_eq!(world.forms("/fallback")[0]["ErrorCode"], "11205");
    drop(listener);
}

#[tokio::test]
async fn after_a_redirect_the_fields_are_gone() {
    let world = World::new().await;
    world.app.answer("/voice", 302, "location:/elsewhere", "");
    world.app.answer("/elsewhere", 200, "text/xml", GOODBYE);
    world.call(TALKER, &[]).await;
    let seen = world.app.seen();
    let hop = seen.iter().find(|seen| seen.target == "/elsewhere").unwrap();
    assert_eq!((hop.method.as_str(), hop.body.as_str()), ("GET", ""));
    let url = format!("{}/elsewhere", world.app_url);
    assert_eq!(hop.headers["x-twilio-signature"], sign::<&str, &str>(TOKEN, &url, &[]).as_str());
}

#[tokio::test]
async fn a_get_webhook_carries_its_fields_in_the_query() {
    let world = World::new().await;
    world.call(TALKER, &[("Method", "GET")]).await;
    let seen = world.app.seen();
    let voice = seen.iter().find(|seen| seen.target.starts_with("/voice")).unwrap();
    assert!(voice.target.starts_with("/voice?callId=c1&CallSid=CA"), "{}", voice.target);
    let url = format!("{}{}", world.app_url, voice.target);
    assert_eq!(voice.headers["x-twilio-signature"], sign::<&str, &str>(TOKEN, &url, &[]).as_str());
}

#[tokio::test]
async fn twiml_in_the_request_needs_no_webhook() {
    let world = World::new().await;
    let twiml = r#"<Response><Pause length="3"/></Response>"#;
    world.call(TALKER, &[("Url", ""), ("Twiml", twiml)]).await;
    assert!(world.forms("/voice").is_empty());
    assert_eq!(world.column("/status", "CallDuration")[3], "3");
}

#[tokio::test]
async fn https_to_this_machine_is_carried_plainly_and_signed_without_its_port() {
    let world = World::new().await;
    let url = format!("{}/voice", world.app_url.replace("http:", "https:"));
    world.call(TALKER, &[("Url", &url)]).await;
    let seen = world.app.seen();
    let voice = seen.iter().find(|seen| seen.target == "/voice").unwrap();
    let expected = sign(TOKEN, "https://127.0.0.1/voice", &decoded(&voice.body));
    assert_eq!(voice.headers["x-twilio-signature"], expected.as_str());
}
