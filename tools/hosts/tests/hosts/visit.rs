//! What must hold beside an existing site: its pages dial, Twilio's webhooks come through the rewrite
//! and are believed, and everything forged is refused and changes nothing.

use std::time::{Duration, Instant};

use bytes::Bytes;
use fakes::{Delivery, DeliveryKind, sign};
use http::{Request, header};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::beside::Beside;
use crate::caller::{FORM, ask, sent};
use crate::deployment::Site;
use crate::wire::{self, PATIENCE};

/// The simulated person of this number picks up and talks.
const TALKS: &str = "+12125550123";

/// Plays all of it.
pub(crate) async fn visit(beside: &Beside) {
    let site = &beside.deployment.site;
    let placed = dial(site, Some(&format!("http://{}", site.address))).await;
    assert_eq!(placed["success"], true, "{placed}");
    let call_sid = placed["callSid"].as_str().unwrap();
    every_webhook_was_believed(beside).await;
    let call = read(site, call_sid).await;
    assert_eq!(
        (&call["status"], &call["recording"]["status"]),
        (&json!("completed"), &json!("completed")),
        "{call}"
    );
    transcript_is_read(site, call_sid).await;
    forged_webhooks_are_refused(beside).await;
    assert_eq!(read(site, call_sid).await, call, "a forged webhook changed the call");
    foreign_pages_are_refused(site).await;
    apology_is_the_functions(site).await;
}

/// A page dials as the original app's campaign page does.
async fn dial(site: &Site, origin: Option<&str>) -> Value {
    let campaign = json!({"campaignName": "Solar roofs", "campaignDescription": "No obligation",
        "leadName": "Dana", "leadAbout": "Owns a house"});
    let body = json!({"to": TALKS, "campaignData": campaign}).to_string();
    let mut request = Request::post("/api/twilio/make-call");
    if let Some(origin) = origin {
        request = request.header(header::ORIGIN, origin);
    }
    let request = request.header(header::CONTENT_TYPE, "application/json");
    let answer = ask(site, request.body(Bytes::from(body)).unwrap()).await;
    serde_json::from_slice(answer.body()).unwrap()
}

/// A page of the site reads: a browser sends no `Origin` within one origin.
async fn get(site: &Site, path: &str) -> http::Response<Bytes> {
    let request = Request::get(path).header("sec-fetch-site", "same-origin");
    ask(site, request.body(Bytes::new()).unwrap()).await
}

async fn read(site: &Site, call_sid: &str) -> Value {
    let answer = get(site, &format!("/api/twilio/status?callSid={call_sid}")).await;
    assert_eq!(answer.status(), 200, "{answer:?}");
    serde_json::from_slice(answer.body()).unwrap()
}

/// Waits until every call is over: all that Twilio had to say came through the site, and was believed.
pub(crate) async fn every_webhook_was_believed(beside: &Beside) {
    let site = &beside.deployment.site;
    timeout(2 * PATIENCE, site.fakes.all_settled()).await.expect("a call never ends");
    let base = format!("http://{}/api/twilio/", site.address);
    let deliveries = site.fakes.deliveries();
    for it in &deliveries {
        assert!(it.url.starts_with(&base), "{}", it.url);
        assert!(it.status.is_some_and(|status| (200..300).contains(&status)), "{it:?}");
    }
    for kind in
        [DeliveryKind::Recording, DeliveryKind::Status, DeliveryKind::Stream, DeliveryKind::Voice]
    {
        assert!(deliveries.iter().any(|it| it.kind == kind), "no {kind:?} among {deliveries:?}");
    }
}

/// Polls as a page does, until the transcript is complete.
async fn transcript_is_read(site: &Site, call_sid: &str) {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = get(site, &format!("/api/elevenlabs/get-transcript?callSid={call_sid}")).await;
        assert_eq!(answer.status(), 200, "{answer:?}");
        let transcript: Value = serde_json::from_slice(answer.body()).unwrap();
        if transcript["status"] == "done" {
            let turns = transcript["transcript"].as_array().unwrap();
            assert!(turns.len() >= 2, "{transcript}");
            return;
        }
        assert!(Instant::now() < deadline, "never done: {transcript}");
        tokio::time::sleep(Duration::from_secs(1)).await;
    }
}

/// Each is signed with the right token, for what it is not.
async fn forged_webhooks_are_refused(beside: &Beside) {
    let site = &beside.deployment.site;
    let conversations = site.fakes.elevenlabs_requests().len();
    let is_end = |it: &Delivery| it.param("CallStatus") == Some("completed");
    for genuine in
        [sent(site, DeliveryKind::Voice, |_| true), sent(site, DeliveryKind::Status, is_end)]
    {
        let (_, path) = genuine.url.split_once(&site.address.to_string()).unwrap();
        for elsewhere in [
            format!("http://{}", beside.functions),
            format!("https://{}", beside.functions),
            format!("https://{}", site.address),
            "https://evil.example".to_owned(),
        ] {
            let url = format!("{elsewhere}{path}");
            let signature = sign(dev::SIMULATED_AUTH_TOKEN, &url, &genuine.params);
            refused(beside, path, &genuine.params, &signature).await;
        }
        let mut altered = genuine.params.clone();
        for (name, value) in &mut altered {
            if name == "CallStatus" {
                *value = "busy".to_owned();
            }
        }
        refused(beside, path, &altered, &genuine.signature).await;
        let other_call = format!("{path}&x=1");
        refused(beside, &other_call, &genuine.params, &genuine.signature).await;
    }
    assert_eq!(site.fakes.elevenlabs_requests().len(), conversations);
}

/// Both through the rewrite and at the functions' own address.
async fn refused(beside: &Beside, path: &str, params: &[(String, String)], signature: &str) {
    let site = beside.deployment.site.address;
    for (to, host) in [(site, site), (beside.functions, site), (beside.functions, beside.functions)]
    {
        let request = Request::post(path)
            .header(header::HOST, host.to_string())
            .header(header::CONTENT_TYPE, FORM)
            .header("x-twilio-signature", signature);
        let form = serde_urlencoded::to_string(params).unwrap();
        let answer = wire::ask(to, request.body(Bytes::from(form)).unwrap()).await.unwrap();
        let body: Value = serde_json::from_slice(answer.body()).unwrap();
        let told = (answer.status().as_u16(), &body["reason"]);
        assert_eq!(told, (403, &json!("invalid_signature")), "{path} at {to}");
    }
}

async fn foreign_pages_are_refused(site: &Site) {
    let dialled = site.fakes.calls_created().len();
    for origin in [Some("https://evil.example"), Some("null"), None] {
        let answer = dial(site, origin).await;
        assert_eq!(answer["reason"], "origin_not_allowed", "{origin:?}: {answer}");
    }
    assert_eq!(site.fakes.calls_created().len(), dialled);
}

/// Twilio's `FallbackUrl` is under the site's address as well.
async fn apology_is_the_functions(site: &Site) {
    let answer = get(site, "/apology.xml").await;
    let body = String::from_utf8_lossy(answer.body()).into_owned();
    assert!(answer.status() == 200 && body.contains("<Say"), "{} {body}", answer.status());
}
