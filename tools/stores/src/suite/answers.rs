//! Voice: which request may answer, and what every other request is told.

use shared::call::Scalar;
use shared::store::{Claim, Nonce};

use crate::Opened;
use crate::calls::*;

/// A claim tells the variables, or the agent would be connected without them.
pub async fn the_first_claim_brings_the_intent_with_its_variables(store: &Opened) {
    store.begin(&intent(7), at(0)).await.unwrap();
    let claim = store.claim(&linked(7), &Nonce::new([1; 16]), at(1)).await.unwrap();
    let Claim::First(record) = claim else { panic!("{claim:?}") };
    let found = record.intent().expect("no intent");
    assert_eq!(found, &intent(7));
    let variables: Vec<_> = found.dynamic_variables.iter().collect();
    assert!(variables.contains(&(&"name".to_owned(), &Scalar::Text("Jane".to_owned()))));
}

/// The usual order: make-call has noted Twilio's answer long before the person picks up.
pub async fn a_claim_after_twilios_answer_brings_the_intent_too(store: &Opened) {
    store.begin(&intent(1), at(0)).await.unwrap();
    let placed = store.placed(&intent(1), &sid(1), &accepted(), &delivery(), at(0)).await;
    assert!(placed.unwrap().is_new);
    let claim = store.claim(&linked(1), &Nonce::new([1; 16]), at(1)).await.unwrap();
    let Claim::First(record) = claim else { panic!("{claim:?}") };
    assert_eq!((record.intent(), record.call_id.clone()), (Some(&intent(1)), Some(our_id(1))));
    assert_eq!(load(&**store, 1).await.unwrap().observations.len(), 2);
}

/// The same where callbacks came first, which a slow store makes likely.
pub async fn a_claim_after_callbacks_brings_the_intent_too(store: &Opened) {
    store.begin(&intent(1), at(0)).await.unwrap();
    store.observe(&linked(1), &accepted(), &delivery(), at(0)).await.unwrap();
    store.observe(&linked(1), &status("in-progress", 2), &delivery(), at(0)).await.unwrap();
    let claim = store.claim(&linked(1), &Nonce::new([1; 16]), at(1)).await.unwrap();
    let Claim::First(record) = claim else { panic!("{claim:?}") };
    assert_eq!((record.intent(), word(&record).as_str()), (Some(&intent(1)), "in-progress"));
    assert_eq!(record.call_id, Some(our_id(1)));
}

/// The store was down when the call was dialled, or a person rang our number.
pub async fn a_call_nobody_heard_of_can_be_claimed(store: &Opened) {
    let claim = store.claim(&unlinked(1), &Nonce::new([1; 16]), at(0)).await.unwrap();
    let Claim::First(record) = claim else { panic!("{claim:?}") };
    assert_eq!((record.intent(), record.observations.len()), (None, 0));
}

/// A lost reply must not leave the call without anybody who answers it.
pub async fn a_claim_whose_reply_was_lost_is_still_the_first(store: &Opened) {
    let [mine, other] = [Nonce::new([1; 16]), Nonce::new([2; 16])];
    for _ in 0..2 {
        assert!(matches!(store.claim(&linked(1), &mine, at(0)).await.unwrap(), Claim::First(_)));
        assert_eq!(store.claim(&unlinked(1), &other, at(0)).await.unwrap(), Claim::Pending);
    }
}

/// Repeated webhooks hear the same words.
pub async fn the_first_answer_is_given_to_everybody_who_asks_again(store: &Opened) {
    let nonces = [Nonce::new([1; 16]), Nonce::new([2; 16])];
    store.claim(&linked(1), &nonces[0], at(0)).await.unwrap();
    let first =
        "<Response><Connect><Stream url=\"wss://x.example/?a=1&amp;b=é\"/></Connect></Response>";
    for twiml in [first, "<Response>2</Response>"] {
        store.answer(&linked(1), twiml, &answered(), at(0)).await.unwrap();
        for nonce in &nonces {
            let claim = store.claim(&linked(1), nonce, at(0)).await.unwrap();
            assert_eq!(claim, Claim::Answered(first.to_owned()));
        }
    }
    assert_eq!(load(&**store, 1).await.unwrap().observations, [answered()]);
}

/// The claim could not be written, so voice went on without it.
pub async fn an_answer_without_a_claim_is_kept_too(store: &Opened) {
    store.answer(&linked(1), "<Response/>", &answered(), at(0)).await.unwrap();
    let claim = store.claim(&linked(1), &Nonce::new([1; 16]), at(0)).await.unwrap();
    assert_eq!(claim, Claim::Answered("<Response/>".to_owned()));
}

/// A claim is no fact: no reader of the call sees it.
pub async fn a_claim_alone_is_no_observation(store: &Opened) {
    store.begin(&intent(1), at(0)).await.unwrap();
    store.claim(&linked(1), &Nonce::new([1; 16]), at(0)).await.unwrap();
    let record = load(&**store, 1).await.unwrap();
    assert_eq!((record.observations.len(), word(&record).as_str()), (1, "dialling"));
    let end = status("completed", 3);
    let observed = store.observe(&linked(1), &end, &delivery(), at(0)).await.unwrap();
    assert!(observed.ended_the_call(&end));
}
