//! Every budget against the calls that were placed or may have been: the store is asked how much of it
//! is free.
//!
//! A refusal of Twilio's, a later limit and a dial that was never sent cost nothing. Only where a store
//! request of giving back was lost, or its function died, may a place stay taken. None is ever free that
//! a call needs. Clocks that disagree soften both at the ends of a budget's time, and nowhere else.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use shared::call::{CallId, Timestamp};
use shared::store::{Admission, Nonce, StoreError, Window};

use crate::judge::{DAY, HOUR, LEASE_MARGIN, signed};
use crate::ledger::{Dial, Invocation, Ledger};
use crate::world::{World, lock};

/// What there is so much of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Budget {
    /// A client's dials in any hour.
    ClientsHour,
    /// Anonymous callers' calls at once.
    AnonymousCalls,
    /// Their calls in any 24 hours.
    AnonymousDay,
    /// A number's calls in any 24 hours.
    NumbersDay,
    /// Calls at once.
    Slots,
    /// Calls in any 24 hours.
    Day,
}

impl fmt::Display for Budget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ClientsHour => "the hour",
            Self::AnonymousCalls => "anonymous calls",
            Self::AnonymousDay => "the anonymous day",
            Self::NumbersDay => "the number's day",
            Self::Slots => "the slots",
            Self::Day => "the day",
        })
    }
}

/// A place that a dial asked for.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) invocation: Arc<Invocation>,
    /// Some request about it was not answered, or an old copy of one may still come.
    pub(crate) is_troubled: bool,
}

/// After this a dial has taken its places or never will, milliseconds.
const PREPARED: i64 = 60_000;

/// The longest an anonymous caller's call holds its place: a minute's ring, its time limit, a minute more.
const ANONYMOUS_LEASE: i64 = 420_000;

impl Budget {
    /// Of the window with this name; none of those that space questions to Twilio and ElevenLabs.
    pub(crate) fn of_window(name: &str, window: Window) -> Option<Self> {
        let length = signed(u64::try_from(window.length.as_millis()).unwrap_or(u64::MAX));
        match name {
            "anonymous calls" => Some(Self::AnonymousCalls),
            _ if length == HOUR => Some(Self::ClientsHour),
            _ if length == DAY => Some(Self::NumbersDay),
            _ => None,
        }
    }

    /// Of the day with this name.
    pub(crate) fn of_day(name: &str) -> Self {
        if name == "anonymous day" { Self::AnonymousDay } else { Self::Day }
    }

    /// What such a dial must ask for.
    fn all_of(dial: &Dial) -> &'static [Self] {
        const ALL: [Budget; 6] = [
            Budget::Day,
            Budget::Slots,
            Budget::NumbersDay,
            Budget::AnonymousDay,
            Budget::AnonymousCalls,
            Budget::ClientsHour,
        ];
        if dial.has_token { &ALL[..3] } else { &ALL }
    }

    /// Whose it is.
    fn subject(self, dial: &Dial) -> String {
        match self {
            Self::ClientsHour => format!(" of client {}", dial.client),
            Self::NumbersDay => format!(" of {}", dial.to),
            _ => String::new(),
        }
    }

    /// How long a place of it is taken, milliseconds, and how much longer at most.
    fn length(self, dial: &Dial) -> (i64, i64) {
        match self {
            Self::ClientsHour => (HOUR, 0),
            Self::NumbersDay => (DAY, 0),
            // An hour counts until 24 hours after its end.
            Self::AnonymousDay | Self::Day => (DAY, HOUR),
            Self::Slots => (signed(dial.ring + dial.limit) * 1000 + LEASE_MARGIN, 0),
            Self::AnonymousCalls => (ANONYMOUS_LEASE, 0),
        }
    }

    /// Whether the end of a call gives it back.
    fn ends_with_the_call(self) -> bool {
        matches!(self, Self::Slots | Self::AnonymousCalls)
    }
}

/// Asks the store about every budget.
pub(crate) async fn check(world: &World) {
    held_after_the_end(world);
    let mut counts = Vec::new();
    {
        let ledger = lock(&world.ledger);
        asked_for(world, &ledger);
        let mut names = BTreeMap::new();
        for ((budget, name), places) in &ledger.places {
            let Some(dial) = places.values().find_map(|place| place.invocation.dial.as_ref())
            else {
                continue;
            };
            let what = format!("{budget}{}", budget.subject(dial));
            if names.insert(what.clone(), name).is_some() {
                world.violation(format!("{what} has two names"));
            }
            let bounds = places.values().map(|place| bounds(world, &ledger, *budget, place));
            let (least, most) = bounds.fold((0, 0), |sum, (must, may)| {
                (sum.0 + u32::from(must), sum.1 + u32::from(must || may))
            });
            counts.push((*budget, name.clone(), what, least, most));
        }
    }
    for (budget, name, what, least, most) in counts {
        match count(world, budget, &name).await {
            Ok(counted) if (least..=most).contains(&counted) => {}
            Ok(counted) => world
                .violation(format!("{what}: {counted} are taken, and {least} to {most} are right")),
            Err(error) => world.violation(format!("{what} cannot be counted: {error}")),
        }
    }
}

