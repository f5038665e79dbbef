//! `GET /api/elevenlabs/get-transcript`: before, during and after the conversation, and how seldom
//! ElevenLabs is asked.

use std::sync::Arc;
use std::time::Duration;

use fakes::{ConversationFault, CreateFault, ElevenLabsAnswer};
use http::Request;
use serde_json::{Value, json};
use shared::endpoint::{App, GetTranscript, Voice};
use shared::store::Unavailable;
use stores::Backend;

use crate::bench::{ANSWERS, Bench, TOKEN, ask, call_sid, voice_request};
use crate::log;

/// Reads a transcript from one instance.
async fn read(app: &Arc<App>, base: &str, query: &str) -> (u16, Value, Option<String>) {
    let request = Request::get(format!("/api/elevenlabs/get-transcript?{query}"));
    let request = request.header("origin", base).body(String::new()).unwrap();
    let (status, body, response) = ask(GetTranscript, app, request).await;
    let retry = response.headers().get("retry-after").map(|it| it.to_str().unwrap().to_owned());
    (status, body, retry)
}

/// How often ElevenLabs was asked for a conversation.
fn asked(bench: &Bench) -> usize {
    let requests = bench.twilio.elevenlabs_requests();
    requests.iter().filter(|it| it.path.contains("/conversations/")).count()
}

fn query_of(call: &Value) -> String {
    format!("callSid={}", call["callSid"].as_str().unwrap())
}

/// A call whose conversation goes on for ever, as its page sees it.
async fn talking(bench: &Bench) -> String {
    bench.faults(|faults| faults.elevenlabs.conversations = ConversationFault::Stuck);
    let call = bench.call(json!({"to": ANSWERS})).await;
    query_of(&call)
}

#[tokio::test]
async fn a_transcript_is_done_when_the_talk_is_and_has_what_each_of_them_said() {
    let bench = Bench::new().await;
    let call = bench.call(json!({"to": ANSWERS})).await;
    for query in ["callSid", "callId"] {
        let query = format!("{query}={}&_=17", call[query].as_str().unwrap());
        let (status, body, _) = read(&bench.app, &bench.base, &query).await;
        assert_eq!(
            (status, &body["status"], &body["truncated"]),
            (200, &json!("done"), &json!(false))
        );
        assert_eq!(body["conversationId"], call["conversationId"]);
        let turns = body["transcript"].as_array().unwrap();
        let speakers: Vec<_> = turns.iter().map(|turn| turn["speaker"].as_str().unwrap()).collect();
        assert!(speakers.contains(&"agent") && speakers.contains(&"prospect"), "{body}");
        for turn in turns {
            assert!(turn["id"].is_string() && turn["timeInCall"].is_number(), "{turn}");
            assert!(!turn["text"].as_str().unwrap().is_empty(), "{turn}");
        }
    }
    assert_eq!(asked(&bench), 1, "what is done is not asked for again");
    let (_, body, _) = read(&bench.app, &bench.base, &query_of(&call)).await;
    let said = body["transcript"][0]["text"].as_str().unwrap();
    assert_eq!(log::lines_with(&[said]), Vec::<String>::new(), "what is said is never logged");
}

#[tokio::test]
async fn before_the_conversation_is_known_a_transcript_is_pending_and_then_it_has_what_was_said_so_far()
 {
    let bench = Bench::new().await;
    bench.create_answers(CreateFault::ServerErrorNoCall);
    let (_, unknown) = bench.dial(json!({"to": ANSWERS})).await;
    let (status, body) = bench.transcript(&unknown).await;
    let expected =
        json!({"status": "pending", "transcript": [], "conversationId": null, "truncated": false});
    assert_eq!((status, body), (200, expected));
    // Registered by a webhook of our own: the call has not joined the conversation yet.
    ask(Voice, &bench.app, voice_request(&bench.base, "", &call_sid('b'))).await;
    let (_, body, _) = read(&bench.app, &bench.base, &format!("callSid={}", call_sid('b'))).await;
    assert_eq!((&body["status"], &body["transcript"]), (&json!("initiated"), &json!([])));

    let query = talking(&bench).await;
    let (status, body, _) = read(&bench.app, &bench.base, &query).await;
    assert_eq!((status, &body["status"]), (200, &json!("in-progress")), "{body}");
    assert!(!body["transcript"].as_array().unwrap().is_empty());
}

