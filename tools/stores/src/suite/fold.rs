//! Whatever the order, whatever is doubled and whoever writes: one record, one transition.

use crate::Opened;
use crate::workload::{Report, Workload};

/// What the everyday run delivers: about a thousand, by 200 writers.
pub async fn shuffled_doubled_concurrent_deliveries_show_what_the_fold_says(store: &Opened) {
    let workload = Workload::new(60, 1);
    let report = workload.run(store.instances(), 200).await;
    assert!(report.deliveries >= 1000, "{report:?}");
    let expected = Report { mismatches: 0, transitions: 60, errors: 0, ..report };
    assert_eq!(report, expected);
}

/// Every permutation of the callbacks that decide, one call each.
pub async fn every_order_of_the_callbacks_that_decide_shows_one_call(store: &Opened) {
    let report = Workload::permutations().run(store.instances(), 8).await;
    let expected = Report { mismatches: 0, transitions: report.calls, errors: 0, ..report };
    assert_eq!(report, expected);
}
