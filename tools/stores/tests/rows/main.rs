//! Rows of the version before: what it wrote is read, and what it began is finished.
//!
//! Beside this file, for each family of stores, are the rows that a build made, after each step of one
//! [`scenario`]. They are put past the adapters into an empty server or file, the store is opened on
//! them, and must show what the [`model`] says and go on from there: so from every step.
//!
//! # To record
//!
//! `RECORD_ROWS=<commit> cargo test --package stores --test rows this_version_writes` makes the rows
//! anew, with the name of the build that made them. Do that only where a release has made new rows that
//! the next must read, never because a test fails.
//!
//! # The other direction
//!
//! During a deployment the version before goes on with rows of this one, too. `ROWS=<folder>` names
//! another folder for the rows, so a build of each version shows it:
//!
//! ```text
//! here:                           RECORD_ROWS=new ROWS=/a/folder cargo test --package stores --test rows this_version_writes
//! in a tree of the version before:                ROWS=/a/folder cargo test --package stores --test rows
//! ```
//!
//! There only `this_version_writes` and `a_step_of_this_version` may fail. While the two versions write
//! the same rows, which those two assert, there is nothing to show: either may follow the other after
//! any step. Where this version must write others, these tests name what differs, and their new
//! expectation says why; and for the version before to go on with such rows it needs, as they stand
//! today:
//!
//! - Of a call: the same key of the row and the same names of fields. An observation's field is its key,
//!   the first value wins, and a field that is no observation has a name that the version before knows
//!   (Redis: else it takes every field for an observation, and leaves out what it cannot read) or has
//!   no `#` (DynamoDB).
//! - Of a link: both rows name each other. DynamoDB's `linked` is the number 1 once both do, and never
//!   before. What was told under the SID alone stands in the row of the `callId` from then on.
//! - Of voice: `claim` and `twiml` in the row of the SID (Redis: of the half that was written to), so
//!   that a webhook that is repeated to the other version gives the same TwiML.
//! - Of a key: owner, `callId`, fingerprint, the time of the claim and the mark of doubt.
//! - Expiry: DynamoDB `until` (milliseconds) and `ttl` (seconds), Redis `born`, and what lists a call
//!   by age.
//! - SQLite: the version before refuses a file whose `user_version` is greater than its own. One file
//!   belongs to one machine, where versions follow each other.
//!
//! Leases and counts may be lost in either direction: then a limit lets more pass, until the longest
//! of them ends, but no operation may fail on them.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "helpers of tests")]

mod journal;
mod model;
mod raw;
mod scenario;

use std::sync::{Arc, OnceLock};

use serde_json::json;
use shared::call::{CallRef, Timestamp};
use shared::store::keys::{IN_FLIGHT, claim, find};
use shared::store::{Claim, KeyClaim, KeyState, Lookup, Store};
use stores::calls::sid;
use stores::{Backend, Running, Space};

use journal::{Journal, differences};
use model::{Model, Outcome, run};
use scenario::*;

/// A family of stores: one form of rows.
#[derive(Clone, Copy, Debug)]
struct Family {
    name: &'static str,
    backend: Backend,
}

const SQLITE: Family = Family { name: "sqlite", backend: Backend::Sqlite };
const REDIS: Family = Family { name: "redis", backend: Backend::RedisTcp };
const DYNAMODB: Family = Family { name: "dynamodb", backend: Backend::DynamoDbDynoxide };

impl Family {
    /// An empty store of its own, if this build carries it and its server is here.
    fn space(self) -> Option<Space> {
        if !Backend::all().contains(&self.backend) {
            return None;
        }
        static RUNNING: [OnceLock<Option<Running>>; 6] = [const { OnceLock::new() }; 6];
        let running = RUNNING[self.backend as usize].get_or_init(|| self.backend.start_or_skip());
        Some(running.as_ref()?.space())
    }

    /// A store on the rows as they were after so many steps.
    async fn after(self, journal: &Journal, steps: usize) -> Option<On> {
        // The first entry is the empty store.
        self.on(&journal.rows(steps + 1)).await
    }

    async fn on(self, rows: &serde_json::Value) -> Option<On> {
        let space = self.space()?;
        raw::load(space.place(), rows).await;
        let store = space.open_for(RETENTION_DAYS);
        Some(On { store, space })
    }

