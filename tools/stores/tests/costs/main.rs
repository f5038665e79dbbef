//! What a call costs: requests to the store and DynamoDB's write units, as the server bills them.
#![cfg(feature = "dynamodb")]
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "helpers of tests")]

mod refusals;

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use shared::call::{AgentAnswer, CallId, CallRef, DynamicVariables, Fact, Intent, Observation};
use shared::store::keys::claim;
use shared::store::{Admission, Claim, KeyState, Nonce, Store, Window};
use stores::calls::*;
use stores::proxy::{HttpProxy, Tally};
use stores::suite::keys::request;
use stores::{Backend, Running, Space, open_at};

/// One call, its bill so far, and what stands in between to write it.
struct Bill {
    store: Arc<dyn Store>,
    /// As its callbacks name it.
    call: CallRef,
    proxy: HttpProxy,
    lines: Vec<(&'static str, Tally)>,
    /// What cost more than it may.
    over: Vec<String>,
    _space: Space,
    _running: Running,
}

impl Bill {
    fn open(backend: Backend) -> Option<Self> {
        Self::open_for(backend, RETENTION_DAYS)
    }

    fn open_for(backend: Backend, days: u32) -> Option<Self> {
        let running = backend.start_or_skip()?;
        let space = running.space();
        let proxy = HttpProxy::start(space.place().port().unwrap());
        let store = open_at(&space.place().through(proxy.port()), days);
        Some(Self {
            store,
            call: linked(1),
            proxy,
            lines: Vec::new(),
            over: Vec::new(),
            _space: space,
            _running: running,
        })
    }

    /// Adds what was asked of the server since the last line.
    fn line(&mut self, what: &'static str) -> Tally {
        let tally = self.proxy.tally();
        self.lines.push((what, tally.clone()));
        tally
    }

    /// The same, which may take so many requests.
    fn line_within(&mut self, what: &'static str, most: usize) {
        let asked = self.line(what).total();
        if asked > most {
            self.over.push(format!("{what}: {asked} requests and not {most}"));
        }
    }

    /// Prints the bill; what was too much.
    fn close(mut self, title: &str, most_units: f64) -> Vec<String> {
        let written = self.print(title);
        if written > most_units {
            self.over.push(format!("{written} write units and not {most_units}"));
        }
        self.over
    }

    fn print(&self, title: &str) -> f64 {
        let mut text = format!("\n{title}\n| step | requests | write units | read units |\n");
        text += "| --- | --: | --: | --: |\n";
        for (what, tally) in &self.lines {
            let names: Vec<_> =
                tally.requests.iter().map(|(name, n)| format!("{n} {name}")).collect();
            let (names, units) = (names.join(", "), (tally.write_units, tally.read_units));
            text += &format!("| {what} | {names} | {} | {} |\n", units.0, units.1);
        }
        let requests: usize = self.lines.iter().map(|(_, tally)| tally.total()).sum();
        let sum =
            |of: fn(&Tally) -> f64| self.lines.iter().map(|(_, tally)| of(tally)).sum::<f64>();
        let (written, read) = (sum(|tally| tally.write_units), sum(|tally| tally.read_units));
        text += &format!("| **all** | {requests} | {written} | {read} |\n");
        // Not `println`: the test harness would keep the lines of a passing test to itself.
        std::io::stderr().write_all(text.as_bytes()).unwrap();
        written
    }

    /// A callback; whether it ended the call.
    async fn see(&mut self, what: &'static str, seen: &Observation, most: usize) -> bool {
        let observed = self.store.observe(&self.call, seen, &delivery(), at(0)).await.unwrap();
        self.line_within(what, most);
        observed.ended_the_call(seen)
    }

    /// make-call's note of Twilio's answer.
    async fn placed(&mut self, intent: &Intent) {
        let placed = self.store.placed(intent, &sid(1), &accepted(), &delivery(), at(0)).await;
        assert!(placed.unwrap().is_new);
        self.line_within("make-call: Twilio's answer", HEALING);
    }

    /// Everything that stands before a dial.
    async fn admit(&mut self) {
        let store = Arc::clone(&self.store);
        let state = claim(&*store, &request("key", 1), at(0)).await.unwrap();
        assert_eq!(state, KeyState::Claimed);
        self.line_within("make-call: key", 1);
        let mine = Nonce::new([7; 16]);
        let client = Window { limit: 10, length: HOUR, spacing: Duration::ZERO };
        assert_eq!(
            store.acquire_window("c", client, &mine, at(0)).await.unwrap(),
            Admission::Granted
        );
        self.line_within("make-call: client's window", 1);
        let destination = Window { limit: 5, length: 24 * HOUR, spacing: HOUR / 120 };
        assert_eq!(
            store.acquire_window("to", destination, &mine, at(0)).await.unwrap(),
            Admission::Granted
        );
        self.line_within("make-call: destination's day and cool-down", 1);
        assert_eq!(
            store.acquire_slot(&our_id(1), 5, at(990), at(0)).await.unwrap(),
            Admission::Granted
        );
        self.line_within("make-call: slot", 1);
        assert_eq!(store.acquire_day("day", 200, &mine, at(0)).await.unwrap(), Admission::Granted);
        self.line_within("make-call: day", 1);
    }

