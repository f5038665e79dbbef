//! AWS Lambda.

use panics::{CLIENT, TRIPWIRE};
use serde_json::{Value, json};

use hosts::lambda::{Front, Lambda, RuntimeApi, forge, header, json_body};
use hosts::webhook::answered;
use hosts::{BEARER, THEIR_NUMBER, World};

const VOICE: &str = "/api/twilio/voice";
const MAKE_CALL: &str = "/api/twilio/make-call";
const CALL_ID: &str = "callId=00112233445566778899aabbccddeeff";

hosts::on_each_lambda! { scenario:
    voice_says_an_apology_and_answers_the_next_call
    make_call_says_500_in_json_and_dials_the_next_time
    the_clients_address_is_the_front_ends_word
}

fn start<L: Lambda>(world: &World, name: &str, front: Front) -> Option<L> {
    L::start(world, name, &world.settings(&front.app_url()))
}

fn tripped(mut event: Value, when: &str) -> Value {
    forge(&mut event, TRIPWIRE, when);
    event
}

mod scenario {
    use super::*;

    pub(super) fn voice_says_an_apology_and_answers_the_next_call<L: Lambda>() {
        for front in Front::ALL {
            let world = World::new();
            let Some(mut lambda) = start::<L>(&world, "panicking-voice", front) else { return };
            let genuine = front.webhook(VOICE, CALL_ID, &answered());
            for when in ["early", "late"] {
                let answer = lambda.invoke(&tripped(genuine.clone(), when));
                assert_eq!(answer["statusCode"], 200, "{answer}");
                assert_eq!(header(&answer, "content-type"), Some("text/xml"), "{answer}");
                let twiml = answer["body"].as_str().unwrap();
                assert!(twiml.contains("<Say") && twiml.contains("<Hangup"), "{twiml}");
                let answer = lambda.invoke(&genuine);
                assert!(answer["body"].as_str().unwrap().contains("conv_1"), "{answer}");
            }
        }
    }

    pub(super) fn make_call_says_500_in_json_and_dials_the_next_time<L: Lambda>() {
        for front in Front::ALL {
            let world = World::new();
            let Some(mut lambda) = start::<L>(&world, "panicking-make-call", front) else { return };
            let genuine = front.post(MAKE_CALL, BEARER, &json!({"to": THEIR_NUMBER}));
            for when in ["early", "late"] {
                let answer = lambda.invoke(&tripped(genuine.clone(), when));
                assert_eq!(answer["statusCode"], 500, "{answer}");
                assert_eq!(json_body(&answer)["reason"], "internal_error", "{answer}");
                let answer = lambda.invoke(&genuine);
                assert_eq!(json_body(&answer)["success"], true, "{answer}");
            }
        }
    }

    pub(super) fn the_clients_address_is_the_front_ends_word<L: Lambda>() {
        for front in Front::ALL {
            let world = World::new();
            let Some(mut lambda) = start::<L>(&world, "panicking-voice", front) else { return };
            let mut event = front.webhook(VOICE, CALL_ID, &answered());
            assert_eq!(header(&lambda.invoke(&event), CLIENT), Some("203.0.113.9"), "{front:?}");
            // What a front end makes of it: it appends.
            forge(&mut event, "x-forwarded-for", "198.51.100.66, 203.0.113.9");
            for name in ["x-real-ip", "true-client-ip", "x-vercel-forwarded-for"] {
                forge(&mut event, name, "198.51.100.66");
            }
            forge(&mut event, "forwarded", "for=198.51.100.66");
            assert_eq!(header(&lambda.invoke(&event), CLIENT), Some("203.0.113.9"), "{front:?}");
        }
    }
}

#[test]
fn the_log_tells_where_it_panicked_and_not_what_was_said() {
    let world = World::new();
    let front = Front::HttpApi;
    let mut lambda = start::<RuntimeApi>(&world, "panicking-voice", front).unwrap();
    for when in ["early", "late"] {
        lambda.invoke(&tripped(front.webhook(VOICE, CALL_ID, &answered()), when));
    }
    crate::assert_logged(&world.log(), 2);
}
