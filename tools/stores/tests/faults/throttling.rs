//! DynamoDB asks for patience; the SDK has some.

use stores::calls::*;
use stores::proxy::{HttpProxy, Refusal, TcpProxy};
use stores::{Backend, open_at};

const REFUSALS: [Refusal; 3] = [Refusal::Throttling, Refusal::Throughput, Refusal::Internal];

#[tokio::test]
async fn a_throttled_write_is_tried_again_and_one_that_stays_throttled_is_an_error() {
    let Some(running) = Backend::DynamoDbDynoxide.start_or_skip() else { return };
    let space = running.space();
    let proxy = HttpProxy::start(space.place().port().unwrap());
    let store = open_at(&space.place().through(proxy.port()), RETENTION_DAYS);
    store.begin(&intent(1), at(0)).await.unwrap();
    store.observe(&linked(1), &accepted(), &delivery(), at(0)).await.unwrap();
    let (events, end) = ([status("initiated", 0), status("ringing", 1)], status("completed", 3));
    for pair in [[0, 1], [1, 2]] {
        proxy.refuse_next(&pair.map(|index| REFUSALS[index]));
        let event = &events[pair[0]];
        assert!(store.observe(&linked(1), event, &delivery(), at(0)).await.unwrap().is_new);
    }
    proxy.refuse_next(&[Refusal::Throttling; 50]);
    let start = std::time::Instant::now();
    assert!(store.observe(&linked(1), &end, &delivery(), at(0)).await.is_err());
    assert!(start.elapsed().as_secs() < 5);
    proxy.refuse_next(&[]);
    let observed = store.observe(&linked(1), &end, &delivery(), at(0)).await.unwrap();
    assert!(observed.ended_the_call(&end));
}

/// Two of the three times that the SDK asks, a reply is lost: also one that refuses a condition.
#[tokio::test]
async fn a_reply_that_is_lost_is_asked_for_again() {
    let Some(running) = Backend::DynamoDbDynoxide.start_or_skip() else { return };
    let space = running.space();
    let proxy = TcpProxy::start(space.place().port().unwrap());
    let store = open_at(&space.place().through(proxy.port()), RETENTION_DAYS);
    store.begin(&intent(1), at(0)).await.unwrap();
    let end = status("completed", 3);
    proxy.lose_replies(2);
    let observed = store.observe(&linked(1), &end, &delivery(), at(0)).await.unwrap();
    assert_eq!((observed.ended_the_call(&end), proxy.lost()), (true, 2));
}

/// Else the repetition would take the call for linked, and no load would find it by its SID.
#[tokio::test]
async fn a_link_that_failed_is_made_good_by_the_repetition() {
    let Some(running) = Backend::DynamoDbDynoxide.start_or_skip() else { return };
    let space = running.space();
    let proxy = HttpProxy::start(space.place().port().unwrap());
    let store = open_at(&space.place().through(proxy.port()), RETENTION_DAYS);
    store.begin(&intent(1), at(0)).await.unwrap();
    let (ringing, nonce) = (status("ringing", 1), delivery());
    proxy.refuse_after(1, &[Refusal::Throttling; 3]);
    assert!(store.observe(&linked(1), &ringing, &nonce, at(0)).await.is_err());
    store.observe(&linked(1), &ringing, &nonce, at(0)).await.unwrap();
    assert_eq!(load(&*store, 1).await.unwrap().observations.len(), 2);
}

/// Voice would greet Jane without her name.
#[tokio::test]
async fn an_intent_is_begun_only_with_its_variables() {
    let Some(running) = Backend::DynamoDbDynoxide.start_or_skip() else { return };
    let space = running.space();
    let proxy = HttpProxy::start(space.place().port().unwrap());
    // The two writes are under way at once, and three refusals are an error. Of five, one of the two
    // gets three, and the other passes with its third try: which is which is chance.
    for number in 0..8 {
        let store = open_at(&space.place().through(proxy.port()), RETENTION_DAYS);
        proxy.refuse_next(&[Refusal::Throttling; 5]);
        assert!(store.begin(&intent(number), at(0)).await.is_err(), "intent {number}");
        proxy.refuse_next(&[]);
    }
}