/// Whether the place must be taken now, and whether it may be.
fn bounds(world: &World, ledger: &Ledger, budget: Budget, place: &Place) -> (bool, bool) {
    let asked = &place.invocation;
    let Some(dial) = &asked.dial else { return (false, false) };
    let call = ledger.call_of(asked);
    let word = asked.word();
    let is_unknown = word.as_deref() == Some("twilio_unknown_outcome");
    let is_placed = call.is_some() || is_unknown;
    let (is_over, is_end_heard) = match call {
        Some(call) if budget.ends_with_the_call() => (call.ended.is_some(), call.is_end_heard()),
        _ => (false, false),
    };
    let age = signed(world.elapsed()) - signed(asked.arrived);
    let (length, longer) = budget.length(dial);
    let must = is_placed && !is_over && age < length - world.spread();
    let has_excuse = [&asked.is_gone, &asked.give_failed].into_iter().any(Invocation::is);
    let is_unsure = place.is_troubled || has_excuse || word.is_none();
    let may = (is_unsure || (is_placed && !is_end_heard))
        && age < length + longer + world.spread() + PREPARED;
    (must, may)
}

/// A call without a place in each of its budgets was placed beside them.
fn asked_for(world: &World, ledger: &Ledger) {
    for call in &ledger.calls {
        for budget in Budget::all_of(&call.dial) {
            let of_budget = ledger.places.iter().filter(|((of, _), _)| of == budget);
            let mut places = of_budget.flat_map(|(_, places)| places.values());
            if !places.any(|place| Arc::ptr_eq(&place.invocation, &call.invocation)) {
                world.violation(format!("{} was placed beside {budget}", call.sid));
            }
        }
    }
}

/// Every end that was acknowledged frees the slot, if the store let it and no late copy took it again.
/// Whatever the time: asking the store for a slot drops those whose lease has ended.
pub(crate) fn held_after_the_end(world: &World) {
    let ledger = lock(&world.ledger);
    for call in ledger.calls.iter().filter(|call| call.is_end_heard()) {
        let slots = ledger.places.get(&(Budget::Slots, String::new()));
        let slot = slots.and_then(|slots| slots.get(call.call_id.as_str()));
        let is_troubled = slot.is_none_or(|slot| slot.is_troubled);
        if !is_troubled && world.store.holds_slot(&call.call_id) {
            world.violation(format!("{} is over and holds its slot", call.sid));
        }
    }
}

/// How many places of a budget are taken.
async fn count(world: &World, budget: Budget, name: &str) -> Result<u32, StoreError> {
    let plan = &world.plan;
    let window = |limit, length| Window { limit, length, spacing: Duration::ZERO };
    let millis = |millis: i64| Duration::from_millis(millis.unsigned_abs());
    match budget {
        Budget::ClientsHour => in_window(world, name, window(plan.rate, millis(HOUR))).await,
        Budget::NumbersDay => {
            in_window(world, name, window(plan.per_destination, millis(DAY))).await
        }
        Budget::AnonymousCalls => {
            let length = millis(ANONYMOUS_LEASE);
            in_window(world, name, window(plan.anonymous_concurrent, length)).await
        }
        Budget::AnonymousDay | Budget::Day | Budget::Slots => beyond(world, budget, name).await,
    }
}

/// Takes whatever is free in a window, and gives it back.
async fn in_window(world: &World, name: &str, window: Window) -> Result<u32, StoreError> {
    let (store, now) = (&world.store, world.now());
    let mut mine = Vec::new();
    for number in 0..window.limit {
        let entry = Nonce::from_text(&format!("{number:016x}"));
        if store.acquire_window(name, window, &entry, now).await? != Admission::Granted {
            break;
        }
        mine.push(entry);
    }
    for entry in &mine {
        store.release_window(name, window, entry).await?;
    }
    let free = u32::try_from(mine.len()).unwrap_or(u32::MAX);
    Ok(window.limit - free)
}

/// The first limit under which one more fits, and gives that back.
async fn beyond(world: &World, budget: Budget, name: &str) -> Result<u32, StoreError> {
    let (store, now) = (&world.store, world.now());
    let mine = "f".repeat(32);
    let entry = Nonce::from_text(&mine);
    let call_id = CallId::parse(&mine).map_err(|_| StoreError::new("no callId"))?;
    let soon = Timestamp::from_millis(now.as_millis() + HOUR);
    for limit in 1.. {
        let taken = match budget {
            Budget::Slots => store.acquire_slot(&call_id, limit, soon, now).await?,
            _ => store.acquire_day(name, limit, &entry, now).await?,
        };
        if taken != Admission::Granted {
            continue;
        }
        match budget {
            Budget::Slots => store.release_slot(&call_id).await?,
            _ => store.release_day(name, &entry, now).await?,
        }
        return Ok(limit - 1);
    }
    Err(StoreError::new("there is no end to it"))
}
