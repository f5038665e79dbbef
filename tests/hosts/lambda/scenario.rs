//! What must hold on every Lambda. One that is not at hand has said so already.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use hosts::lambda::{Front, Lambda, header, json_body as body};
use hosts::webhook::{answered, recorded};
use hosts::{BEARER, CALL_SID, World, audio};

pub(super) const VOICE: &str = "/api/twilio/voice";
pub(super) const STATUS: &str = "/api/twilio/status";
pub(super) const RECORDING: &str = "/api/twilio/recording";
pub(super) const CALL_ID: &str = "callId=00112233445566778899aabbccddeeff";

pub(super) fn start<L: Lambda>(world: &World, name: &str, front: Front) -> Option<L> {
    L::start(world, name, &world.settings(&front.app_url()))
}

#[track_caller]
pub(super) fn assert_connected(answer: &Value) {
    assert_eq!(answer["statusCode"], 200, "{answer}");
    assert_eq!(answer["isBase64Encoded"], false, "{answer}");
    assert!(answer["body"].as_str().unwrap().contains("conv_1"), "{answer}");
}

pub(super) fn webhooks_through_http_api_and_function_url_are_answered_with_twiml<L: Lambda>() {
    for front in [Front::HttpApi, Front::FunctionUrl] {
        let world = World::new();
        let Some(mut lambda) = start::<L>(&world, "voice", front) else { return };
        // Order, escapes and all: the signature covers the query as it was sent.
        let query = format!("z=a%20b&{CALL_ID}&attempt=1");
        let answer = lambda.invoke(&front.webhook(VOICE, &query, &answered()));
        assert_connected(&answer);
        assert_eq!(answer["headers"]["content-type"], "text/xml", "{answer}");
    }
}

pub(super) fn a_wrong_signature_is_refused_and_nobody_is_asked<L: Lambda>() {
    let world = World::new();
    let Some(mut lambda) = start::<L>(&world, "voice", Front::HttpApi) else { return };
    let mut event = Front::HttpApi.webhook(VOICE, CALL_ID, &answered());
    event["rawQueryString"] = json!("callId=ffeeddccbbaa99887766554433221100");
    let answer = lambda.invoke(&event);
    assert_eq!(answer["statusCode"], 403, "{answer}");
    assert_eq!(body(&answer)["reason"], "invalid_signature");
    assert!(world.upstream.seen().is_empty());
}

pub(super) fn a_call_is_read_as_json<L: Lambda>() {
    let world = World::new();
    let Some(mut lambda) = start::<L>(&world, "status", Front::HttpApi) else { return };
    let told = lambda.invoke(&Front::HttpApi.webhook(STATUS, CALL_ID, &answered()));
    assert_eq!(told["statusCode"], 204, "{told}");
    let query = format!("callSid={CALL_SID}");
    let answer = lambda.invoke(&Front::HttpApi.get(STATUS, &query, BEARER));
    assert_eq!(answer["headers"]["content-type"], "application/json", "{answer}");
    let call = body(&answer);
    assert_eq!((&call["callSid"], &call["status"]), (&json!(CALL_SID), &json!("in-progress")));
}

pub(super) fn a_recording_arrives_byte_for_byte<L: Lambda>() {
    let world = World::new();
    let Some(mut lambda) = start::<L>(&world, "recording", Front::HttpApi) else { return };
    let told = lambda.invoke(&Front::HttpApi.webhook(RECORDING, CALL_ID, &recorded()));
    assert_eq!(told["statusCode"], 204, "{told}");
    let query = format!("callSid={CALL_SID}");
    let answer = lambda.invoke(&Front::HttpApi.get(RECORDING, &query, BEARER));
    assert_eq!(answer["statusCode"], 200, "{answer}");
    assert_eq!(answer["headers"]["content-type"], "audio/mpeg", "{answer}");
    assert_eq!(answer["isBase64Encoded"], true, "{answer}");
    assert_eq!(STANDARD.decode(answer["body"].as_str().unwrap()).unwrap(), audio());
}

pub(super) fn a_function_without_settings_says_so_and_lives<L: Lambda>() {
    let world = World::new();
    let Some(mut lambda) = L::start(&world, "status", &[]) else { return };
    for _ in 0..2 {
        let answer = lambda.invoke(&Front::HttpApi.webhook(STATUS, CALL_ID, &answered()));
        assert_eq!(answer["statusCode"], 500, "{answer}");
        let body = body(&answer);
        assert_eq!(body["reason"], "misconfigured");
        assert!(body["message"].as_str().unwrap().contains("TWILIO_AUTH_TOKEN"), "{body}");
    }
    let Some(mut lambda) = L::start(&world, "voice", &[]) else { return };
    let answer = lambda.invoke(&Front::HttpApi.webhook(VOICE, CALL_ID, &answered()));
    assert_eq!(answer["statusCode"], 200, "{answer}");
    assert!(answer["body"].as_str().unwrap().contains("<Say>"), "{answer}");
}

pub(super) fn every_answer_says_that_it_is_what_its_type_says_and_comes_by_https_alone<
    L: Lambda,
>() {
    let world = World::new();
    let front = Front::HttpApi;
    let Some(mut status) = start::<L>(&world, "status", front) else { return };
    let Some(mut voice) = start::<L>(&world, "voice", front) else { return };
    let answers = [
        (204, status.invoke(&front.webhook(STATUS, CALL_ID, &answered()))),
        (200, status.invoke(&front.get(STATUS, "", BEARER))),
        (200, status.invoke(&front.head(STATUS, "", BEARER))),
        (401, status.invoke(&front.get(STATUS, "", "Bearer wrong"))),
        (200, voice.invoke(&front.webhook(VOICE, CALL_ID, &answered()))),
        (403, voice.invoke(&front.signed(VOICE, CALL_ID, "c2lnbmF0dXJl", b""))),
        (405, voice.invoke(&front.get(VOICE, "", ""))),
    ];
    for (expected, answer) in answers {
        assert_eq!(answer["statusCode"], expected, "{answer}");
        assert_eq!(header(&answer, "x-content-type-options"), Some("nosniff"), "{answer}");
        let https = header(&answer, "strict-transport-security");
        assert_eq!(https, Some("max-age=31536000"), "{answer}");
    }
}
