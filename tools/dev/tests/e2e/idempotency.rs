//! `Idempotency-Key`: whatever goes wrong in between, one key rings one phone once.

use std::sync::Arc;

use fakes::CreateFault;
use serde_json::{Value, json};
use shared::endpoint::{App, MakeCall};

use crate::bench::{ANSWERS, Bench, ask, dial_request};
use crate::stores::Switch;

/// Any number of dials to one person, so that only the key stands in the way.
const OPEN: [(&str, &str); 1] = [("CALL_COOLDOWN_SECONDS", "0")];

async fn dial(app: &Arc<App>, bench: &Bench, key: &str, body: &Value) -> (u16, Value) {
    let mut request = dial_request(&bench.base, body);
    request.headers_mut().insert("idempotency-key", key.parse().unwrap());
    let (status, body, _) = ask(MakeCall, app, request).await;
    (status, body)
}

fn refusal(answer: &(u16, Value)) -> (u16, &str) {
    (answer.0, answer.1["reason"].as_str().unwrap_or_default())
}

#[tokio::test]
async fn the_same_key_and_body_get_the_same_answer_and_one_dial() {
    let bench = Bench::new().await;
    let to = json!({"to": ANSWERS, "dynamicVariables": {"a": 1, "b": 2}});
    let first = dial(&bench.function(&OPEN, None), &bench, "order-7", &to).await;
    assert_eq!((first.0, &first.1["status"]), (200, &json!("queued")));
    bench.twilio.all_settled().await;
    // The same in another order, from another instance, after the call has ended.
    let same = json!({"dynamicVariables": {"b": 2, "a": 1}, "timeout": null, "to": ANSWERS});
    let again = dial(&bench.function(&OPEN, None), &bench, "order-7", &same).await;
    assert_eq!(again, first);
    assert_eq!(bench.twilio.calls_attempted(), 1);
}

#[tokio::test]
async fn another_body_under_the_key_is_refused() {
    let bench = Bench::new().await;
    let app = bench.function(&OPEN, None);
    dial(&app, &bench, "k", &json!({"to": ANSWERS})).await;
    for other in [json!({"to": "+12125550124"}), json!({"to": ANSWERS, "timeLimit": 60})] {
        let answer = dial(&app, &bench, "k", &other).await;
        assert_eq!(refusal(&answer), (422, "idempotency_key_reused"));
    }
    assert_eq!(bench.twilio.calls_attempted(), 1);
}

#[tokio::test]
async fn a_lost_outcome_is_never_dialled_again_and_the_first_callback_resolves_it() {
    let bench = Bench::new().await;
    let (app, to) = (bench.function(&OPEN, None), json!({"to": ANSWERS}));
    bench.create_answers(CreateFault::LoseReply);
    let first = dial(&app, &bench, "k", &to).await;
    assert_eq!(refusal(&first), (502, "twilio_unknown_outcome"));
    bench.create_answers(CreateFault::Ok);
    bench.twilio.all_settled().await;
    let again = dial(&app, &bench, "k", &to).await;
    assert_eq!((again.0, &again.1["callId"]), (200, &first.1["callId"]));
    assert_eq!(again.1["callSid"], json!(bench.twilio.calls_created()[0].sid));
    assert_eq!(bench.twilio.calls_attempted(), 1);
}

#[tokio::test]
async fn an_outcome_that_stays_unknown_is_told_at_once_with_its_call() {
    let bench = Bench::new().await;
    let (app, to) = (bench.function(&OPEN, None), json!({"to": ANSWERS}));
    bench.create_answers(CreateFault::ServerErrorNoCall);
    let first = dial(&app, &bench, "k", &to).await;
    bench.create_answers(CreateFault::Ok);
    let again = dial(&app, &bench, "k", &to).await;
    assert_eq!(refusal(&again), (409, "idempotency_unknown_outcome"));
    assert_eq!(again.1["callId"], first.1["callId"]);
    assert_eq!(bench.twilio.calls_attempted(), 1);
}

#[tokio::test]
async fn a_definite_refusal_frees_the_key_and_the_destination() {
    let bench = Bench::new().await;
    let (app, to) = (bench.function(&[], None), json!({"to": ANSWERS}));
    bench.create_answers(CreateFault::Reject(21219));
    assert_eq!(refusal(&dial(&app, &bench, "k", &to).await), (502, "twilio_rejected"));
    bench.create_answers(CreateFault::Ok);
    assert_eq!(dial(&app, &bench, "k", &to).await.0, 200);
    assert_eq!(bench.twilio.calls_created().len(), 1);
}

/// The paused clock jumps over the ten seconds that the first one waits.
#[tokio::test(start_paused = true)]
async fn while_the_first_is_still_dialling_the_second_is_told_so() {
    let bench = Bench::new().await;
    let (app, to) = (bench.function(&OPEN, None), json!({"to": ANSWERS}));
    bench.create_answers(CreateFault::Never);
    let first = dial(&app, &bench, "k", &to);
    let second = async {
        while bench.twilio.calls_attempted() == 0 {
            tokio::task::yield_now().await;
        }
        let mut request = dial_request(&bench.base, &to);
        request.headers_mut().insert("idempotency-key", "k".parse().unwrap());
        ask(MakeCall, &app, request).await
    };
    let (first, (status, body, response)) = tokio::join!(first, second);
    assert_eq!((status, &body["reason"]), (409, &json!("idempotency_in_flight")));
    assert_eq!(response.headers()["retry-after"], "2");
    assert_eq!(refusal(&first), (502, "twilio_unknown_outcome"));
}

#[tokio::test]
async fn a_store_that_fails_before_the_dial_costs_neither_key_nor_limit() {
    let bench = Bench::new().await;
    let store = Switch::before(Arc::clone(&bench.app.store));
    let app = bench.function(&[("CALL_MAX_CONCURRENT", "1")], Some(store.clone()));
    let to = json!({"to": ANSWERS});
    for operation in ["acquire_window", "acquire_slot", "acquire_day", "begin"] {
        store.between().fail(&[operation]);
        let answer = dial(&app, &bench, "k", &to).await;
        assert_eq!(refusal(&answer), (503, "store_unavailable"), "{operation}");
    }
    store.between().fail(&[]);
    assert_eq!(dial(&app, &bench, "k", &to).await.0, 200);
    assert_eq!(bench.twilio.calls_attempted(), 1);
}

#[tokio::test]
async fn a_process_that_dies_between_dial_and_record_never_dials_twice() {
    let bench = Bench::new().await;
    let store = Switch::before(Arc::clone(&bench.app.store));
    let app = bench.function(&OPEN, Some(store.clone()));
    let to = json!({"to": "+12125550102"});
    // The phone is not answered and no callback arrives. What a dead process did not do:
    store.between().fail(&["placed", "release_key", "mark_unknown"]);
    bench.faults(|faults| faults.twilio.drop = 1.0);
    assert_eq!(dial(&app, &bench, "k", &to).await.0, 200);
    store.between().fail(&[]);
    for _ in 0..3 {
        let answer = dial(&app, &bench, "k", &to).await;
        assert_eq!(refusal(&answer), (409, "idempotency_in_flight"));
    }
    assert_eq!(bench.twilio.calls_attempted(), 1);
}
