//! What was promised, held against what Twilio and ElevenLabs saw.
//!
//! Under skew the promises are these. Let D be how far apart two of the functions' clocks ever were
//! (0 where they agree). A rolling window of length W admits no more than its limit in any W - D, a
//! cool-down of C seconds keeps dials C - D apart, a lease counts until its end less D, any 24
//! hours less D admit no more than the daily limit, and a key is kept for the retention less D. A dial's own
//! stamp is somewhere between its request's arrival and its first request to Twilio.

use std::collections::BTreeSet;

use shared::store::Lookup;

use crate::ledger::{Invocation, Ledger, RealCall};
use crate::world::{World, lock};

pub(crate) const HOUR: i64 = 3_600_000;
pub(crate) const DAY: i64 = 24 * HOUR;

/// What a lease adds to the longest a call can last, milliseconds.
pub(crate) const LEASE_MARGIN: i64 = 60_000;

/// The least time between two questions about one conversation, milliseconds.
const QUESTION: i64 = 2000;

/// Judges a schedule that is over.
pub(crate) fn judge(world: &World) {
    let ledger = lock(&world.ledger);
    keys(world, &ledger);
    windows(world, &ledger);
    concurrency(world, &ledger);
    days(world, &ledger);
    conversations(world, &ledger);
    questions(world, &ledger);
    words(world, &ledger);
}

pub(crate) fn signed(millis: u64) -> i64 {
    i64::try_from(millis).unwrap_or(i64::MAX)
}

/// Whether what was written then is certainly still kept.
pub(crate) fn is_kept(world: &World, written: u64) -> bool {
    let age = signed(world.elapsed()) - signed(written);
    age < i64::from(world.plan.retention_days) * DAY - world.spread() - 600_000
}

/// One key, one call.
fn keys(world: &World, ledger: &Ledger) {
    let kept = i64::from(world.plan.retention_days) * DAY - world.spread() - 60_000;
    for (number, call) in ledger.calls.iter().enumerate() {
        let Some((_, key)) = call.dial.scoped_key() else { continue };
        for earlier in &ledger.calls[..number] {
            let apart = signed(call.invocation.asked_at()) - signed(earlier.invocation.arrived);
            if earlier.dial.scoped_key() == call.dial.scoped_key() && apart < kept {
                world.violation(format!("{key} dialled twice: {} and {}", earlier.sid, call.sid));
            }
        }
    }
}

/// More than `limit` of these calls within `length`, if there are.
fn crowded(calls: &[&RealCall], limit: u32, length: i64) -> bool {
    calls.iter().any(|first| {
        let end = signed(first.invocation.arrived) + length;
        let inside = calls.iter().filter(|call| {
            call.invocation.arrived >= first.invocation.arrived
                && signed(call.invocation.asked_at()) < end
        });
        inside.count() > limit as usize
    })
}

/// Clients and destinations.
fn windows(world: &World, ledger: &Ledger) {
    let (plan, spread) = (&world.plan, world.spread());
    for call in &ledger.calls {
        let same = |is_same: &dyn Fn(&RealCall) -> bool| -> Vec<&RealCall> {
            ledger.calls.iter().filter(|other| is_same(other)).collect()
        };
        let client = call.dial.client;
        let by_client = same(&|other| !other.dial.has_token && other.dial.client == client);
        if crowded(&by_client, plan.rate, HOUR - spread) {
            world.violation(format!("more than {} dials in an hour by client {client}", plan.rate));
        }
        let by_number = same(&|other| other.dial.to == call.dial.to);
        if crowded(&by_number, plan.per_destination, DAY - spread) {
            world.violation(format!(
                "more than {} dials in a day to one number",
                plan.per_destination
            ));
        }
        if crowded(&by_number, 1, i64::from(plan.cooldown) * 1000 - spread) {
            world.violation(format!("two dials to one number within {} s", plan.cooldown));
        }
    }
}

/// Calls that go on at one time.
fn concurrency(world: &World, ledger: &Ledger) {
    for call in &ledger.calls {
        let now = call.created;
        let goes_on = |other: &&RealCall| {
            let longest = signed(other.dial.ring + other.dial.limit) * 1000;
            let leased = signed(other.invocation.arrived) + longest + LEASE_MARGIN - world.spread();
            other.created <= now
                && other.ended.is_none_or(|ended| ended > now)
                && signed(now) < leased
        };
        let number = ledger.calls.iter().filter(goes_on).count();
        let anonymous = ledger.calls.iter().filter(|call| !call.dial.has_token);
        for (number, most, whose) in [
            (number, world.plan.concurrent, ""),
            (anonymous.filter(goes_on).count(), world.plan.anonymous_concurrent, "anonymous "),
        ] {
            if number > most as usize {
                world.violation(format!(
                    "{number} {whose}calls at once at {now} ms, where {most} may"
                ));
            }
        }
    }
}

/// All dials of any 24 hours.
fn days(world: &World, ledger: &Ledger) {
    let calls: Vec<&RealCall> = ledger.calls.iter().collect();
    let anonymous: Vec<&RealCall> = calls.iter().copied().filter(|c| !c.dial.has_token).collect();
    for (calls, most, whose) in
        [(calls, world.plan.per_day, ""), (anonymous, world.plan.anonymous_per_day, "anonymous ")]
    {
        if crowded(&calls, most, DAY - world.spread()) {
            world.violation(format!("more than {most} {whose}dials in one day"));
        }
    }
}

