//! What is said in a call, and who is not told: the same on every host.

use serde_json::{Value, json};

use hosts::http;
use hosts::lambda::{Emulator, Front, Lambda, RuntimeApi, json_body};
use hosts::shell::start;
use hosts::vercel::Function;
use hosts::webhook::{FORM, answered, form, sign};
use hosts::{BEARER, CALL_SID, World};

const NAME: &str = "get-transcript";
const PATH: &str = "/api/elevenlabs/get-transcript";

/// Method, query, whether the token is shown, and what comes of it.
const REFUSED: [(&str, &str, bool, u16, &str); 7] = [
    ("GET", "callSid=CA0123456789abcdef0123456789abcdef", false, 401, "unauthorized"),
    ("GET", "callSid=CAffffffffffffffffffffffffffffffff", true, 404, "call_not_found"),
    ("GET", "callSid=CA1", true, 400, "invalid_call_sid"),
    ("GET", "callId=x", true, 400, "invalid_parameter"),
    ("GET", "callsid=CA0123456789abcdef0123456789abcdef", true, 400, "invalid_parameter"),
    ("GET", "", true, 400, "invalid_call_sid"),
    ("DELETE", "", true, 405, "method_not_allowed"),
];

/// One function, asked by method and query, with the token or without.
type Ask<'a> = &'a mut dyn FnMut(&str, &str, bool) -> (u16, Value);

/// The person picks up, on a function of the same deployment.
fn connect(world: &World) {
    let (_process, address) = start(world, "voice", &[]);
    let signature = sign(&format!("http://{address}/api/twilio/voice"), &answered());
    let headers = [("host", "x"), ("content-type", FORM), ("x-twilio-signature", &*signature)];
    let body = form(&answered());
    let answer = http::ask(address, "POST /api/twilio/voice", &headers, body.as_bytes()).unwrap();
    assert!(answer.text().contains("conv_1"), "{}", answer.text());
}

fn assert_told(ask: Ask<'_>) {
    let (status, told) = ask("GET", &format!("callSid={CALL_SID}"), true);
    assert_eq!(status, 200, "{told}");
    let expected = json!({
        "status": "done", "conversationId": "conv_1", "truncated": false,
        "transcript": [
            {"id": "0", "speaker": "agent", "text": "Olá! <How> are you?", "timeInCall": 0},
            {"id": "2", "speaker": "prospect", "text": "Très bien.", "timeInCall": 3}
        ]
    });
    assert_eq!(told, expected);
    for (method, query, shows_token, status, reason) in REFUSED {
        let told = ask(method, query, shows_token);
        assert_eq!((told.0, &told.1["reason"]), (status, &json!(reason)), "{query}: {}", told.1);
    }
}

/// Without a token pages may read, but of a deployed function not what is said.
fn assert_needs_the_setting(reason: &str, ask: Ask<'_>) {
    let (status, told) = ask("GET", &format!("callSid={CALL_SID}"), false);
    assert_eq!((status, &told["reason"]), (403, &json!(reason)), "{told}");
}

fn in_a_shell(world: &World, run: impl FnOnce(Ask<'_>)) {
    let (_process, address) = start(world, NAME, &[]);
    run(&mut |method, query, shows_token| {
        let mut headers = vec![("host", "localhost")];
        headers.extend(shows_token.then_some(("authorization", BEARER)));
        let target = format!("{method} {PATH}?{query}");
        let answer = http::ask(address, &target, &headers, b"").unwrap();
        (answer.status(), answer.json())
    });
}

fn on_vercel(world: &World, run: impl FnOnce(Ask<'_>)) {
    let function = Function::start(world, NAME);
    run(&mut |method, query, shows_token| {
        let headers: Vec<_> =
            shows_token.then_some(("authorization", BEARER)).into_iter().collect();
        let answer = function.ask(&format!("{method} {PATH}?{query}"), &headers, b"");
        (answer.status(), answer.json())
    });
}

fn on_lambda<L: Lambda>(world: &World, run: impl FnOnce(Ask<'_>)) {
    let front = Front::HttpApi;
    let settings = world.settings(&front.app_url());
    let Some(mut lambda) = L::start(world, NAME, &settings) else { return };
    run(&mut |method, query, shows_token| {
        let token = if shows_token { BEARER } else { "" };
        let mut event = front.get(PATH, query, token);
        event["requestContext"]["http"]["method"] = method.into();
        let answer = lambda.invoke(&event);
        let status = answer["statusCode"].as_u64().unwrap().try_into().unwrap();
        (status, json_body(&answer))
    });
}

/// A deployment of its own for each host: ElevenLabs is asked once in two seconds for a call, whichever
/// function asks.
fn connected(without: Option<&'static str>) -> World {
    let world = World::new();
    let world = without.into_iter().fold(world, World::without);
    connect(&world);
    world
}

#[test]
fn every_host_tells_what_was_said_and_refuses_alike() {
    in_a_shell(&connected(None), assert_told);
    on_vercel(&connected(None), assert_told);
    on_lambda::<RuntimeApi>(&connected(None), assert_told);
    on_lambda::<Emulator>(&connected(None), assert_told);
}

#[test]
fn a_deployed_function_without_a_token_refuses_transcripts() {
    let world = connected(Some("MAKE_CALL_TOKEN"));
    in_a_shell(&world, |ask| assert_needs_the_setting("origin_not_allowed", ask));
    on_vercel(&world, |ask| assert_needs_the_setting("token_not_configured", ask));
    on_lambda::<RuntimeApi>(&world, |ask| assert_needs_the_setting("token_not_configured", ask));
    on_lambda::<Emulator>(&world, |ask| assert_needs_the_setting("token_not_configured", ask));
}
