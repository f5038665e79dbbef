//! A store that does not answer: operations end with an error, soon.

use std::time::Duration;

use shared::store::{Nonce, StoreError, Window};
use stores::Backend;
use stores::calls::*;
use tokio::time::Instant;

use crate::{behind, over_networks};

over_networks!(
    no_operation_waits_for_a_store_that_does_not_answer,
    a_store_that_refuses_connections_is_an_error_at_once_and_works_again_when_it_is_back,
);

/// Twilio gives a webhook 15 seconds; voice means to answer within 8.
const SOON: Duration = Duration::from_secs(6);

async fn no_operation_waits_for_a_store_that_does_not_answer(backend: Backend) {
    let Some(behind) = behind(backend) else { return };
    let store = &behind.store;
    store.begin(&intent(1), at(0)).await.unwrap();
    behind.proxy.delay_replies(Duration::from_secs(3600));
    // Our clock jumps from one timer to the next whenever no task has anything to do, so each
    // operation takes as long as it may wait and the test no time. The proxy has its own clock.
    tokio::time::pause();
    let window = Window { limit: 2, length: Duration::from_secs(3600), spacing: Duration::ZERO };
    let (mine, ringing) = (Nonce::new([1; 16]), status("ringing", 1));
    let call = linked(1);
    let waits = [
        wait(async { store.begin(&intent(1), at(0)).await }).await,
        wait(async { store.observe(&call, &ringing, &mine, at(0)).await }).await,
        wait(async { store.claim(&call, &mine, at(0)).await }).await,
        wait(async { store.acquire_window("client", window, &mine, at(0)).await }).await,
        wait(async { store.recent(9, at(0)).await }).await,
    ];
    assert!(waits.iter().all(|wait| *wait < SOON), "{waits:?}");
    tokio::time::resume();
    behind.proxy.delay_replies(Duration::ZERO);
    store.observe(&linked(1), &status("completed", 3), &delivery(), at(0)).await.unwrap();
    assert_eq!(word(&load(&**store, 1).await.unwrap()), "completed");
}

async fn wait<T>(operation: impl Future<Output = Result<T, StoreError>>) -> Duration {
    let start = Instant::now();
    assert!(operation.await.is_err(), "who never answered was heard");
    start.elapsed()
}

async fn a_store_that_refuses_connections_is_an_error_at_once_and_works_again_when_it_is_back(
    backend: Backend,
) {
    let Some(behind) = behind(backend) else { return };
    behind.proxy.refuse(true);
    let refused = wait(async { behind.store.begin(&intent(1), at(0)).await }).await;
    assert!(refused < SOON, "{refused:?}");
    behind.proxy.refuse(false);
    behind.store.begin(&intent(1), at(0)).await.unwrap();
}