    /// What this version makes of rows when it opens a store on them: of those in a SQLite file its own.
    async fn opened(self, rows: &serde_json::Value) -> Option<serde_json::Value> {
        let on = self.on(rows).await?;
        Some(raw::comparable(&raw::dump(on.space.place()).await))
    }

    /// A store on all of the rows.
    async fn whole(self) -> Option<On> {
        self.after(&Journal::read(self.name), steps().len()).await
    }
}

/// A store, and what it is on.
struct On {
    store: Arc<dyn Store>,
    space: Space,
}

/// A minute after the last step, and so many seconds.
fn later(second: u64) -> Timestamp {
    at(200 + second)
}

/// The delivery of a step, and one of those that repeat it.
fn delivery(step: usize, repetition: u32) -> shared::store::Nonce {
    nonce(1000 * (repetition + 1) + u32::try_from(step).unwrap())
}

/// After how many steps the versions change places. A limit's rows decide nothing, so not after those.
fn prefixes(steps: &[Step]) -> impl Iterator<Item = usize> {
    (0..=steps.len()).filter(move |done| *done == 0 || !steps[*done - 1].is_of_a_limit())
}

/// Whatever it had come to.
async fn this_version_reads_the_rows_of_the_version_before(family: Family) {
    let (journal, steps) = (Journal::read(family.name), steps());
    for done in prefixes(&steps) {
        let Some(on) = family.after(&journal, done).await else { return };
        let when = format!("after {done} steps of {}", journal.made_by);
        Model::after(&steps[..done]).assert_shown_by(&*on.store, later(0), &when).await;
    }
}

/// Every call ends once, is answered once, and every delivery is news once, whichever version wrote it.
async fn this_version_finishes_what_the_version_before_began(family: Family) {
    let (journal, steps) = (Journal::read(family.name), steps());
    for done in prefixes(&steps) {
        let Some(on) = family.after(&journal, done).await else { return };
        let mut model = Model::after(&steps[..done]);
        for (number, step) in steps.iter().enumerate().skip(done) {
            let outcome = run(&*on.store, step, &delivery(number, 0)).await;
            let when = format!("{}, {done} steps being {}'s", step.name, journal.made_by);
            assert_eq!(outcome.expect(&when), model.apply(step), "{when}");
        }
        let when = format!("after all steps, {done} being {}'s", journal.made_by);
        for (number, step) in steps.iter().enumerate() {
            if let Some((repeated, expected)) = repetition(step) {
                let outcome = run(&*on.store, &repeated, &delivery(number, 1)).await;
                assert_eq!(outcome.expect(&when), expected, "{} again {when}", step.name);
            }
        }
        model.assert_shown_by(&*on.store, later(0), &when).await;
    }
}

/// What Twilio or a client may send again, and what it must be told when all is done.
fn repetition(step: &Step) -> Option<(Step, Outcome)> {
    let (deed, outcome) = match &step.deed {
        Deed::Observe(..) | Deed::Placed(..) => {
            (step.deed.clone(), Outcome::Observed { is_new: false, has_ended: false })
        }
        Deed::Answer(by, _, seen) => {
            (Deed::Answer(by.clone(), "<Response/>".to_owned(), seen.clone()), Outcome::Done)
        }
        Deed::Claim(by, _) => {
            let call = (1..=11).find(|number| by.call_sid() == Some(&sid(*number)))?;
            let answered = Outcome::Answered(twiml(call));
            (
                Deed::Claim(by.clone(), nonce(999)),
                if call == 8 { Outcome::Pending } else { answered },
            )
        }
        _ => return None,
    };
    Some((Step { deed, now: later(1), name: step.name }, outcome))
}

/// A function that died between its two writes linked the row of a SID and not the row of the `callId`.
async fn a_link_that_the_version_before_left_half_done_is_completed(family: Family) {
    let (journal, steps, mut found) = (Journal::read(family.name), steps(), 0);
    for (number, step) in steps.iter().enumerate() {
        let (Deed::Observe(..) | Deed::Placed(..)) = &step.deed else { continue };
        let Some(rows) = journal.half(number + 1, |row| row.starts_with("CALL#CA")) else {
            continue;
        };
        let Some(on) = family.on(&rows).await else { return };
        let (mut model, when) =
            (Model::after(&steps[..number]), format!("{} half done", step.name));
        let outcome = run(&*on.store, step, &delivery(number, 1)).await;
        assert_eq!(outcome.expect(&when), model.apply(step), "{when}");
        model.assert_shown_by(&*on.store, later(0), &when).await;
        found += 1;
    }
    assert_eq!(found, 4, "1, 2 and 10 are placed, 4 rings");
}

