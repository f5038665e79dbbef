//! The agent slow, down or nonsense: the person hears a fitting sentence, in time.

use fakes::{DeliveryKind, ElevenLabsAnswer};
use serde_json::json;

use crate::bench::{ANSWERS, Bench, ask, call_sid, voice_request};
use crate::log;

const BUSY: &str = "Service is busy. Please call back in a few minutes.";
const CONFIGURATION: &str = "Configuration error. Please contact support.";
const OTHER: &str = "Technical difficulties. Please try again later.";

/// Rings somebody while the agent answers so; gives the TwiML and the call.
async fn heard(bench: &Bench, answer: ElevenLabsAnswer) -> (String, serde_json::Value) {
    bench.agent_answers(answer);
    let call = bench.call(json!({ "to": ANSWERS })).await;
    let deliveries = bench.twilio.deliveries();
    let voice = deliveries.iter().rfind(|delivery| delivery.kind == DeliveryKind::Voice).unwrap();
    assert_eq!(voice.status, Some(200));
    (voice.response_body.clone(), call)
}

#[tokio::test]
async fn every_failure_of_the_agents_gets_its_sentence_and_a_hang_up() {
    use ElevenLabsAnswer as A;
    let bench = Bench::new().await;
    let cases = [
        (A::RateLimited, BUSY, "429"),
        (A::Concurrency, BUSY, "429"),
        (A::Unauthorized, CONFIGURATION, "401"),
        (A::NotFound, OTHER, "404"),
        (A::Unprocessable, OTHER, "422"),
        (A::ServerError, OTHER, "500"),
        (A::Nonsense, OTHER, "nonsense"),
        (A::NotTwiml, OTHER, "nonsense"),
        (A::Doctype, OTHER, "nonsense"),
        (A::NoConversationId, OTHER, "nonsense"),
        (A::Truncated, OTHER, "nonsense"),
        (A::Empty, OTHER, "nonsense"),
        (A::HangUp, OTHER, "unreachable"),
    ];
    for (answer, sentence, status) in cases {
        let (twiml, call) = heard(&bench, answer).await;
        let expected = format!("<Response><Say>{sentence}</Say><Hangup/></Response>");
        assert!(twiml.ends_with(&expected), "{answer:?}: {twiml}");
        assert_eq!(
            (&call["status"], &call["diagnosis"][0]["code"]),
            (&json!("completed"), &json!("agent_not_connected"))
        );
        let lines = log::lines_with(&["apology", call["callId"].as_str().unwrap()]);
        assert_eq!(lines.len(), 1, "one line a failure: {lines:?}");
        let line: serde_json::Value = serde_json::from_str(&lines[0]).unwrap();
        assert_eq!((&line["service"], &line["status"]), (&json!("elevenlabs"), &json!(status)));
        assert_eq!((&line["callSid"], &line["callId"]), (&call["callSid"], &call["callId"]));
    }
}

#[tokio::test]
async fn the_valid_shapes_of_the_answer_all_connect() {
    use ElevenLabsAnswer as A;
    let bench = Bench::new().await;
    for answer in [A::Ok, A::InboundTrack, A::JsonString, A::JsonObject] {
        let (twiml, call) = heard(&bench, answer).await;
        assert!(twiml.contains("<Parameter name=\"conversation_id\""), "{answer:?}");
        assert_eq!(twiml.matches("statusCallback=").count(), 1, "{twiml}");
        assert!(Bench::events(&call).contains(&"stream-stopped"), "{call}");
    }
}

#[tokio::test]
async fn the_stream_callback_can_be_switched_off() {
    let bench = Bench::with(&[("STREAM_STATUS_CALLBACK", "off")]).await;
    let (twiml, _) = heard(&bench, ElevenLabsAnswer::Ok).await;
    assert!(!twiml.contains("statusCallback"));
}

#[tokio::test]
async fn the_sentences_and_their_language_can_be_set() {
    let bench = Bench::with(&[
        ("VOICE_APOLOGY_BUSY", "Zu viel los & <laut>."),
        ("VOICE_LANGUAGE", "de-DE"),
    ])
    .await;
    let (twiml, _) = heard(&bench, ElevenLabsAnswer::RateLimited).await;
    assert!(
        twiml.contains("<Say language=\"de-DE\">Zu viel los &amp; &lt;laut&gt;.</Say>"),
        "{twiml}"
    );
}

/// The paused clock jumps to the end of the budget as soon as nothing else can happen.
#[tokio::test(start_paused = true)]
async fn an_agent_that_never_answers_is_given_up_within_the_budget() {
    let bench = Bench::new().await;
    bench.agent_answers(ElevenLabsAnswer::Never);
    let start = tokio::time::Instant::now();
    let request = voice_request(&bench.base, "", &call_sid('1'));
    let (status, body, response) = ask(shared::endpoint::Voice, &bench.app, request).await;
    assert_eq!(status, 200);
    assert_eq!(response.headers()["content-type"], "text/xml");
    assert!(body.as_str().unwrap().contains(OTHER), "{body}");
    assert!(start.elapsed() <= std::time::Duration::from_secs(8), "{:?}", start.elapsed());
}

#[tokio::test]
async fn missing_settings_are_a_configuration_error_in_words() {
    let bench = Bench::new().await;
    for missing in ["ELEVENLABS_API_KEY", "TWILIO_AUTH_TOKEN", "NEXT_PUBLIC_APP_URL"] {
        let app = bench.function(&[(missing, "")], None);
        let request = voice_request(&bench.base, "", &call_sid('1'));
        let (status, body, _) = ask(shared::endpoint::Voice, &app, request).await;
        assert_eq!(status, 200, "{missing}");
        assert!(body.as_str().unwrap().contains(CONFIGURATION), "{missing}");
    }
    assert_eq!(bench.twilio.elevenlabs_requests().len(), 0);
}

#[tokio::test]
async fn a_voice_that_is_gone_leaves_twilio_the_static_apology() {
    let bench = Bench::new().await;
    let file = bench.http.get(format!("{}/apology.xml", bench.base)).send().await.unwrap();
    assert_eq!(file.status().as_u16(), 200);
    assert!(file.headers()["content-type"].to_str().unwrap().contains("xml"));
    assert!(file.text().await.unwrap().contains(OTHER));
}