#[tokio::test]
async fn a_call_that_never_reached_the_agent_reads_failed() {
    let bench = Bench::new().await;
    let busy = bench.call(json!({"to": "+12125550101"})).await;
    assert_eq!(bench.transcript(&busy).await.1["status"], "failed");
    bench.agent_answers(ElevenLabsAnswer::RateLimited);
    let apology = bench.call(json!({"to": ANSWERS})).await;
    let (status, body) = bench.transcript(&apology).await;
    let expected =
        json!({"status": "failed", "transcript": [], "conversationId": null, "truncated": false});
    assert_eq!((status, body), (200, expected));
    assert_eq!(asked(&bench), 0);
}

#[tokio::test]
async fn an_unknown_call_is_404_and_a_malformed_name_400() {
    let bench = Bench::new().await;
    for (query, status, reason) in [
        (format!("callSid=CA{}", "7".repeat(32)), 404, "call_not_found"),
        (format!("callId={}", "7".repeat(32)), 404, "call_not_found"),
        ("callSid=CA1".to_owned(), 400, "invalid_call_sid"),
        ("callId=x".to_owned(), 400, "invalid_parameter"),
        (format!("callsid=CA{}", "7".repeat(32)), 400, "invalid_parameter"),
        (String::new(), 400, "invalid_call_sid"),
    ] {
        let (got, body, _) = read(&bench.app, &bench.base, &query).await;
        assert_eq!((got, body["reason"].as_str()), (status, Some(reason)), "{query}");
    }
}

#[tokio::test]
async fn with_elevenlabs_down_a_page_gets_the_last_known_state_and_when_to_ask_again() {
    use ConversationFault::{HangUp, Nonsense, RateLimited, ServerError, Truncated, Unauthorized};
    for fault in [HangUp, Nonsense, RateLimited, ServerError, Truncated, Unauthorized] {
        let bench = Bench::new().await;
        let query = talking(&bench).await;
        let before = read(&bench.app, &bench.base, &query).await;
        bench.faults(|faults| faults.elevenlabs.conversations = fault);
        // Another instance has never been told anything; to it ElevenLabs is down from the start.
        let other = bench.later(Duration::from_secs(3));
        let (status, body, retry) = read(&other, &bench.base, &query).await;
        assert_eq!((status, retry.as_deref()), (200, Some("2")), "{fault:?}");
        let empty = (&json!("processing"), &json!([]));
        assert_eq!((&body["status"], &body["transcript"]), empty, "{fault:?}: {body}");
        let again = read(&other, &bench.base, &query).await;
        assert_eq!((again.1, again.2.as_deref()), (body, Some("2")), "and again, unasked");
        assert_eq!(asked(&bench), 2);
        assert_eq!(read(&bench.app, &bench.base, &query).await.1, before.1, "who knows tells");
    }
}

#[tokio::test]
async fn a_conversation_that_is_gone_once_the_call_is_over_is_done_and_not_asked_for_again() {
    let bench = Bench::new().await;
    bench.faults(|faults| faults.elevenlabs.conversations = ConversationFault::NotFound);
    let call = bench.call(json!({"to": ANSWERS})).await;
    for _ in 0..2 {
        let (status, body) = bench.transcript(&call).await;
        let told = (&body["status"], &body["truncated"]);
        assert_eq!((status, told), (200, (&json!("done"), &json!(true))));
    }
    assert_eq!(asked(&bench), 1);
}

#[tokio::test]
async fn a_call_that_rang_in_vain_reads_failed_though_no_callback_told_its_end() {
    let bench = Bench::new().await;
    bench.faults(|faults| faults.twilio.drop = 1.0);
    let call = bench.call(json!({"to": "+12125550101"})).await;
    let query = query_of(&call);
    assert_eq!(read(&bench.app, &bench.base, &query).await.1["status"], "pending");
    let later = bench.later(Duration::from_secs(30 + 61));
    assert_eq!(read(&later, &bench.base, &query).await.1["status"], "failed");
}

