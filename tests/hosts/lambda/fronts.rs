//! What must hold whoever stands in front of the function.

use std::fs;

use serde_json::{Value, json};

use hosts::lambda::{Front, Lambda, RuntimeApi, encoded, forge, header, json_body};
use hosts::webhook::{answered, form, sign};
use hosts::{BEARER, THEIR_NUMBER, World};

use super::scenario::{CALL_ID, RECORDING, STATUS, VOICE, assert_connected, start};

/// What pages read.
const READ: [(&str, &str); 3] = [
    ("status", STATUS),
    ("recording", RECORDING),
    ("get-transcript", "/api/elevenlabs/get-transcript"),
];

/// The same signed webhook from each, in the shapes AWS documents; two parameters, which two of them
/// take apart.
const RECORDED: [(Front, &str); 4] = [
    (Front::HttpApi, include_str!("../fixtures/apigw_v2_event.json")),
    (Front::FunctionUrl, include_str!("../fixtures/function_url_event.json")),
    (Front::RestApi, include_str!("../fixtures/apigw_v1_event.json")),
    (Front::LoadBalancer, include_str!("../fixtures/alb_event.json")),
];

pub(super) fn every_recorded_event_is_answered_with_the_agents_twiml<L: Lambda>() {
    for (front, event) in RECORDED {
        let world = World::new();
        let Some(mut lambda) = start::<L>(&world, "voice", front) else { return };
        let answer = lambda.invoke(&serde_json::from_str(event).unwrap());
        assert_connected(&answer);
        assert_eq!(header(&answer, "content-type"), Some("text/xml"), "{answer}");
        let has = |form: &str| answer[form].get("content-type").is_some();
        let forms = (has("headers"), has("multiValueHeaders"));
        let (expected, description) = match front {
            Front::RestApi => ((false, true), Value::Null),
            // Which of the two it reads is the target group's setting.
            Front::LoadBalancer => ((true, true), json!("200 OK")),
            _ => ((true, false), Value::Null),
        };
        assert_eq!((forms, &answer["statusDescription"]), (expected, &description), "{front:?}");
    }
}

pub(super) fn repeated_and_encoded_query_keys_verify<L: Lambda>() {
    for front in Front::ALL {
        let world = World::new();
        let Some(mut lambda) = start::<L>(&world, "voice", front) else { return };
        let mut queries = vec![CALL_ID.to_owned(), format!("z=a%20%26b&{CALL_ID}&%C3%A9=%2B")];
        // Without multi-value headers a load balancer hands on the last value only.
        if front != Front::LoadBalancer {
            queries.push(format!("tag=2&{CALL_ID}&tag=1&tag=2"));
        }
        // What a REST API decodes can be spelled in one way only.
        if front != Front::RestApi {
            queries.push(format!("z=a+b&y=%c3%a9&{CALL_ID}&x=~'()*!"));
        }
        for query in queries {
            let answer = lambda.invoke(&front.webhook(VOICE, &query, &answered()));
            assert_eq!(answer["statusCode"], 200, "{front:?} {query} {answer}");
            assert_connected(&answer);
        }
    }
}

pub(super) fn a_query_whose_spelling_is_lost_is_refused<L: Lambda>() {
    let world = World::new();
    let Some(mut lambda) = start::<L>(&world, "voice", Front::RestApi) else { return };
    for query in [format!("z=a+b&{CALL_ID}"), format!("a=1&c=1&b=1&e=1&d=1&{CALL_ID}")] {
        let answer = lambda.invoke(&Front::RestApi.webhook(VOICE, &query, &answered()));
        assert_eq!(answer["statusCode"], 403, "{answer}");
        assert_eq!(json_body(&answer)["reason"], "invalid_signature");
    }
}

// Not on the emulator, which hands the log on in its own time.
#[test]
fn the_log_says_once_why_a_query_cannot_verify() {
    let world = World::new();
    let mut lambda = start::<RuntimeApi>(&world, "voice", Front::RestApi).unwrap();
    let mut logged = |query: &str| {
        lambda.invoke(&Front::RestApi.webhook(VOICE, query, &answered()));
        let log = fs::read_to_string(world.log()).unwrap();
        log.matches("a webhook's query was taken apart").count()
    };
    assert_eq!(logged(CALL_ID), 0);
    assert_eq!(logged(&format!("z=a+b&{CALL_ID}")), 1);
    assert_eq!(logged("a=1&c=1&b=1&e=1&d=1"), 1);
}