/// One conversation a call, but for those whom the store could not tell.
fn conversations(world: &World, ledger: &Ledger) {
    for (call_id, registrations) in &ledger.registrations {
        let guarded = registrations.iter().filter(|by| !Invocation::is(&by.claim_failed));
        if guarded.count() > 1 {
            world.violation(format!("{call_id}: a second conversation was registered"));
        }
    }
}

/// ElevenLabs is asked for a conversation at most once in two seconds, however many read. The place of a
/// question is taken some time between its request and the question.
fn questions(world: &World, ledger: &Ledger) {
    for (name, asked) in &ledger.questions {
        let [arrived, reached] = [|by: &Invocation| by.arrived, Invocation::asked_at]
            .map(|time| asked.iter().map(|by| signed(time(by))).collect::<Vec<_>>());
        let apart = |a: usize, b: usize| (reached[b] - arrived[a]).max(reached[a] - arrived[b]);
        let all = 0..asked.len();
        if all.clone().any(|b| (0..b).any(|a| apart(a, b) < QUESTION - world.spread())) {
            world.violation(format!("{name}: asked ElevenLabs twice within two seconds"));
        }
    }
}

/// Whoever is told that nothing was dialled can rely on it; and one key has one answer.
fn words(world: &World, ledger: &Ledger) {
    for asked in &ledger.dials {
        let Some((status, word)) = lock(&asked.told).clone() else { continue };
        if let Some(call) = ledger.call_of(asked) {
            let is_true = status == 200 && call.sid.as_str() == word;
            if !is_true && word != "twilio_unknown_outcome" {
                world.violation(format!("{} was dialled and its caller was told {word}", call.sid));
            }
        }
    }
}

/// Every record against what was acknowledged, and its status against a fold of its own.
pub(crate) fn records(world: &World) {
    let (now, ledger) = (world.now(), lock(&world.ledger));
    for call in ledger.calls.iter().filter(|call| is_kept(world, call.created)) {
        let (sid, call_id) = (&call.sid, &call.call_id);
        let Some(record) = world.store.peek(&Lookup::CallId(call_id.clone()), now) else {
            world.violation(format!("{sid} has no record"));
            continue;
        };
        let keys: Vec<String> = record.observations.iter().map(|seen| seen.key()).collect();
        if let Some(lost) = call.acknowledged.iter().find(|key| !keys.contains(key)) {
            world.violation(format!("{sid}: {lost} was acknowledged and is not on record"));
        }
        if let Some(odd) = keys.iter().find(|key| !call.sent.contains(*key)) {
            world.violation(format!("{sid}: {odd} is on record and nobody sent it"));
        }
        let (says, should) = (record.fold().status_at(now).to_owned(), fold(&keys));
        if says != should {
            world.violation(format!("{sid} is {should} and reads {says}"));
        }
        ends(world, &ledger, call, record.fold().is_over());
    }
}

/// The end of a call is told to one delivery at most. To none where the one died
/// or got no reply; nor where the store's client repeated the write of one of two different ends, and
/// the other came in between: the repetition cannot know which was first.
fn ends(world: &World, ledger: &Ledger, call: &RealCall, is_over: bool) {
    let (sid, call_id) = (&call.sid, call.call_id.as_str());
    let number = ledger.ends.get(call_id).map_or(0, BTreeSet::len);
    let is_answered = !ledger.unanswered.contains(call_id);
    let must_be_told = is_over && is_answered && !ledger.repeated.contains(call_id);
    if number > 1 || (must_be_told && number == 0) {
        world.violation(format!("{sid}: {number} deliveries were told of the end"));
    }
}

/// The status that a set of keys shows, written down a second time.
fn fold(keys: &[String]) -> &str {
    let class = |status: &str| match status {
        "initiated" => 1,
        "ringing" => 2,
        "in-progress" => 3,
        "completed" | "busy" | "failed" | "no-answer" | "canceled" => 4,
        _ => 0,
    };
    let event = |key: &'_ String| {
        let (sequence, status) = key.strip_prefix("e#")?.split_once('#')?;
        let number = sequence.parse().map_or(0, |sequence: u32| sequence + 1);
        Some((class(status), number))
    };
    let last = keys.iter().filter_map(|key| Some((event(key)?, key))).max();
    let is_answered = keys.iter().any(|key| key == "v#answer");
    let has = |wanted: &str| keys.iter().any(|key| key == wanted);
    match last {
        Some(((class, _), _)) if class < 3 && is_answered => "in-progress",
        Some((_, key)) => key.rsplit('#').next().unwrap_or_default(),
        None if is_answered => "in-progress",
        None if has("d#refused") || has("d#unsent") => "failed",
        None => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::fold;

    #[test]
    fn the_second_fold_knows_the_order_of_things() {
        let of = |keys: &[&str]| {
            let keys: Vec<String> = keys.iter().map(|key| (*key).to_owned()).collect();
            fold(&keys).to_owned()
        };
        assert_eq!(of(&["meta"]), "unknown");
        assert_eq!(of(&["meta", "d#refused"]), "failed");
        assert_eq!(of(&["meta", "e#---#queued", "v#answer"]), "in-progress");
        assert_eq!(of(&["e#003#completed", "e#004#failed", "e#009#ringing"]), "failed");
        assert_eq!(of(&["e#---#completed", "e#002#busy"]), "busy");
    }
}
