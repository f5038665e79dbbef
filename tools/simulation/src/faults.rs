//! The way to the store and back: delays, lost replies, the client's repetitions, late copies, old
//! reads, outages. Once sent, a write arrives whether or not its reply is still awaited.

use std::sync::Arc;
use std::time::Duration;

use shared::call::{Call, CallId, CallRef, CallSid, Fact, Intent, Observation, Timestamp};
use shared::store::{
    Admission, Claim, KeyClaim, KeyRow, Lookup, Nonce, Observed, Record, Store, StoreError,
    StoreFuture, Window,
};
use tokio::time::sleep;

use crate::budgets::{Budget, Place};
use crate::bugs::Bugged;
use crate::ledger::{Invocation, current};
use crate::twilio::is_another_leg;
use crate::world::{World, lock};

/// The store as an instance reaches it.
pub(crate) struct Remote {
    world: Arc<World>,
    inner: Arc<dyn Store>,
}

/// What becomes of one operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It takes milliseconds.
    Fine,
    /// The way there takes seconds.
    SlowThere,
    /// The way back takes seconds.
    SlowBack,
    /// It never arrives.
    NotWritten,
    /// It never arrives, and no error comes for seconds.
    Hangs,
    /// It is written, and the reply is lost.
    ReplyLost,
    /// The reply is lost, and the client sends it again.
    Repeated,
    /// The client sends it again, and the first copy arrives long after.
    LateCopy,
}

const FAULTS: [(Fate, &str); 5] = [
    (Fate::NotWritten, "fault: store error before the write"),
    (Fate::Hangs, "fault: store hangs"),
    (Fate::ReplyLost, "fault: store reply lost"),
    (Fate::Repeated, "fault: store operation repeated"),
    (Fate::LateCopy, "fault: store operation repeated, first copy late"),
];

const SLOWNESS: [(Fate, &str); 2] =
    [(Fate::SlowThere, "fault: store slow"), (Fate::SlowBack, "fault: store reply slow")];

/// A wait for a reply. Where it ends early, and be it by death, the outcome is not known.
struct Waiting {
    world: Arc<World>,
    invocation: Option<Arc<Invocation>>,
    operation: &'static str,
    about: About,
    is_answered: bool,
}

/// What an operation is about, as far as the judge must know.
#[derive(Clone)]
enum About {
    Nothing,
    /// A `callId`.
    Call(String),
    /// The name of a budget and an entry in it.
    Place((Budget, String), String),
}

/// Whether the place is taken or free cannot be known any more.
fn trouble(world: &World, about: &About) {
    if let About::Place(budget, entry) = about
        && let Some(places) = lock(&world.ledger).places.get_mut(budget)
        && let Some(place) = places.get_mut(entry)
    {
        place.is_troubled = true;
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        if self.is_answered {
            return;
        }
        self.world.trace(|| format!("    store: {} was not answered", self.operation));
        if let Some(invocation) = &self.invocation {
            Invocation::set(&invocation.store_failed);
            if self.operation == "claim" {
                Invocation::set(&invocation.claim_failed);
            }
            if ["release_window", "release_slot", "release_day"].contains(&self.operation) {
                Invocation::set(&invocation.give_failed);
            }
        }
        if let About::Call(call) = &self.about {
            lock(&self.world.ledger).unanswered.insert(call.clone());
        }
        trouble(&self.world, &self.about);
    }
}

impl Remote {
    pub(crate) fn new(world: &Arc<World>) -> Arc<Self> {
        let inner: Arc<dyn Store> = match &world.model {
            Some(model) => Arc::new(Bugged::new(Arc::clone(model), world.bug)),
            None => Arc::clone(&world.store) as Arc<dyn Store>,
        };
        Arc::new(Self { world: Arc::clone(world), inner })
    }

