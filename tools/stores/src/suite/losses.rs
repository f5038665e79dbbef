//! Each request of an operation is lost in turn, and each reply: the next one heals.

use std::sync::Arc;

use shared::store::{Nonce, Store, StoreError};
use tokio::task::JoinSet;

use crate::Opened;
use crate::calls::*;
use crate::losses::{Loss, Way};

/// What names a call by both of its names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    /// make-call's note of Twilio's answer.
    Note,
    Callback(&'static str, u32),
    Claim,
    Answer,
}

const TORN: [Act; 4] = [Act::Note, Act::Callback("ringing", 1), Act::Claim, Act::Answer];
const AFTER: [Act; 3] = [Act::Callback("completed", 3), Act::Answer, Act::Note];

impl Act {
    async fn run(self, store: &dyn Store, number: u32) -> Result<(), StoreError> {
        let call = linked(number);
        match self {
            Self::Note => {
                let (intent, sid) = (intent(number), sid(number));
                store.placed(&intent, &sid, &accepted(), &delivery(), at(1)).await.map(|_| ())
            }
            Self::Callback(word, sequence) => {
                let seen = status(word, sequence);
                store.observe(&call, &seen, &delivery(), at(1)).await.map(|_| ())
            }
            Self::Claim => store.claim(&call, &Nonce::new([1; 16]), at(1)).await.map(|_| ()),
            Self::Answer => store.answer(&call, "<Response/>", &answered(), at(1)).await,
        }
    }

    /// The key of the observation that it acknowledges.
    fn key(self) -> Option<String> {
        Some(match self {
            Self::Note => accepted().key(),
            Self::Callback(word, sequence) => status(word, sequence).key(),
            Self::Claim => return None,
            Self::Answer => answered().key(),
        })
    }
}

/// One kind of loss, in every place of one operation.
struct Trial {
    store: Arc<dyn Store>,
    lossy: Arc<dyn Store>,
    way: Arc<dyn Way>,
    torn: Act,
    loss: Loss,
    /// Whether the list of what comes after is cut short.
    is_brief: bool,
}

/// A mark says "done", never that another will do it.
pub async fn after_any_acknowledged_observation_either_name_finds_the_same_call(store: &Opened) {
    let is_brief = store.crowd() < 1000;
    let mut tasks = JoinSet::new();
    for (index, torn) in (0..).zip(TORN) {
        for (offset, loss) in [(0, Loss::Request), (1, Loss::Reply)] {
            let (lossy, way) = store.behind_a_way();
            let trial = Trial { store: store.instance(0), lossy, way, torn, loss, is_brief };
            tasks.spawn(trial.run((index * 2 + offset) * 1000));
        }
    }
    let calls: u32 = tasks.join_all().await.into_iter().sum();
    let listed = store.recent(u32::MAX, at(9)).await.unwrap();
    assert_eq!(listed.len(), calls as usize, "each call stands in the list once");
    assert!(listed.iter().all(|record| record.call_id.is_some() && record.call_sid.is_some()));
}

impl Trial {
    /// How many calls it took.
    async fn run(self, first: u32) -> u32 {
        let mut number = first;
        for came_unlinked in [false, true] {
            let after: &[Act] = if self.is_brief { &AFTER[..1] } else { &AFTER };
            for (count, after) in
                after.iter().map(|after| (usize::MAX, Some(*after))).chain([(1, None)])
            {
                let mut passing = 0;
                while self.lose(number, came_unlinked, (passing, count), after).await {
                    (number, passing) = (number + 1, passing + 1);
                }
                number += 1;
            }
        }
        number - first
    }

    /// Whether anything was there to lose.
    async fn lose(
        &self,
        number: u32,
        came_unlinked: bool,
        (passing, count): (usize, usize),
        after: Option<Act>,
    ) -> bool {
        let (store, torn) = (&*self.store, self.torn);
        store.begin(&intent(number), at(0)).await.unwrap();
        if came_unlinked {
            let seen = status("initiated", 0);
            store.observe(&unlinked(number), &seen, &delivery(), at(0)).await.unwrap();
        }
        self.way.cut(passing, self.loss, count);
        let told = torn.run(&*self.lossy, number).await;
        let has_lost = self.way.mend();
        let what = format!("{torn:?}, {:?} {passing} lost, then {after:?}", self.loss);
        let mut acknowledged = Vec::new();
        // A claim is no observation: voice goes on with it though the link failed.
        if let (Ok(()), Some(key)) = (&told, torn.key()) {
            acknowledged.push(key);
            check(store, number, &acknowledged, &what).await;
        }
        // Where a loss was made good by the client itself, the operation must have been told.
        assert!(told.is_ok() || has_lost, "{what}: {told:?}");
        let last = after.unwrap_or(Act::Callback("completed", 3));
        last.run(store, number).await.unwrap();
        acknowledged.extend(last.key());
        check(store, number, &acknowledged, &what).await;
        has_lost
    }
}

async fn check(store: &dyn Store, number: u32, acknowledged: &[String], what: &str) {
    use shared::store::Lookup;
    let by_sid = store.load(&Lookup::CallSid(sid(number)), at(9)).await.unwrap();
    let by_id = store.load(&Lookup::CallId(our_id(number)), at(9)).await.unwrap();
    assert_eq!(by_sid, by_id, "the two names of one call show two: {what}");
    let record = by_sid.unwrap_or_else(|| panic!("not found: {what}"));
    assert_eq!(record.intent(), Some(&intent(number)), "{what}");
    assert_eq!((record.call_id, record.call_sid), (Some(our_id(number)), Some(sid(number))));
    let keys: Vec<_> = record.observations.iter().map(|seen| seen.key()).collect();
    for key in acknowledged {
        assert!(keys.contains(key), "{key} was acknowledged and is not there: {what}");
    }
}