pub(super) fn a_query_that_no_uri_can_hold_is_never_taken_for_none<L: Lambda>() {
    for front in [Front::HttpApi, Front::FunctionUrl] {
        let world = World::new();
        let Some(mut status) = start::<L>(&world, "status", front) else { return };
        for query in ["callSid=a b", "callId=\u{1}", "#callSid=CA1", "x=%20&y=\n"] {
            let answer = status.invoke(&front.get(STATUS, query, BEARER));
            let told = (&answer["statusCode"], &json_body(&answer)["reason"]);
            assert_eq!(told, (&json!(400), &json!("invalid_parameter")), "{query:?} {answer}");
        }
        // Signed for the address without any query.
        let signature = sign(&format!("{}{STATUS}", front.app_url()), &answered());
        let body = form(&answered());
        let answer = status.invoke(&front.signed(STATUS, "a b", &signature, body.as_bytes()));
        let told = (&answer["statusCode"], &json_body(&answer)["reason"]);
        assert_eq!(told, (&json!(403), &json!("invalid_signature")), "{answer}");
    }
}

pub(super) fn head_is_answered_like_get_without_the_body<L: Lambda>() {
    for front in [Front::HttpApi, Front::LoadBalancer, Front::RestApi] {
        let world = World::new();
        for (name, path) in READ {
            let Some(mut function) = start::<L>(&world, name, front) else { return };
            for query in ["", "callSid=CA0123456789abcdef0123456789abcdef", "callId=x"] {
                let get = function.invoke(&front.get(path, query, BEARER));
                let head = function.invoke(&front.head(path, query, BEARER));
                assert_eq!(head["statusCode"], get["statusCode"], "{front:?} {path}?{query}");
                assert_eq!(head["body"].as_str().unwrap_or_default(), "", "{path}?{query} {head}");
                let length = get["body"].as_str().unwrap().len().to_string();
                assert_eq!(header(&head, "content-length"), Some(&*length), "{path}?{query}");
                assert_eq!(header(&head, "content-type"), header(&get, "content-type"));
            }
        }
    }
}

pub(super) fn a_stage_in_the_path_or_in_the_address_does_not_matter<L: Lambda>() {
    // A custom domain hides the stage; a mapping of it adds a path that no event shows.
    for app in ["https://calls.example", "https://calls.example/phone/v2"] {
        for front in [Front::HttpApi, Front::HttpApiWithStage, Front::RestApi] {
            let world = World::new();
            let Some(mut lambda) = L::start(&world, "voice", &world.settings(app)) else { return };
            let answer = lambda.invoke(&front.webhook_to(app, VOICE, CALL_ID, &answered()));
            assert_connected(&answer);
        }
    }
}

pub(super) fn bodies_arrive_encoded_or_plain<L: Lambda>() {
    for front in Front::ALL {
        let world = World::new();
        let Some(mut lambda) = start::<L>(&world, "voice", front) else { return };
        for base64 in [true, false] {
            let event = encoded(front.webhook(VOICE, CALL_ID, &answered()), base64);
            assert_eq!(event["isBase64Encoded"], base64);
            assert_connected(&lambda.invoke(&event));
        }
    }
}

pub(super) fn a_body_of_64_kib_reaches_the_endpoint_and_one_byte_more_does_not<L: Lambda>() {
    for front in [Front::HttpApi, Front::LoadBalancer, Front::RestApi] {
        let world = World::new();
        let Some(mut lambda) = start::<L>(&world, "voice", front) else { return };
        let mut outcome = |length: usize| {
            let body = vec![b'a'; length];
            let answer = lambda.invoke(&front.signed(VOICE, CALL_ID, "c2lnbmF0dXJl", &body));
            (answer["statusCode"].clone(), json_body(&answer)["reason"].clone())
        };
        assert_eq!(outcome(64 * 1024), (json!(403), json!("invalid_signature")));
        assert_eq!(outcome(64 * 1024 + 1), (json!(413), json!("body_too_large")));
    }
}

/// Headers that name us, each as a caller might write it.
const FORGED: [(&str, &str); 7] = [
    ("forwarded", "host=evil.example;proto=http"),
    ("host", "evil.example"),
    // `lambda_http` would panic of these two.
    ("host", "no host at all"),
    ("x-forwarded-proto", "::"),
    ("x-forwarded-host", "evil.example"),
    ("x-forwarded-port", "1"),
    ("x-forwarded-proto", "http"),
];

pub(super) fn a_forged_host_changes_nothing<L: Lambda>() {
    for front in Front::ALL {
        let world = World::new();
        let Some(mut voice) = start::<L>(&world, "voice", front) else { return };
        let genuine = front.webhook(VOICE, CALL_ID, &answered());
        let expected = voice.invoke(&genuine);
        assert_connected(&expected);
        for (name, value) in FORGED {
            let mut event = genuine.clone();
            forge(&mut event, name, value);
            assert_eq!(voice.invoke(&event), expected, "{front:?} {name}: {value}");
        }
    }
    let front = Front::LoadBalancer;
    let world = World::new();
    let Some(mut make_call) = start::<L>(&world, "make-call", front) else { return };
    for (name, value) in FORGED {
        let mut event = front.post("/api/twilio/make-call", BEARER, &json!({"to": THEIR_NUMBER}));
        forge(&mut event, name, value);
        let answer = make_call.invoke(&event);
        assert_eq!(answer["statusCode"], 200, "{name}: {value} {answer}");
    }
    world.assert_dialled_under(&front.app_url(), FORGED.len());
}