    fn fate(&self, operation: &'static str) -> Fate {
        let (world, plan) = (&self.world, &self.world.plan);
        let fate = if world.is_down() {
            Some((world.throw(|dice| dice.pick(&[Fate::NotWritten, Fate::Hangs])), "down"))
        } else if world.strikes(plan.store_faults) {
            Some(world.throw(|dice| dice.pick(&FAULTS)))
        } else if world.strikes(plan.store_slowness) {
            Some(world.throw(|dice| dice.pick(&SLOWNESS)))
        } else {
            None
        };
        let Some((fate, name)) = fate else { return Fate::Fine };
        world.trace(|| format!("    store: {operation} meets {fate:?}"));
        if name != "down" {
            world.count(name);
        }
        fate
    }

    /// Sends one operation. `run` is the operation itself, as often as it arrives.
    fn send<'a, T: Send + 'static>(
        &'a self,
        operation: &'static str,
        about: About,
        run: impl Fn() -> StoreFuture<'static, T> + Send + Sync + 'static,
    ) -> StoreFuture<'a, T> {
        Box::pin(async move {
            let world = Arc::clone(&self.world);
            world.count("store operations");
            let invocation = current();
            let mut waiting = Waiting {
                world: Arc::clone(&world),
                invocation: invocation.clone(),
                operation,
                about,
                is_answered: false,
            };
            let fate = self.fate(operation);
            if let (Fate::Repeated, About::Call(call)) = (fate, &waiting.about) {
                lock(&world.ledger).repeated.insert(call.clone());
            }
            if fate == Fate::LateCopy {
                trouble(&world, &waiting.about);
            }
            if fate == Fate::LateCopy
                && let Some(invocation) = &invocation
            {
                Invocation::set(&invocation.store_failed);
            }
            let sent = tokio::spawn(carry(world, fate, run));
            let reply = sent.await.unwrap_or_else(|error| Err(StoreError::new(error)));
            waiting.is_answered = reply.is_ok();
            reply
        })
    }
}

async fn carry<T: Send + 'static>(
    world: Arc<World>,
    fate: Fate,
    run: impl Fn() -> StoreFuture<'static, T> + Send + Sync + 'static,
) -> Result<T, StoreError> {
    let there = if fate == Fate::SlowThere { (500, 6000) } else { (0, 4) };
    let back = if fate == Fate::SlowBack { (500, 6000) } else { (0, 4) };
    world.pause(there.0, there.1).await;
    match fate {
        Fate::NotWritten => return Err(StoreError::new("refused")),
        Fate::Hangs => {
            sleep(Duration::from_secs(20)).await;
            return Err(StoreError::new("no answer"));
        }
        Fate::LateCopy => {
            let reply = run().await;
            let late = world.throw(|dice| dice.between(100, 40_000));
            tokio::spawn(async move {
                sleep(Duration::from_millis(late)).await;
                let _ = run().await;
            });
            return reply;
        }
        _ => {}
    }
    let mut reply = run().await;
    if fate == Fate::Repeated {
        world.pause(20, 800).await;
        reply = run().await;
    }
    world.pause(back.0, back.1).await;
    if fate == Fate::ReplyLost { Err(StoreError::new("reset by peer")) } else { reply }
}

/// Methods that own what they are given, so that it can outlive the caller.
macro_rules! remote {
    (@type $life:lifetime lent $type:ty) => { &$life $type };
    (@type $life:lifetime kept $type:ty) => { $type };
    (@own lent $argument:ident) => { $argument.to_owned() };
    (@own kept $argument:ident) => { $argument };
    (@lend lent $argument:ident) => { &$argument };
    (@lend kept $argument:ident) => { $argument };
    ($($name:ident<$life:lifetime>($($how:ident $argument:ident: $type:ty),*) -> $answer:ty;)*) => {
        $(fn $name<$life>(
            &$life self,
            $($argument: remote!(@type $life $how $type)),*
        ) -> StoreFuture<$life, $answer> {
            $(let $argument = remote!(@own $how $argument);)*
            let inner = Arc::clone(&self.inner);
            self.send(stringify!($name), About::Nothing, move || {
                let inner = Arc::clone(&inner);
                $(let $argument = $argument.clone();)*
                Box::pin(async move { inner.$name($(remote!(@lend $how $argument)),*).await })
            })
        })*
    };
}

