//! The server is killed as `kill -9` does and starts again.

use std::time::Duration;

use stores::Backend;
use stores::calls::*;
use stores::workload::{Progress, Report, Workload};

/// MiniStack is not among them: it keeps nothing.
#[cfg(feature = "redis")]
#[tokio::test]
async fn redis_killed_between_two_writes_keeps_what_it_acknowledged() {
    keeps_what_it_acknowledged(Backend::RedisTcp).await;
}

#[cfg(feature = "redis")]
#[tokio::test]
async fn redis_over_rest_killed_between_two_writes_keeps_what_it_acknowledged() {
    keeps_what_it_acknowledged(Backend::KvRest).await;
}

#[cfg(feature = "dynamodb")]
#[tokio::test]
async fn dynamodb_killed_between_two_writes_keeps_what_it_acknowledged() {
    keeps_what_it_acknowledged(Backend::DynamoDbDynoxide).await;
}

#[cfg(feature = "redis")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_killed_in_the_middle_of_a_run_ends_each_call_once() {
    ends_each_call_once(Backend::RedisTcp).await;
}

#[cfg(feature = "redis")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn redis_over_tls_killed_in_the_middle_of_a_run_ends_each_call_once() {
    ends_each_call_once(Backend::RedisTls).await;
}

#[cfg(feature = "dynamodb")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn dynamodb_killed_in_the_middle_of_a_run_ends_each_call_once() {
    ends_each_call_once(Backend::DynamoDbDynoxide).await;
}

async fn keeps_what_it_acknowledged(backend: Backend) {
    let Some(mut running) = backend.start_durable_or_skip() else { return };
    let space = running.space();
    let store = space.open();
    for number in 0..20 {
        store.begin(&intent(number), at(0)).await.unwrap();
        store.observe(&linked(number), &accepted(), &delivery(), at(0)).await.unwrap();
    }
    running.kill();
    let down = store.observe(&linked(1), &status("busy", 3), &delivery(), at(0)).await;
    assert!(down.is_err());
    running.restart().unwrap();
    for number in 0..20 {
        let record = patiently(async || {
            store.load(&shared::store::Lookup::CallSid(sid(number)), at(0)).await
        })
        .await;
        assert_eq!(word(&record.unwrap()), "queued");
        let end = status("completed", 3);
        let observed = store.observe(&linked(number), &end, &delivery(), at(0)).await.unwrap();
        assert!(observed.ended_the_call(&end));
    }
}

async fn ends_each_call_once(backend: Backend) {
    let Some(mut running) = backend.start_durable_or_skip() else { return };
    let store = running.space().opened();
    let trouble = async |progress: &Progress| {
        for _ in 0..3 {
            progress.deliveries(200).await;
            running.kill();
            // Down until a request has failed: longer than the client's own retries hide.
            progress.retries(1).await;
            running.restart().unwrap();
        }
    };
    let workload = Workload::with_one_end(60, 5);
    let patience = Duration::from_secs(20);
    let report = workload.run_through(store.instances(), 16, patience, trouble).await;
    assert!(report.retries >= 3, "{report:?}");
    let expected = Report { mismatches: 0, transitions: report.calls, errors: 0, ..report };
    assert_eq!(report, expected);
}

/// Connections that died with the server may cost one error each.
async fn patiently<T, E: std::fmt::Debug>(ask: impl AsyncFn() -> Result<T, E>) -> T {
    for _ in 0..20 {
        if let Ok(answer) = ask().await {
            return answer;
        }
    }
    ask().await.unwrap()
}
