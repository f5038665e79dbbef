//! In any order, with any doubles and from any instance: one record, one transition.

use crate::Opened;
use crate::workload::{Report, Workload};

/// What the everyday run delivers: at least one for each of the crowd, by 200 writers where the
/// backend bears them.
pub async fn shuffled_doubled_concurrent_deliveries_show_what_the_fold_says(store: &Opened) {
    let calls = store.crowd() * 6 / 100;
    let writers = store.at_once().min(200);
    let report = Workload::new(calls, 1).run(store.instances(), writers).await;
    assert!(report.deliveries >= store.crowd() as usize, "{report:?}");
    let expected = Report { mismatches: 0, transitions: report.calls, errors: 0, ..report };
    assert_eq!(report, expected);
}

/// Every permutation of the callbacks that decide, one call each.
pub async fn every_order_of_the_callbacks_that_decide_shows_one_call(store: &Opened) {
    let report = Workload::permutations().run(store.instances(), 8).await;
    let expected = Report { mismatches: 0, transitions: report.calls, errors: 0, ..report };
    assert_eq!(report, expected);
}