#[tokio::test(start_paused = true)]
async fn an_elevenlabs_that_never_answers_is_not_waited_for_long() {
    let bench = Bench::new().await;
    let query = talking(&bench).await;
    bench.faults(|faults| faults.elevenlabs.conversations = ConversationFault::Never);
    let start = tokio::time::Instant::now();
    let (status, _, retry) = read(&bench.app, &bench.base, &query).await;
    assert_eq!((status, retry.as_deref()), (200, Some("2")));
    assert!(start.elapsed() <= Duration::from_secs(5), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_conversation_that_is_too_large_is_told_as_cut_once_the_call_is_over() {
    let bench = Bench::new().await;
    bench.faults(|faults| faults.elevenlabs.conversations = ConversationFault::Huge);
    let call = bench.call(json!({"to": ANSWERS})).await;
    let (status, body) = bench.transcript(&call).await;
    assert_eq!((status, &body["status"], &body["truncated"]), (200, &json!("done"), &json!(true)));
}

#[tokio::test]
async fn a_transcript_needs_the_token_unless_the_setting_opens_it_for_pages() {
    let bench = Bench::new().await;
    let call = bench.call(json!({"to": ANSWERS})).await;
    let query = query_of(&call);
    let deployed = ("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:1");
    let (open, anonymous) =
        (("TRANSCRIPTS_FOR_PAGES", "true"), ("ALLOW_ANONYMOUS_DIALLING", "true"));
    for (settings, expected, reason) in [
        (vec![deployed], 403, "token_not_configured"),
        (vec![deployed, anonymous], 403, "token_not_configured"),
        (vec![deployed, open], 403, "token_not_configured"),
        (vec![deployed, anonymous, ("MAKE_CALL_TOKEN", TOKEN)], 401, "unauthorized"),
        (vec![deployed, anonymous, open], 200, ""),
        (vec![deployed, anonymous, open, ("MAKE_CALL_TOKEN", TOKEN)], 200, ""),
    ] {
        let app = bench.function(&settings, None);
        let (status, body, _) = read(&app, &bench.base, &query).await;
        assert_eq!(
            (status, body["reason"].as_str().unwrap_or("")),
            (expected, reason),
            "{settings:?}"
        );
        let named = body["message"].as_str().is_none_or(|it| it.contains("MAKE_CALL_TOKEN"));
        assert!(named, "{body}");
        let (status, ..) = read(&app, "https://evil.example", &query).await;
        assert!(status == 401 || status == 403);
    }
}

#[tokio::test]
async fn with_the_store_down_a_transcript_is_503() {
    let bench = Bench::new().await;
    let app = bench.function(&[], Some(Arc::new(Unavailable("down".to_owned()))));
    let (status, body, _) = read(&app, &bench.base, &format!("callSid={}", call_sid('c'))).await;
    assert_eq!((status, body["reason"].as_str()), (503, Some("store_unavailable")));
}

/// Ten instances on one store, each with connections of its own, and ten pollers each. Their clocks
/// stand, so that however slow the machine is there is one question to ask.
async fn a_hundred_pollers_ask_once(backend: Backend) {
    let Some(running) = backend.start_or_skip() else { return };
    let space = running.space();
    let bench = Bench::new().await;
    let instance = || bench.function_on(space.open(), "2026-11-25T10:00:00Z");
    ask(Voice, &instance(), voice_request(&bench.base, "", &call_sid('e'))).await;
    let query = format!("callSid={}", call_sid('e'));
    let mut pollers = Vec::new();
    for app in (0..10).map(|_| instance()).flat_map(|app| vec![app; 10]) {
        let (base, query) = (bench.base.clone(), query.clone());
        pollers.push(tokio::spawn(async move { read(&app, &base, &query).await }));
    }
    for poller in pollers {
        let (status, body, _) = poller.await.unwrap();
        assert_eq!((status, &body["transcript"]), (200, &json!([])), "{body}");
    }
    assert_eq!(asked(&bench), 1, "{backend:?}");
    let later = bench.function_on(space.open(), "2026-11-25T10:00:02Z");
    read(&later, &bench.base, &query).await;
    assert_eq!(asked(&bench), 2, "{backend:?}: two seconds later");
}

#[tokio::test]
async fn a_hundred_pollers_on_sqlite_ask_elevenlabs_once_in_two_seconds() {
    a_hundred_pollers_ask_once(Backend::Sqlite).await;
}

#[tokio::test]
async fn a_hundred_pollers_on_redis_ask_elevenlabs_once_in_two_seconds() {
    a_hundred_pollers_ask_once(Backend::RedisTcp).await;
}

#[tokio::test]
async fn a_hundred_pollers_on_kv_ask_elevenlabs_once_in_two_seconds() {
    a_hundred_pollers_ask_once(Backend::KvRest).await;
}

#[tokio::test]
async fn a_hundred_pollers_on_dynamodb_ask_elevenlabs_once_in_two_seconds() {
    a_hundred_pollers_ask_once(Backend::DynamoDbDynoxide).await;
}