    /// From the intent to the end, as the endpoints ask for it.
    async fn live(&mut self, intent: &Intent, has_slot: bool) {
        self.call = CallRef::Named { call_sid: sid(1), call_id: Some(intent.call_id.clone()) };
        self.store.begin(intent, at(0)).await.unwrap();
        self.line("make-call: intent");
        self.placed(intent).await;
        for (what, word, sequence) in [
            ("status: initiated", "initiated", 0),
            ("status: ringing", "ringing", 1),
            ("status: in-progress", "in-progress", 2),
        ] {
            self.see(what, &status(word, sequence), 1).await;
        }
        let claim = self.store.claim(&self.call, &Nonce::new([7; 16]), at(0)).await.unwrap();
        let Claim::First(record) = claim else { panic!("{claim:?}") };
        let variables = record.intent().map(|intent| &intent.dynamic_variables);
        assert!(variables.is_none_or(|known| *known == intent.dynamic_variables));
        assert_eq!(variables.is_some(), intent.call_id.has_variables());
        self.store.answer(&self.call, TWIML, &spoken(), at(0)).await.unwrap();
        self.line_within("voice: claim and answer", VOICE);
        for event in ["stream-started", "stream-stopped"] {
            self.see("stream", &stream(event), 1).await;
        }
        assert!(self.see("status: completed", &status("completed", 3), 1).await);
        if has_slot {
            self.store.release_slot(&our_id(1)).await.unwrap();
            self.line_within("status: frees the slot", 1);
        }
    }
}

const HOUR: Duration = Duration::from_secs(3600);

/// What links the two names of a call, and writes. A callback has tried to write before.
const HEALING: usize = 2;

/// The claim, which tells the variables, and the answer, which looks whether it is found by our id.
const VOICE: usize = 3;

/// About as long as ElevenLabs' is.
const TWIML: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?><Response><Connect><Stream url=\"wss://api.elevenlabs.io/v1/convai/twilio/stream\"><Parameter name=\"conversation_id\" value=\"conv_0123456789abcdef0123456789\"/></Stream></Connect></Response>";

fn spoken() -> Observation {
    let conversation_id = Some("conv_0123456789abcdef0123456789".to_owned());
    let answer = AgentAnswer { conversation_id, ..AgentAnswer::default() };
    Observation { at: at(2), fact: Fact::Answered(answer) }
}

/// An intent that tells the agent nothing but who is rung.
fn plain() -> Intent {
    let call_id = CallId::new(1_u128.to_be_bytes(), false);
    Intent { call_id, dynamic_variables: DynamicVariables::default(), ..intent(1) }
}

#[tokio::test]
async fn a_call_without_limits_costs_at_most_twelve_write_units() {
    let Some(mut bill) = Bill::open(Backend::DynamoDbDynoxide) else { return };
    bill.live(&plain(), false).await;
    let over = bill.close("DynamoDB: one call, no limits, no variables", 12.0);
    assert!(over.is_empty(), "{over:?}");
}

#[tokio::test]
async fn a_call_with_a_key_and_all_limits_costs_at_most_eighteen_write_units() {
    let Some(mut bill) = Bill::open(Backend::DynamoDbDynoxide) else { return };
    bill.admit().await;
    bill.live(&plain(), true).await;
    let over = bill.close("DynamoDB: one call, a key and all limits, no variables", 18.0);
    assert!(over.is_empty(), "{over:?}");
}

#[tokio::test]
async fn each_recording_callback_costs_one_request_and_one_write_unit_more() {
    let Some(mut bill) = Bill::open(Backend::DynamoDbDynoxide) else { return };
    bill.live(&plain(), false).await;
    for word in ["in-progress", "completed"] {
        bill.see("recording", &recording(1, word), 1).await;
    }
    let over = bill.close("DynamoDB: one recorded call, no limits, no variables", 14.0);
    assert!(over.is_empty(), "{over:?}");
}

#[tokio::test]
async fn variables_cost_one_write_unit_more() {
    let Some(mut bill) = Bill::open(Backend::DynamoDbDynoxide) else { return };
    bill.admit().await;
    bill.live(&intent(1), true).await;
    for word in ["in-progress", "completed"] {
        bill.see("recording", &recording(1, word), 1).await;
    }
    let title = "DynamoDB: one recorded call with variables, a key and all limits";
    let over = bill.close(title, 21.0);
    assert!(over.is_empty(), "{over:?}");
}

#[tokio::test]
async fn machine_detection_costs_one_request_and_so_does_a_duplicate() {
    let Some(mut bill) = Bill::open(Backend::DynamoDbDynoxide) else { return };
    bill.store.begin(&intent(1), at(0)).await.unwrap();
    bill.line("make-call: intent");
    bill.placed(&intent(1)).await;
    bill.see("amd", &machine("human"), 1).await;
    bill.see("amd again", &machine("human"), 1).await;
    let over = bill.close("DynamoDB: machine detection", 12.0);
    assert!(over.is_empty(), "{over:?}");
}

#[tokio::test]
async fn the_first_callback_heals_a_call_whose_answer_was_lost_with_two_requests_more() {
    let Some(mut bill) = Bill::open(Backend::DynamoDbDynoxide) else { return };
    bill.store.begin(&intent(1), at(0)).await.unwrap();
    bill.line("make-call: intent");
    bill.see("status: the first heard of Twilio", &status("ringing", 1), HEALING + 1).await;
    bill.see("status: the next", &status("in-progress", 2), 1).await;
    let over = bill.close("DynamoDB: healing", 12.0);
    assert!(over.is_empty(), "{over:?}");
}

#[tokio::test]
async fn a_claim_that_overtakes_twilios_answer_costs_one_request_more_and_one_for_variables() {
    let Some(mut bill) = Bill::open(Backend::DynamoDbDynoxide) else { return };
    bill.store.begin(&intent(1), at(0)).await.unwrap();
    bill.line("make-call: intent");
    bill.store.claim(&linked(1), &Nonce::new([7; 16]), at(0)).await.unwrap();
    bill.line_within("voice: claim", 3);
    bill.store.answer(&linked(1), TWIML, &spoken(), at(0)).await.unwrap();
    bill.line_within("voice: answer", 2);
    let over = bill.close("DynamoDB: voice heals", 12.0);
    assert!(over.is_empty(), "{over:?}");
}

/// A day at its usual size: 1 request and 1 write unit, but for the one of 16 that sweeps.
#[tokio::test]
async fn a_place_of_the_day_costs_one_request_and_one_write_unit_and_so_does_giving_it_back() {
    let Some(mut bill) = Bill::open(Backend::DynamoDbDynoxide) else { return };
    // Two hundred dials a day, evenly.
    for number in 0..200 {
        let now = at(number * 432);
        assert_eq!(
            bill.store.acquire_day("day", 200, &delivery(), now).await.unwrap(),
            Admission::Granted
        );
    }
    let tally = bill.line("200 dials of a day");
    assert!(tally.total() <= 200 + 12 && tally.write_units <= 200.0 + 12.0, "{tally:?}");
    let (mine, now) = (delivery(), at(2 * DAY));
    assert_eq!(bill.store.acquire_day("day", 200, &mine, now).await.unwrap(), Admission::Granted);
    bill.line_within("the first dial a day later, which sweeps", 2);
    bill.store.release_day("day", &mine, now).await.unwrap();
    bill.line_within("given back", 1);
    assert_eq!(
        bill.store.acquire_day("day", 0, &mine, now).await.unwrap(),
        Admission::Full { free_at: at(3 * DAY) }
    );
    let over = bill.close("DynamoDB: the daily limit", 216.0);
    assert!(over.is_empty(), "{over:?}");
}

/// Whatever the retention, and however long ago the last call was.
#[tokio::test]
async fn the_list_of_recent_calls_costs_few_requests_however_long_calls_are_kept() {
    let ten_years = 3650;
    let Some(mut bill) = Bill::open_for(Backend::DynamoDbDynoxide, ten_years) else { return };
    let long_ago = 200 * DAY;
    assert!(bill.store.recent(25, at(long_ago)).await.unwrap().is_empty());
    bill.line_within("an empty table, by a fresh instance", 9);
    for number in 0..3 {
        bill.store.begin(&intent(number), at(number.into())).await.unwrap();
    }
    let _ = bill.proxy.tally();
    assert_eq!(bill.store.recent(25, at(long_ago)).await.unwrap().len(), 3);
    bill.line_within("an idle table: 3 calls of 200 days ago", 3);
    for number in 10..40 {
        let now = at(long_ago + u64::from(number));
        bill.store.begin(&intent(number), now).await.unwrap();
        bill.store.observe(&linked(number), &accepted(), &delivery(), now).await.unwrap();
    }
    let _ = bill.proxy.tally();
    assert_eq!(bill.store.recent(25, at(long_ago + 60)).await.unwrap().len(), 25);
    bill.line_within("a busy table: a page of 25", 3);
    let over = bill.close("DynamoDB: the list, calls kept for ten years", 0.0);
    assert!(over.is_empty(), "{over:?}");
}