impl Remote {
    /// Sends an observation, and writes down what its writer is told.
    fn observing<'a>(
        &'a self,
        call: CallRef,
        seen: &'a Observation,
        delivery: Nonce,
        run: impl Fn() -> StoreFuture<'static, Observed> + Send + Sync + 'static,
    ) -> StoreFuture<'a, Observed> {
        let (world, named) = (Arc::clone(&self.world), call.clone());
        let about =
            call.call_id().map_or(About::Nothing, |call_id| About::Call(call_id.to_string()));
        let parent = match (&call, &seen.fact) {
            (CallRef::Ours(call_id), Fact::ChildLeg { .. }) => {
                Some(Lookup::CallId(call_id.clone()))
            }
            _ => None,
        };
        let sent = self.send("observe", about, move || {
            let (world, call, running) = (Arc::clone(&world), named.clone(), run());
            let parent = parent.clone();
            Box::pin(async move {
                let before = parent.as_ref().map(|parent| shown(&world, parent));
                let observed = running.await;
                if before != parent.as_ref().map(|parent| shown(&world, parent)) {
                    world.violation(format!("{call:?}: another leg changed its parent"));
                }
                watch(&world, &call, observed.is_ok());
                observed
            })
        });
        let is_of_another_leg = current().is_some_and(|current| current.is_of_another_leg);
        Box::pin(async move {
            let observed = sent.await?;
            if observed.ended_the_call(seen)
                && !is_of_another_leg
                && let Some(call_id) = call.call_id()
            {
                self.world.trace(|| format!("    {} ended the call", seen.key()));
                let ends = &mut lock(&self.world.ledger).ends;
                let told = ends.entry(call_id.to_string()).or_default();
                told.insert(delivery.as_str().to_owned());
            }
            Ok(observed)
        })
    }
}

/// All that a call shows but its story.
fn shown(world: &World, call: &Lookup) -> Option<Call> {
    let record = world.store.peek(call, world.now())?;
    Some(Call { timeline: Vec::new(), ..record.fold() })
}

/// What has ended must never read as going on again; and once an observation that names both names was
/// acknowledged, either name finds the same call.
fn watch(world: &World, call: &CallRef, is_acknowledged: bool) {
    let (Some(call_id), true) = (call.call_id(), world.plan.retention_days > 1) else { return };
    let record = world.store.peek(&Lookup::CallId(call_id.clone()), world.now());
    // Under another call's id a leg is a call of its own.
    let is_other = |call_sid: &&CallSid| {
        let named = record.as_ref().and_then(|record| record.call_sid.as_ref());
        named.is_some_and(|named| named != *call_sid) && is_another_leg(call_sid)
    };
    if let Some(call_sid) = call.call_sid().filter(|sid| is_acknowledged && !is_other(sid)) {
        let by_sid = world.store.peek(&Lookup::CallSid(call_sid.clone()), world.now());
        if record.is_none() || by_sid != record {
            world.violation(format!("{call_sid}: the two names of one call show two"));
        }
    }
    let Some(record) = record else { return };
    let (is_over, mut ledger) = (record.fold().is_over(), lock(&world.ledger));
    if is_over {
        ledger.over.insert(call_id.to_string());
    } else if ledger.over.contains(call_id.as_str()) {
        drop(ledger);
        world.violation(format!("the end of call {call_id} was undone"));
    }
}

