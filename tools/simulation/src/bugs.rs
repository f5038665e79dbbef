//! The bugs that a store like this invites, each one as it might be written in good faith. None
//! of this is in the shipped crates: a wrapper does it, at the port.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use shared::call::{CallId, CallRef, CallSid, Fact, Intent, Observation, StatusEvent, Timestamp};
use shared::store::{
    Admission, Claim, KeyClaim, KeyRow, Lookup, Nonce, Observed, Record, Store, StoreFuture, Window,
};
use tokio::time::{Instant, sleep};

use crate::budgets::Budget;
use crate::judged::Judged as _;
use crate::model::Model;
use crate::world::lock;

macro_rules! bugs {
    ($($(#[doc = $what:literal])+ $bug:ident = $name:literal breaks $promise:literal;)*) => {
        /// One way to get it wrong.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Bug {
            $($(#[doc = $what])+ $bug,)*
        }

        impl Bug {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$bug),*];

            /// The word for the command line.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$bug => $name,)* }
            }

            /// What is said of the promise that it breaks.
            #[must_use]
            pub fn breaks(self) -> &'static str {
                match self { $(Self::$bug => $promise,)* }
            }
        }
    };
}

bugs! {
    /// The key is looked at before the dial and claimed after it.
    ClaimAfterDial = "claim-after-dial" breaks "dialled twice";
    /// A dial whose outcome is not known gives its key back.
    ReleaseAfterAmbiguous = "release-after-ambiguous" breaks "dialled twice";
    /// Whether a write ended the call is read after the write.
    TransitionFromRead = "transition-from-read" breaks "told of the end";
    /// A slot is held until it is freed.
    LeaseWithoutExpiry = "lease-without-expiry" breaks "slots were free";
    /// A second claim of a call, while the first takes long, succeeds too.
    SecondRegistration = "second-registration" breaks "second conversation";
    /// The daily counter is read, and then written.
    ReadThenWrite = "read-then-write" breaks "dials in one day";
    /// The end of another leg under a call's id frees the call's slot.
    FreedByAnotherLeg = "freed-by-another-leg" breaks "calls at once";
    /// The end of another leg ends the call whose id it names.
    EndedByAnotherLeg = "ended-by-another-leg" breaks "another leg changed its parent";
    /// What a dial took of the day stays taken, whatever came of it.
    DayKept = "day-kept" breaks "the day:";
    /// The same of its client's hour.
    HourKept = "hour-kept" breaks "the hour of client";
    /// The same of its number's day.
    NumberKept = "number-kept" breaks "the number's day of";
    /// The end of an anonymous call does not give its place back.
    AnonymousCallKept = "anonymous-call-kept" breaks "anonymous calls:";
    /// Anonymous callers' dials are not counted as theirs.
    AnonymousDayUncounted = "anonymous-day-uncounted" breaks "the anonymous day:";
    /// A dial whose outcome is not known gives its slot back.
    UnknownFreed = "unknown-freed" breaks "the slots:";
    /// A repetition is judged as a new dial before its key is looked at.
    KeyAfterTheSettings = "key-after-the-settings" breaks "is not its row's";
    /// Every instance asks for a transcript as often as it likes.
    AskedByEach = "asked-by-each" breaks "asked ElevenLabs twice";
    /// A callback is taken for Twilio's answer to the dial.
    SequenceLost = "sequence-lost" breaks "changed its answer";
}

impl Bug {
    /// The bug of that name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|bug| bug.name() == name)
    }
}

impl fmt::Display for Bug {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The model, and what is wrong with it.
pub(crate) struct Bugged {
    model: Arc<Model>,
    bug: Option<Bug>,
    /// Claims that come after their dial.
    late: Mutex<Vec<(KeyClaim, Timestamp)>>,
    /// When each call was first claimed.
    claimed: Mutex<BTreeMap<String, Instant>>,
}

/// Between a read and the write that follows it others get their turn: a round trip to a store that is far.
const BETWEEN: Duration = Duration::from_millis(20);

/// A first claimer who takes longer than this is taken for dead.
const PATIENCE: Duration = Duration::from_secs(2);

const YEARS: Duration = Duration::from_secs(10 * 365 * 86_400);

impl Bugged {
    pub(crate) fn new(model: Arc<Model>, bug: Option<Bug>) -> Self {
        Self { model, bug, late: Mutex::default(), claimed: Mutex::default() }
    }

    fn has(&self, bug: Bug) -> bool {
        self.bug == Some(bug)
    }

