//! One call, one conversation: repeated webhooks, and a store that is down.

use std::sync::Arc;

use fakes::DeliveryKind;
use serde_json::json;
use shared::endpoint::Voice;
use shared::store::{Store, Unavailable};

use crate::bench::{ANSWERS, Bench, ask, call_sid, voice_request};
use crate::log;
use crate::stores::{Switch, hanging};

fn down() -> Option<Arc<dyn Store>> {
    Some(Arc::new(Unavailable("down".to_owned())))
}

#[tokio::test]
async fn a_repeated_webhook_gets_the_same_twiml_and_no_second_conversation() {
    let bench = Bench::new().await;
    bench.faults(|faults| faults.twilio.voice_twice = true);
    let call = bench.call(json!({ "to": ANSWERS })).await;
    assert_eq!(call["status"], "completed");
    let twiml: Vec<String> = bench
        .twilio
        .deliveries()
        .into_iter()
        .filter(|delivery| delivery.kind == DeliveryKind::Voice)
        .map(|delivery| delivery.response_body)
        .collect();
    assert_eq!(twiml.len(), 2);
    assert_eq!(twiml[0], twiml[1]);
    assert_eq!(bench.twilio.elevenlabs_requests().len(), 1);
}

#[tokio::test]
async fn many_webhooks_of_one_call_at_once_register_one_conversation() {
    let bench = Bench::new().await;
    let requests = (0..20).map(|_| voice_request(&bench.base, "", &call_sid('1')));
    // Two instances of the function, each with connections of its own.
    let apps = [bench.function(&[], None), bench.function(&[], None)];
    let asked: Vec<_> = requests
        .zip(apps.iter().cycle())
        .map(|(request, app)| {
            let app = Arc::clone(app);
            tokio::spawn(async move { ask(Voice, &app, request).await.1 })
        })
        .collect();
    let mut answers = Vec::new();
    for asked in asked {
        answers.push(asked.await.unwrap());
    }
    assert_eq!(bench.twilio.elevenlabs_requests().len(), 1);
    assert!(
        answers
            .iter()
            .all(|answer| *answer == answers[0] && answer.as_str().unwrap().contains("conv_"))
    );
}

#[tokio::test]
async fn a_spoken_apology_is_repeated_too() {
    let bench = Bench::new().await;
    bench.agent_answers(fakes::ElevenLabsAnswer::RateLimited);
    let first = ask(Voice, &bench.app, voice_request(&bench.base, "", &call_sid('1'))).await.1;
    bench.agent_answers(fakes::ElevenLabsAnswer::Ok);
    let second = ask(Voice, &bench.app, voice_request(&bench.base, "", &call_sid('1'))).await.1;
    assert_eq!(first, second);
}

#[tokio::test]
async fn with_the_store_down_the_agent_is_connected_without_the_guard_and_the_log_says_so() {
    let bench = Bench::new().await;
    let app = bench.function(&[], down());
    let sid = call_sid('a');
    let plain = format!("?callId={}", "0".repeat(32));
    let (status, body, _) = ask(Voice, &app, voice_request(&bench.base, &plain, &sid)).await;
    assert_eq!(status, 200);
    assert!(body.as_str().unwrap().contains("conversation_id"), "{body}");
    assert_eq!(log::lines_with(&["without the guard", &sid]).len(), 1);
    // The same warm instance remembers; the conversation is not registered again.
    let again = ask(Voice, &app, voice_request(&bench.base, &plain, &sid)).await.1;
    assert_eq!(again, body);
    assert_eq!(bench.twilio.elevenlabs_requests().len(), 1);
}

#[tokio::test]
async fn with_the_store_down_a_call_with_variables_gets_an_apology() {
    let bench = Bench::new().await;
    let app = bench.function(&[], down());
    let with_variables = format!("?callId={}v", "0".repeat(32));
    let request = voice_request(&bench.base, &with_variables, &call_sid('b'));
    let (status, body, _) = ask(Voice, &app, request).await;
    assert_eq!(status, 200);
    assert!(
        body.as_str().unwrap().contains("<Hangup/>"),
        "an agent without its variables would hang up"
    );
    assert_eq!(bench.twilio.elevenlabs_requests().len(), 0);
}

#[tokio::test]
async fn a_call_with_variables_whose_record_is_gone_gets_an_apology() {
    let bench = Bench::new().await;
    let with_variables = format!("?callId={}v", "0".repeat(32));
    let request = voice_request(&bench.base, &with_variables, &call_sid('c'));
    let body = ask(Voice, &bench.app, request).await.1;
    assert!(body.as_str().unwrap().contains("<Hangup/>"));
    assert_eq!(bench.twilio.elevenlabs_requests().len(), 0);
}

/// The paused clock jumps over the two seconds that voice waits for the store.
#[tokio::test(start_paused = true)]
async fn a_store_that_hangs_does_not_keep_the_person_waiting() {
    let bench = Bench::new().await;
    let app = bench.function(&[], Some(hanging()));
    let start = tokio::time::Instant::now();
    let (status, body, _) = ask(Voice, &app, voice_request(&bench.base, "", &call_sid('d'))).await;
    assert_eq!(status, 200);
    assert!(body.as_str().unwrap().starts_with("<?xml"), "{body}");
    assert!(start.elapsed() <= std::time::Duration::from_secs(8), "{:?}", start.elapsed());
}

#[tokio::test]
async fn a_repeat_after_an_outage_gets_the_same_twiml_and_the_record_is_made_good() {
    let bench = Bench::new().await;
    let store = Switch::before(Arc::clone(&bench.app.store));
    let app = bench.function(&[], Some(store.clone()));
    let sid = call_sid('e');
    store.between().fail(&["claim", "answer"]);
    let first = ask(Voice, &app, voice_request(&bench.base, "", &sid)).await.1;
    store.between().fail(&[]);
    let second = ask(Voice, &app, voice_request(&bench.base, "", &sid)).await.1;
    assert_eq!(first, second);
    assert_eq!(bench.twilio.elevenlabs_requests().len(), 1);
    let (_, call) = bench.status(&format!("callSid={sid}")).await;
    assert!(first.as_str().unwrap().contains(call["conversationId"].as_str().unwrap()));
    // Now that it is on record, another instance gives the same answer.
    let other = bench.function(&[], None);
    assert_eq!(ask(Voice, &other, voice_request(&bench.base, "", &sid)).await.1, first);
}

#[tokio::test]
async fn an_answer_that_could_not_be_kept_is_given_again() {
    let bench = Bench::new().await;
    let store = Switch::before(Arc::clone(&bench.app.store));
    let app = bench.function(&[], Some(store.clone()));
    let sid = call_sid('f');
    store.between().fail(&["answer"]);
    let first = ask(Voice, &app, voice_request(&bench.base, "", &sid)).await.1;
    assert!(first.as_str().unwrap().contains("conversation_id"));
    let second = ask(Voice, &app, voice_request(&bench.base, "", &sid)).await.1;
    assert_eq!(first, second, "the claim is ours, and no other process answers it");
    assert_eq!(bench.twilio.elevenlabs_requests().len(), 1);
}
