//! DynamoDB asks for patience; the SDK has some.

use stores::calls::*;
use stores::proxy::{HttpProxy, Refusal};
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

#[tokio::test]
async fn a_reply_that_breaks_off_is_asked_for_again() {
    let Some(running) = Backend::DynamoDbDynoxide.start_or_skip() else { return };
    let space = running.space();
    let proxy = HttpProxy::start(space.place().port().unwrap());
    let store = open_at(&space.place().through(proxy.port()), RETENTION_DAYS);
    store.begin(&intent(1), at(0)).await.unwrap();
    let end = status("completed", 3);
    proxy.lose_replies(2);
    let observed = store.observe(&linked(1), &end, &delivery(), at(0)).await.unwrap();
    assert!(observed.ended_the_call(&end));
}