    /// An observation as it is written down.
    fn misunderstood(&self, seen: &Observation) -> Observation {
        let mut seen = seen.clone();
        match &mut seen.fact {
            Fact::ChildLeg { status, .. } if self.has(Bug::EndedByAnotherLeg) => {
                seen.fact = Fact::Status(StatusEvent::of(status.clone()));
            }
            Fact::Status(event) if self.has(Bug::SequenceLost) => event.sequence = None,
            _ => {}
        }
        seen
    }

    /// The dial is over, so now the key is claimed.
    async fn claim_late(&self, call: &CallRef) {
        let mut mine = Vec::new();
        lock(&self.late).retain(|late| {
            let is_mine = call.call_id() == Some(&late.0.call_id);
            if is_mine {
                mine.push(late.clone());
            }
            !is_mine
        });
        for (claim, now) in mine {
            let _ = self.model.claim_key(&claim, now).await;
        }
    }
}

fn by(call: &CallRef) -> Option<Lookup> {
    match (call.call_sid(), call.call_id()) {
        (Some(sid), _) => Some(Lookup::CallSid(sid.clone())),
        (None, id) => id.cloned().map(Lookup::CallId),
    }
}

impl Store for Bugged {
    fn begin<'a>(&'a self, intent: &'a Intent, now: Timestamp) -> StoreFuture<'a, ()> {
        self.model.begin(intent, now)
    }