impl Remote {
    /// Sends an operation on a place, and writes down that there may be one now.
    fn placing<'a, T: Send + 'static>(
        &'a self,
        operation: &'static str,
        budget: Option<Budget>,
        (name, entry): (&str, &str),
        run: impl Fn(Arc<dyn Store>) -> StoreFuture<'static, T> + Send + Sync + 'static,
    ) -> StoreFuture<'a, T> {
        let inner = Arc::clone(&self.inner);
        let about = match (budget, current()) {
            (Some(budget), Some(invocation)) => {
                let key = (budget, name.to_owned());
                if operation.starts_with("acquire") {
                    let place = Place { invocation, is_troubled: false };
                    let places = &mut lock(&self.world.ledger).places;
                    places.entry(key.clone()).or_default().entry(entry.to_owned()).or_insert(place);
                } else if invocation.is_of_another_leg {
                    self.world
                        .violation(format!("another leg's end gave a place of {budget} back"));
                }
                About::Place(key, entry.to_owned())
            }
            _ => About::Nothing,
        };
        self.send(operation, about, move || run(Arc::clone(&inner)))
    }
}

/// Owns what an operation is given, and sends it.
macro_rules! placing {
    ($self:ident, $operation:literal, $budget:expr, $name:expr, $entry:expr,
        |$inner:ident, $($owned:ident),*| $run:expr) => {{
        let (name, entry) = ($name.to_string(), $entry.to_string());
        $(let $owned = $owned.to_owned();)*
        $self.placing($operation, $budget, (&name, &entry), move |$inner| {
            $(let $owned = $owned.clone();)*
            Box::pin(async move { $run.await })
        })
    }};
}

