//! A repetition under a key gets the answer of its key's row, whatever has changed since; and a new dial
//! is refused by what the settings say now.

use std::sync::Arc;

use shared::call::CallSid;
use shared::store::Lookup;

use crate::judge::is_kept;
use crate::ledger::{Dial, Invocation, Ledger};
use crate::policy::Policy;
use crate::users::Told;
use crate::world::{World, lock};

/// What the row of a key says when a request comes.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Row {
    /// The call was placed, and has a name.
    Placed(CallSid),
    /// It was placed, and the store does not know its name yet.
    Unnamed(CallSid),
    /// Twilio's answer was lost, and there is no call.
    Lost,
    /// The key was used for something else.
    Another,
    /// The key has never been used, or was given back; or there is none.
    Free,
    /// Another request is using it, or something that gave it back was lost.
    Unsure,
}

/// What a request must be told, as far as that is known when it comes.
#[derive(Clone, Debug)]
pub(crate) struct Expected {
    row: Row,
    shut_out: Option<&'static str>,
    refused: Option<&'static str>,
    policy: Policy,
    may_be_stale: bool,
}

/// Earlier requests with the same key.
fn uses<'a>(
    world: &'a World,
    ledger: &'a Ledger,
    dial: &'a Dial,
) -> impl Iterator<Item = &'a Arc<Invocation>> {
    let has_key = |asked: &&Arc<Invocation>| {
        let key = asked.dial.as_ref().and_then(Dial::scoped_key);
        key.is_some() && key == dial.scoped_key()
    };
    ledger.dials.iter().filter(has_key).filter(|asked| is_kept(world, asked.arrived))
}

fn row(world: &World, dial: &Dial) -> Row {
    let ledger = lock(&world.ledger);
    let mut row = Row::Free;
    for asked in uses(world, &ledger, dial) {
        let is_same = asked.dial.as_ref().is_some_and(|earlier| earlier.has_body_of(dial));
        if let Some(call) = ledger.call_of(asked) {
            if !is_same {
                return Row::Another;
            }
            let found = world.store.peek(&Lookup::CallId(call.call_id.clone()), world.now());
            let is_named = found.is_some_and(|record| record.call_sid.is_some());
            let named = if is_named { Row::Placed } else { Row::Unnamed };
            return named(call.sid.clone());
        }
        if asked.word().as_deref() == Some("twilio_unknown_outcome") {
            return if is_same { Row::Lost } else { Row::Another };
        }
        let is_unsure = asked.word().is_none() || Invocation::is(&asked.store_failed);
        if is_unsure || Invocation::is(&asked.is_gone) {
            row = Row::Unsure;
        }
    }
    // What is older than the retention may have gone, and may not have.
    let is_old = |asked: &&Arc<Invocation>| !is_kept(world, asked.arrived);
    if dial.key.is_some() && ledger.dials.iter().any(|asked| is_old(&asked)) {
        row = Row::Unsure;
    }
    row
}

impl Expected {
    /// Of a request that comes now.
    pub(crate) fn of(world: &World, policy: Policy, dial: &Dial) -> Self {
        Self {
            row: row(world, dial),
            shut_out: Policy::shuts_out(&world.plan, dial),
            refused: policy.refuses(world, dial),
            policy,
            may_be_stale: world.plan.is_stale && !world.is_calm(),
        }
    }

    /// Holds it against what the request was told.
    pub(crate) fn judge(&self, world: &World, asked: &Arc<Invocation>, told: &Told) {
        let Some(dial) = &asked.dial else { return };
        let word = told.word.as_str();
        let has_asked = asked.has_asked();
        if self.refused.is_some() && has_asked {
            world.violation(format!("dialled, though {:?} forbids it", self.policy));
        }
        if told.status == 200 && told.is_replay == has_asked {
            world.violation(format!("{word} was told as a repetition: {}", told.is_replay));
        }
        // Others with the same key may have come meanwhile.
        let is_alone = uses(world, &lock(&world.ledger), dial)
            .filter(|other| !Arc::ptr_eq(other, asked))
            .all(|other| other.arrived < asked.arrived);
        let is_placed =
            |sid: &CallSid| told.status == 200 && told.is_replay && sid.as_str() == word;
        let is_unnamed = matches!(word, "idempotency_in_flight" | "idempotency_unknown_outcome");
        let is_right = match (&self.row, self.shut_out) {
            _ if word == "store_unavailable" && Invocation::is(&asked.store_failed) => true,
            (_, Some(shut_out)) => word == shut_out,
            (Row::Placed(sid), _) => is_placed(sid) || (self.may_be_stale && is_unnamed),
            (Row::Unnamed(sid), _) => is_placed(sid) || is_unnamed,
            (Row::Lost, _) => is_unnamed,
            (Row::Another, _) => word == "idempotency_key_reused",
            (Row::Free, _) if is_alone || dial.key.is_none() => match self.refused {
                Some(refused) => word == refused,
                None => self.policy.explains(world, dial, word) && !word.starts_with("idempotency"),
            },
            (Row::Free | Row::Unsure, _) => true,
        };
        if !is_right {
            let key = dial.key.as_deref().unwrap_or("a dial without a key");
            let (row, status) = (&self.row, told.status);
            world.violation(format!(
                "the answer of {key} is not its row's: {row:?}, {:?}, and was told {status} {word}",
                self.policy
            ));
        }
        if is_right && told.is_replay {
            world.count("repetitions answered");
            if self.refused.is_some() {
                world.count("repetitions answered that would be refused as new dials");
            }
        }
    }
}

/// Every answer about a placed call is the same to the last letter.
pub(crate) fn same_answer(world: &World, told: &Told) {
    let mut ledger = lock(&world.ledger);
    let call = ledger.calls.iter_mut().find(|call| call.sid.as_str() == told.word);
    let Some(call) = call else { return };
    let first = call.answer.get_or_insert_with(|| told.body.clone());
    if *first != told.body {
        let what = format!("a repetition changed its answer: {first} became {}", told.body);
        drop(ledger);
        world.violation(what);
    }
}
