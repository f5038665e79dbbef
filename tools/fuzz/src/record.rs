//! What the stores keep.

use shared::call::{Observation, Timestamp};
use shared::store::Record;

/// Observations, one JSON a line: read, written, read again, folded.
pub(crate) fn record(data: &[u8]) {
    let read = |line: &[u8]| serde_json::from_slice::<Observation>(line).ok();
    let observations: Vec<_> = data.split(|byte| *byte == b'\n').filter_map(read).collect();
    observations.iter().for_each(assert_kept);
    let mut record = Record { call_id: None, call_sid: None, observations };
    let call = record.fold();
    for now in [0, 1_795_341_600_000, i64::MAX] {
        let _ = call.status_at(Timestamp::from_millis(now));
    }
    // Whatever comes twice, and in whichever order, it is the same call.
    let mut keyed: Vec<_> = record.observations.iter().map(Observation::key).collect();
    keyed.sort();
    keyed.dedup();
    if keyed.len() == record.observations.len() {
        record.observations.reverse();
        record.observations.extend(record.observations.clone());
        assert_eq!(record.fold(), call);
    }
}

/// Written and read back, it is the same.
pub(crate) fn assert_kept(seen: &Observation) {
    let written = serde_json::to_string(seen).unwrap_or_default();
    let read: Option<Observation> = serde_json::from_str(&written).ok();
    assert_eq!(read.as_ref(), Some(seen), "{written}");
}