impl Store for Remote {
    remote! { begin<'a>(lent intent: Intent, kept now: Timestamp) -> (); }

    fn placed<'a>(
        &'a self,
        intent: &'a Intent,
        call_sid: &'a CallSid,
        seen: &'a Observation,
        delivery: &'a Nonce,
        now: Timestamp,
    ) -> StoreFuture<'a, Observed> {
        let (inner, delivery) = (Arc::clone(&self.inner), delivery.clone());
        let given = Arc::new((intent.clone(), call_sid.clone(), seen.clone(), delivery.clone()));
        let (call_sid, call_id) = (call_sid.clone(), Some(intent.call_id.clone()));
        self.observing(CallRef::Named { call_sid, call_id }, seen, delivery, move || {
            let (inner, given) = (Arc::clone(&inner), Arc::clone(&given));
            Box::pin(async move {
                let (intent, call_sid, seen, delivery) = &*given;
                inner.placed(intent, call_sid, seen, delivery, now).await
            })
        })
    }

    fn observe<'a>(
        &'a self,
        call: &'a CallRef,
        seen: &'a Observation,
        delivery: &'a Nonce,
        now: Timestamp,
    ) -> StoreFuture<'a, Observed> {
        let (inner, delivery) = (Arc::clone(&self.inner), delivery.clone());
        let given = Arc::new((call.clone(), seen.clone(), delivery.clone()));
        self.observing(call.clone(), seen, delivery, move || {
            let (inner, given) = (Arc::clone(&inner), Arc::clone(&given));
            Box::pin(async move {
                let (call, seen, delivery) = &*given;
                inner.observe(call, seen, delivery, now).await
            })
        })
    }

    fn load<'a>(&'a self, by: &'a Lookup, now: Timestamp) -> StoreFuture<'a, Option<Record>> {
        let (world, by) = (Arc::clone(&self.world), by.clone());
        self.send("load", About::Nothing, move || {
            let is_old = world.plan.is_stale && world.strikes(400);
            let writes = if is_old { world.throw(|dice| dice.between(1, 4)) } else { 0 };
            if is_old {
                world.count("fault: stale read");
            }
            let record = world.store.stale(&by, now, usize::try_from(writes).unwrap_or(0));
            Box::pin(async move { Ok(record) })
        })
    }

    fn recent(&self, limit: u32, now: Timestamp) -> StoreFuture<'_, Vec<Record>> {
        let inner = Arc::clone(&self.inner);
        self.send("recent", About::Nothing, move || {
            let inner = Arc::clone(&inner);
            Box::pin(async move { inner.recent(limit, now).await })
        })
    }

    remote! { claim<'a>(lent call: CallRef, lent nonce: Nonce, kept now: Timestamp) -> Claim; }

    fn answer<'a>(
        &'a self,
        call: &'a CallRef,
        twiml: &'a str,
        seen: &'a Observation,
        now: Timestamp,
    ) -> StoreFuture<'a, ()> {
        let (inner, world) = (Arc::clone(&self.inner), Arc::clone(&self.world));
        let given = Arc::new((call.clone(), twiml.to_owned(), seen.clone()));
        self.send("answer", About::Nothing, move || {
            let (inner, world) = (Arc::clone(&inner), Arc::clone(&world));
            let given = Arc::clone(&given);
            Box::pin(async move {
                let (call, twiml, seen) = &*given;
                let answered = inner.answer(call, twiml, seen, now).await;
                watch(&world, call, answered.is_ok());
                answered
            })
        })
    }

    remote! {
        acquire_turn<'a>(lent name: str, kept length: Duration, lent entry: Nonce, kept now: Timestamp)
            -> Admission;
        claim_key<'a>(lent claim: KeyClaim, kept now: Timestamp) -> KeyRow;
        find_key<'a>(lent key: str, kept now: Timestamp) -> Option<KeyRow>;
        mark_unknown<'a>(lent claim: KeyClaim, kept now: Timestamp) -> ();
        release_key<'a>(lent claim: KeyClaim) -> ();
    }

    fn acquire_window<'a>(
        &'a self,
        name: &'a str,
        window: Window,
        entry: &'a Nonce,
        now: Timestamp,
    ) -> StoreFuture<'a, Admission> {
        let budget = Budget::of_window(name, window);
        placing!(self, "acquire_window", budget, name, entry.as_str(), |inner, name, entry| {
            inner.acquire_window(&name, window, &entry, now)
        })
    }

    fn release_window<'a>(
        &'a self,
        name: &'a str,
        window: Window,
        entry: &'a Nonce,
    ) -> StoreFuture<'a, ()> {
        let budget = Budget::of_window(name, window);
        placing!(self, "release_window", budget, name, entry.as_str(), |inner, name, entry| {
            inner.release_window(&name, window, &entry)
        })
    }

    fn acquire_slot<'a>(
        &'a self,
        call_id: &'a CallId,
        limit: u32,
        lease_end: Timestamp,
        now: Timestamp,
    ) -> StoreFuture<'a, Admission> {
        placing!(self, "acquire_slot", Some(Budget::Slots), "", call_id, |inner, call_id| {
            inner.acquire_slot(&call_id, limit, lease_end, now)
        })
    }

    fn release_slot<'a>(&'a self, call_id: &'a CallId) -> StoreFuture<'a, ()> {
        placing!(self, "release_slot", Some(Budget::Slots), "", call_id, |inner, call_id| {
            inner.release_slot(&call_id)
        })
    }

    fn acquire_day<'a>(
        &'a self,
        name: &'a str,
        limit: u32,
        entry: &'a Nonce,
        now: Timestamp,
    ) -> StoreFuture<'a, Admission> {
        let budget = Some(Budget::of_day(name));
        placing!(self, "acquire_day", budget, name, entry.as_str(), |inner, name, entry| {
            inner.acquire_day(&name, limit, &entry, now)
        })
    }

    fn release_day<'a>(
        &'a self,
        name: &'a str,
        entry: &'a Nonce,
        now: Timestamp,
    ) -> StoreFuture<'a, ()> {
        let budget = Some(Budget::of_day(name));
        placing!(self, "release_day", budget, name, entry.as_str(), |inner, name, entry| {
            inner.release_day(&name, &entry, now)
        })
    }
}