/// By either of its names, and by many deliveries at once.
async fn a_call_that_the_version_before_left_in_progress_ends_once(family: Family) {
    let Some(on) = family.whole().await else { return };
    for number in [4, 8, 10] {
        let end = completed(210, 3);
        let tell = |delivery_number: usize| {
            let (store, end) = (Arc::clone(&on.store), end.clone());
            let by =
                if delivery_number.is_multiple_of(2) { linked(number) } else { unlinked(number) };
            async move {
                let nonce = delivery(delivery_number, 2);
                store.observe(&by, &end, &nonce, later(10)).await.unwrap().ended_the_call(&end)
            }
        };
        let all: tokio::task::JoinSet<bool> = (0..20).map(tell).collect();
        let ends = all.join_all().await.into_iter().filter(|has_ended| *has_ended).count();
        assert_eq!(ends, 1, "call {number}");
        assert_eq!(word(&*on.store, &Lookup::CallId(id(number))).await, "completed");
    }
}

/// As with a call that this version ended.
async fn a_late_event_does_not_reopen_a_call_that_the_version_before_ended(family: Family) {
    let Some(on) = family.whole().await else { return };
    let late = status(21, "ringing", 1);
    for by in [linked(2), unlinked(2)] {
        let is_first = by == linked(2);
        let nonce = delivery(usize::from(is_first), 2);
        let observed = on.store.observe(&by, &late, &nonce, later(0)).await.unwrap();
        assert_eq!((observed.is_new, observed.ended_the_call(&late)), (is_first, false));
        assert!(observed.before.fold().is_over());
    }
    let refused = CallRef::Ours(id(7));
    let end = seen(210, &json!("u"));
    let observed = on.store.observe(&refused, &end, &delivery(2, 2), later(0)).await.unwrap();
    assert!(observed.is_new && !observed.ended_the_call(&end));
    for (number, expected) in [(1, "completed"), (2, "completed"), (7, "failed"), (11, "failed")] {
        assert_eq!(word(&*on.store, &Lookup::CallId(id(number))).await, expected);
    }
    assert_eq!(word(&*on.store, &Lookup::CallSid(sid(5))).await, "busy");
}

async fn word(store: &dyn Store, name: &Lookup) -> String {
    let record = store.load(name, later(0)).await.unwrap().unwrap();
    record.fold().status_at(later(0)).to_owned()
}

/// A dial that the version before made or began is not made again, and may be told of.
async fn a_key_that_the_version_before_claimed_is_never_dialled_again(family: Family) {
    let Some(on) = family.whole().await else { return };
    let store = &*on.store;
    let soon = at(121).plus(IN_FLIGHT / 2);
    let again = |call: u32| key(call, 20 + call);
    for (call, now, expected) in [
        (1, soon, "done"),
        (4, soon, "done"),
        // By the mark of doubt; by the time alone it would be in flight.
        (6, at(51), "unknown"),
        (9, soon, "in flight"),
        (9, later(0), "unknown"),
    ] {
        let state = claim(store, &again(call), now).await.unwrap();
        let found = find(store, &again(call).key, &again(call).fingerprint, now).await.unwrap();
        assert_eq!(found.as_ref(), Some(&state), "call {call}");
        let told = match &state {
            KeyState::Done { call_sid, record } => {
                assert_eq!((call_sid, record.intent()), (&sid(call), Some(&intent(call))));
                "done"
            }
            KeyState::Unknown { call_id } if *call_id == id(call) => "unknown",
            KeyState::InFlight { call_id } if *call_id == id(call) => "in flight",
            other => panic!("{other:?}"),
        };
        assert_eq!(told, expected, "call {call}");
        let other = KeyClaim { fingerprint: "another".to_owned(), ..again(call) };
        assert_eq!(claim(store, &other, now).await.unwrap(), KeyState::Reused);
    }
    // The owner itself asks again; and what it released is free.
    assert_eq!(claim(store, &key(9, 9), later(0)).await.unwrap(), KeyState::Claimed);
    assert_eq!(claim(store, &again(7), later(0)).await.unwrap(), KeyState::Claimed);
    // The phone of the unknown dial rang after all.
    let rang = status(205, "ringing", 1);
    store.observe(&linked(6), &rang, &delivery(3, 2), later(5)).await.unwrap();
    let state = claim(store, &again(6), later(6)).await.unwrap();
    assert!(matches!(state, KeyState::Done { .. }), "{state:?}");
    // Only the owner doubts and releases.
    store.release_key(&again(9)).await.unwrap();
    store.mark_unknown(&key(9, 9), later(7)).await.unwrap();
    assert!(store.find_key(&key(9, 9).key, later(7)).await.unwrap().unwrap().is_unknown);
    store.release_key(&key(9, 9)).await.unwrap();
    assert_eq!(store.find_key(&key(9, 9).key, later(7)).await.unwrap(), None);
}