    fn placed<'a>(
        &'a self,
        intent: &'a Intent,
        call_sid: &'a CallSid,
        seen: &'a Observation,
        delivery: &'a Nonce,
        now: Timestamp,
    ) -> StoreFuture<'a, Observed> {
        Box::pin(async move {
            let (call_sid, call_id) = (call_sid.clone(), Some(intent.call_id.clone()));
            self.observe(&CallRef::Named { call_sid, call_id }, seen, delivery, now).await
        })
    }

    fn observe<'a>(
        &'a self,
        call: &'a CallRef,
        seen: &'a Observation,
        delivery: &'a Nonce,
        now: Timestamp,
    ) -> StoreFuture<'a, Observed> {
        Box::pin(async move {
            self.claim_late(call).await;
            let seen = &self.misunderstood(seen);
            let observed = self.model.observe(call, seen, delivery, now).await?;
            let frees = match &seen.fact {
                Fact::ChildLeg { status, .. } => {
                    self.has(Bug::FreedByAnotherLeg) && status.is_terminal()
                }
                fact => self.has(Bug::UnknownFreed) && *fact == Fact::DialUnknown,
            };
            if let (true, Some(call_id)) = (frees, call.call_id()) {
                self.model.release_slot(call_id).await?;
            }
            if !self.has(Bug::TransitionFromRead) {
                return Ok(observed);
            }
            sleep(BETWEEN).await;
            let mut before = by(call).and_then(|by| self.model.peek(&by, now)).unwrap_or_default();
            before.observations.retain(|known| known.key() != seen.key());
            Ok(Observed { before, is_new: observed.is_new })
        })
    }

    fn load<'a>(&'a self, by: &'a Lookup, now: Timestamp) -> StoreFuture<'a, Option<Record>> {
        self.model.load(by, now)
    }

    fn recent(&self, limit: u32, now: Timestamp) -> StoreFuture<'_, Vec<Record>> {
        self.model.recent(limit, now)
    }

    fn claim<'a>(
        &'a self,
        call: &'a CallRef,
        nonce: &'a Nonce,
        now: Timestamp,
    ) -> StoreFuture<'a, Claim> {
        Box::pin(async move {
            let claim = self.model.claim(call, nonce, now).await?;
            let name = call.call_sid().map_or("", CallSid::as_str).to_owned();
            let first = *lock(&self.claimed).entry(name).or_insert_with(Instant::now);
            let is_slow = first.elapsed() > PATIENCE;
            if self.has(Bug::SecondRegistration) && is_slow && claim == Claim::Pending {
                let record = by(call).and_then(|by| self.model.peek(&by, now));
                return Ok(Claim::First(record.unwrap_or_default()));
            }
            Ok(claim)
        })
    }

    fn answer<'a>(
        &'a self,
        call: &'a CallRef,
        twiml: &'a str,
        seen: &'a Observation,
        now: Timestamp,
    ) -> StoreFuture<'a, ()> {
        self.model.answer(call, twiml, seen, now)
    }

    fn claim_key<'a>(&'a self, claim: &'a KeyClaim, now: Timestamp) -> StoreFuture<'a, KeyRow> {
        if !self.has(Bug::ClaimAfterDial) {
            return self.model.claim_key(claim, now);
        }
        Box::pin(async move {
            let mine = KeyRow { claim: claim.clone(), claimed_at: now, is_unknown: false };
            Ok(self.model.peek_key(&claim.key, now).unwrap_or_else(|| {
                lock(&self.late).push((claim.clone(), now));
                mine
            }))
        })
    }

    fn find_key<'a>(&'a self, key: &'a str, now: Timestamp) -> StoreFuture<'a, Option<KeyRow>> {
        if self.has(Bug::KeyAfterTheSettings) {
            return Box::pin(std::future::ready(Ok(None)));
        }
        self.model.find_key(key, now)
    }

    fn mark_unknown<'a>(&'a self, claim: &'a KeyClaim, now: Timestamp) -> StoreFuture<'a, ()> {
        if self.has(Bug::ReleaseAfterAmbiguous) {
            return self.model.release_key(claim);
        }
        self.model.mark_unknown(claim, now)
    }

    fn release_key<'a>(&'a self, claim: &'a KeyClaim) -> StoreFuture<'a, ()> {
        self.model.release_key(claim)
    }

    fn acquire_window<'a>(
        &'a self,
        name: &'a str,
        window: Window,
        entry: &'a Nonce,
        now: Timestamp,
    ) -> StoreFuture<'a, Admission> {
        self.model.acquire_window(name, window, entry, now)
    }

    fn acquire_turn<'a>(
        &'a self,
        name: &'a str,
        length: Duration,
        entry: &'a Nonce,
        now: Timestamp,
    ) -> StoreFuture<'a, Admission> {
        if self.has(Bug::AskedByEach) && name.starts_with("transcript ") {
            return Box::pin(std::future::ready(Ok(Admission::Granted)));
        }
        self.model.acquire_turn(name, length, entry, now)
    }

    fn release_window<'a>(
        &'a self,
        name: &'a str,
        window: Window,
        entry: &'a Nonce,
    ) -> StoreFuture<'a, ()> {
        let bug = match Budget::of_window(name, window) {
            Some(Budget::AnonymousCalls) => Bug::AnonymousCallKept,
            Some(Budget::ClientsHour) => Bug::HourKept,
            Some(_) => Bug::NumberKept,
            None => return self.model.release_window(name, window, entry),
        };
        if self.has(bug) {
            return Box::pin(std::future::ready(Ok(())));
        }
        self.model.release_window(name, window, entry)
    }

    fn acquire_slot<'a>(
        &'a self,
        call_id: &'a CallId,
        limit: u32,
        lease_end: Timestamp,
        now: Timestamp,
    ) -> StoreFuture<'a, Admission> {
        let is_endless = self.has(Bug::LeaseWithoutExpiry);
        let lease_end = if is_endless { lease_end.plus(YEARS) } else { lease_end };
        self.model.acquire_slot(call_id, limit, lease_end, now)
    }

    fn release_slot<'a>(&'a self, call_id: &'a CallId) -> StoreFuture<'a, ()> {
        self.model.release_slot(call_id)
    }

    fn acquire_day<'a>(
        &'a self,
        name: &'a str,
        limit: u32,
        entry: &'a Nonce,
        now: Timestamp,
    ) -> StoreFuture<'a, Admission> {
        if self.has(Bug::AnonymousDayUncounted) && Budget::of_day(name) == Budget::AnonymousDay {
            return Box::pin(std::future::ready(Ok(Admission::Granted)));
        }
        if !self.has(Bug::ReadThenWrite) {
            return self.model.acquire_day(name, limit, entry, now);
        }
        Box::pin(async move {
            let counted = self.model.counted(name, now);
            sleep(BETWEEN).await;
            if counted >= limit {
                return Ok(Admission::Full { free_at: now.plus(YEARS) });
            }
            self.model.count_anyway(name, entry, now);
            Ok(Admission::Granted)
        })
    }

    fn release_day<'a>(
        &'a self,
        name: &'a str,
        entry: &'a Nonce,
        now: Timestamp,
    ) -> StoreFuture<'a, ()> {
        if self.has(Bug::DayKept) && Budget::of_day(name) == Budget::Day {
            return Box::pin(std::future::ready(Ok(())));
        }
        self.model.release_day(name, entry, now)
    }
}