/// Voice asks again, and gets what the version before said; or answers where it had only claimed.
async fn voice_goes_on_where_the_version_before_claimed_or_answered(family: Family) {
    let Some(on) = family.whole().await else { return };
    for (call, by) in [(1, linked(1)), (2, unlinked(2)), (3, unlinked(3)), (4, linked(4))] {
        let answered = on.store.claim(&by, &nonce(998), later(0)).await.unwrap();
        assert_eq!(answered, Claim::Answered(twiml(call)));
    }
    let own = on.store.claim(&linked(8), &nonce(108), later(0)).await.unwrap();
    let Claim::First(record) = own else { panic!("{own:?}: its own nonce") };
    assert_eq!(record.intent(), Some(&intent(8)));
    let said = seen(205, &json!({"v": {"c": "conv_8"}}));
    on.store.answer(&linked(8), &twiml(8), &said, later(5)).await.unwrap();
    let answered = on.store.claim(&unlinked(8), &nonce(998), later(6)).await.unwrap();
    assert_eq!(answered, Claim::Answered(twiml(8)));
    let first = on.store.claim(&linked(9), &nonce(109), later(0)).await.unwrap();
    let Claim::First(record) = first else { panic!("{first:?}: never asked") };
    assert_eq!(record.intent(), Some(&intent(9)));
}

/// Honoured or forgotten, but never in the way of an operation.
async fn no_operation_fails_on_the_limits_of_the_version_before(family: Family) {
    let Some(on) = family.whole().await else { return };
    let (store, now) = (&*on.store, later(0));
    for (name, window, entry) in [
        (CLIENT, CLIENTS, nonce(10)),
        (DESTINATION, DESTINATIONS, nonce(1)),
        ("anonymous calls", ANONYMOUS, nonce(110)),
    ] {
        store.acquire_window(name, window, &nonce(30), now).await.unwrap();
        store.release_window(name, window, &entry).await.unwrap();
        store.release_window(name, window, &nonce(30)).await.unwrap();
        let taken = store.acquire_window(name, window, &nonce(31), now).await.unwrap();
        assert_eq!(taken, shared::store::Admission::Granted, "{name} is empty now");
    }
    store.acquire_slot(&id(30), SLOTS, now.plus(LEASE), now).await.unwrap();
    store.release_slot(&id(6)).await.unwrap();
    for name in ["day", "anonymous day"] {
        store.acquire_day(name, A_DAY, &nonce(30), now).await.unwrap();
        store.release_day(name, &nonce(1), now).await.unwrap();
        store.release_day(name, &nonce(10), now).await.unwrap();
    }
}

/// Row by row, but for limits. Where it has to write others: see above.
async fn this_version_writes_the_rows_of_the_version_before(family: Family) {
    let Some(space) = family.space() else { return };
    let recording = std::env::var("RECORD_ROWS").ok();
    let mut journal = Journal { made_by: recording.clone().unwrap_or_default(), steps: Vec::new() };
    let store = space.open_for(RETENTION_DAYS);
    journal.add("an empty store", &raw::dump(space.place()).await);
    let mut model = Model::default();
    for (number, step) in steps().iter().enumerate() {
        let outcome = run(&*store, step, &delivery(number, 0)).await.unwrap();
        assert_eq!(outcome, model.apply(step), "{}", step.name);
        journal.add(step.name, &raw::dump(space.place()).await);
    }
    if recording.is_some() {
        return journal.write(family.name);
    }
    let before = Journal::read(family.name);
    let (mut expected, mut found) = (
        Journal { steps: Vec::new(), ..before.clone() },
        Journal { steps: Vec::new(), ..journal.clone() },
    );
    for (step, (name, _)) in before.steps.iter().enumerate() {
        expected.add(name, &family.opened(&before.rows(step + 1)).await.unwrap());
        found.add(name, &raw::comparable(&journal.rows(step + 1)));
    }
    let differences = expected.differences(&found);
    assert!(differences.is_empty(), "other rows than those of {}:\n{differences}", before.made_by);
}

/// One step on rows of the version before leaves the rows that it would have left itself. So either may
/// follow the other after any step.
async fn a_step_of_this_version_leaves_the_rows_that_the_version_before_would_leave(
    family: Family,
) {
    let (journal, steps) = (Journal::read(family.name), steps());
    for (number, step) in steps.iter().enumerate().filter(|(_, step)| !step.is_of_a_limit()) {
        let Some(on) = family.after(&journal, number).await else { return };
        run(&*on.store, step, &delivery(number, 0)).await.unwrap();
        let rows = raw::comparable(&raw::dump(on.space.place()).await);
        let expected = family.opened(&journal.rows(number + 2)).await.unwrap();
        let found = differences(&expected, &rows);
        assert!(found.is_empty(), "{} leaves other rows: {found:#?}", step.name);
    }
}

/// By hand, so that no step is lost from the scenario.
#[test]
fn the_scenario_has_calls_of_every_kind() {
    let model = Model::after(&steps());
    let shown: Vec<_> = model
        .records()
        .iter()
        .map(|record| {
            let number = record.call_id.iter().map(ToString::to_string);
            let number =
                number.chain(record.call_sid.iter().map(ToString::to_string)).next().unwrap();
            let number = number.trim_end_matches('v');
            let call = record.fold();
            let has_variables = !call.dynamic_variables.is_empty();
            let number = u32::from_str_radix(&number[number.len() - 4..], 16).unwrap();
            let is_both = record.call_id.is_some() && record.call_sid.is_some();
            let word = call.status_at(later(0)).to_owned();
            (number, is_both, has_variables, word, record.observations.len())
        })
        .collect();
    let expected = [
        (9, false, true, "unknown", 1),
        (11, false, true, "failed", 2),
        (10, true, false, "ringing", 3),
        (8, true, true, "unknown", 1),
        (7, false, false, "failed", 2),
        (6, false, true, "unknown", 2),
        (4, true, true, "in-progress", 5),
        (3, false, false, "in-progress", 2),
        (2, true, false, "completed", 5),
        (5, false, false, "busy", 2),
        (1, true, true, "completed", 13),
    ];
    assert_eq!(shown, expected.map(|(a, b, c, word, count)| (a, b, c, word.to_owned(), count)));
}

/// A module of tests over each family of stores.
macro_rules! over {
    ($module:ident $family:ident: $($test:ident)*) => {
        mod $module {
            $(#[tokio::test]
            async fn $test() {
                super::$test(super::$family).await;
            })*
        }
    };
    ($($test:ident,)*) => {
        over!(sqlite SQLITE: $($test)*);
        over!(redis REDIS: $($test)*);
        over!(dynamodb DYNAMODB: $($test)*
            a_link_that_the_version_before_left_half_done_is_completed);
    };
}

over! {
    this_version_reads_the_rows_of_the_version_before,
    this_version_finishes_what_the_version_before_began,
    a_call_that_the_version_before_left_in_progress_ends_once,
    a_late_event_does_not_reopen_a_call_that_the_version_before_ended,
    a_key_that_the_version_before_claimed_is_never_dialled_again,
    voice_goes_on_where_the_version_before_claimed_or_answered,
    no_operation_fails_on_the_limits_of_the_version_before,
    this_version_writes_the_rows_of_the_version_before,
    a_step_of_this_version_leaves_the_rows_that_the_version_before_would_leave,
}
