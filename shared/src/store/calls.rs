//! Calls as rows: which row holds what, and how the two names of a call find each other.
//!
//! | row | holds | written by |
//! |---|---|---|
//! | the `callId`'s | a call that we dialled: one field per observation, `sid`, `linked` | `begin`, `observe` |
//! | the `CallSid`'s | a call that rang us: the same. Of a call that we dialled: `call`, the `callId` that it belongs to. Of both: voice's `claim`, `twiml` and `v#answer` | `observe`, `claim`, `answer` |
//! | the variables' | the dynamic variables, where a table bills a write by the size of the row | `begin` |
//!
//! A read unions both rows of a call: the set of observations only grows, so nothing contradicts. Voice's
//! part is keyed by the `CallSid`, which is what must not be answered twice, and stands in the row that
//! links the two names, so that its claim links them as well.
//!
//! # The link
//!
//! The `CallSid`'s row gets `call` before the `callId`'s row gets `linked`, so `linked` says that
//! both are written. No mark says that a link is still to be made, because the request that makes
//! it may die. The reply of the write that sets `call` has the row as it was before, with all
//! observations under the SID alone. After that write such an observation is refused there and goes
//! to the other row. So the observations move exactly once, and exactly one delivery sees the call
//! end. A link counts unless the other row names another SID.
//!
//! A callback costs one write, which is refused unless the names are linked. They are not linked if
//! make-call's note of Twilio's answer is late or lost. The callback then links them first and
//! writes its observation last. So an acknowledged observation is found by either name, even if an
//! earlier request died.
//!
//! # Repetitions
//!
//! Every write may be repeated by a client after a lost reply: values are set once, and an observation is
//! kept with the beginning of its delivery's nonce, so that the repetition is told that it is new.

use std::collections::BTreeMap;

use super::row::{META, delivery_id, is_from, is_observation, pack, unpack, write};
use super::{Claim, Listing, Lookup, Nonce, Observed, Put, Record, Row, RowKey, StoreError, Table};
use super::{When, Written};
use crate::call::{CallId, CallRef, CallSid, Fact, Intent, Observation, Timestamp};

/// In the `callId`'s row: the call's SID, and that the SID's row knows of it.
const SID: &str = "sid";
const LINKED: &str = "linked";
/// In the `CallSid`'s row: the `callId` that it belongs to; voice's nonce and TwiML.
const CALL: &str = "call";
const CLAIM: &str = "claim";
const TWIML: &str = "twiml";
/// In the variables' row, and where voice's claim finds them in the `CallSid`'s: the variables, JSON.
const VARIABLES: &str = "vars";
/// The intent on its way into the row of a SID. Not an observation of that row, or it would be moved back
/// with them.
const INTENT: &str = "intent";
/// Voice's observation stays in the row of the SID, where its claim is.
const ANSWER: &str = "v#answer";

/// What [`LINKED`] says. Earlier versions wrote the name of an observation that was about to link.
const DONE: i64 = 1;

type Result<T> = std::result::Result<T, StoreError>;

fn by_id(call_id: &CallId) -> RowKey {
    RowKey::Call(call_id.to_string())
}

fn by_sid(call_sid: &CallSid) -> RowKey {
    RowKey::Call(call_sid.to_string())
}

/// The `callId` that a row of a SID belongs to.
fn linked_id(row: &Row) -> Option<CallId> {
    row.get(CALL).and_then(|id| CallId::parse(id).ok())
}

/// The SID of a row of a `callId`.
fn named_sid(row: &Row) -> Option<CallSid> {
    row.get(SID).and_then(|sid| CallSid::parse(sid).ok())
}

/// Whether the row of a `callId` belongs to this SID.
fn is_of(row: &Row, call_sid: &CallSid) -> bool {
    named_sid(row).is_none_or(|named| named == *call_sid)
}

/// Whether the row of a `callId` and the row of this SID lead to each other.
fn is_linked(row: &Row, call_sid: &CallSid) -> bool {
    row.get(LINKED) == Some(&DONE.to_string()) && named_sid(row).as_ref() == Some(call_sid)
}

/// The observations of a row, as they are written: key and body.
fn bodies(row: &Row) -> impl Iterator<Item = (&str, &str)> {
    let fields = row.fields.iter().filter(|(field, _)| is_observation(field));
    fields.map(|(key, body)| (key.as_str(), body.as_str()))
}

/// The rows of one call, each as far as it is known.
#[derive(Clone, Copy, Debug, Default)]
struct Rows<'a> {
    by_id: Option<&'a Row>,
    by_sid: Option<&'a Row>,
    variables: Option<&'a Row>,
}

impl Rows<'_> {
    /// The union of their observations, but for the one under the key `own`.
    fn record(
        self,
        call_id: Option<&CallId>,
        call_sid: Option<&CallSid>,
        own: Option<&str>,
    ) -> Record {
        let variables = self.variables.and_then(|row| row.get(VARIABLES));
        let mut known = BTreeMap::new();
        for (key, body) in [self.by_id, self.by_sid].into_iter().flatten().flat_map(bodies) {
            known.entry(key).or_insert(body);
        }
        let observations = known.into_iter().filter(|(key, _)| own != Some(*key));
        Record {
            call_id: call_id.cloned(),
            call_sid: call_sid.cloned(),
            observations: observations
                .filter_map(|(key, body)| unpack(key, body, call_id, variables))
                .collect(),
        }
    }
}

/// The record of a dialled call. The row of its SID counts unless it belongs to another call.
fn joined(call_id: &CallId, by_id: &Row, by_sid: Option<&Row>, variables: Option<&Row>) -> Record {
    let by_sid = by_sid.filter(|row| linked_id(row).is_none_or(|other| other == *call_id));
    let rows = Rows { by_id: Some(by_id), by_sid, variables };
    rows.record(Some(call_id), named_sid(by_id).as_ref(), None)
}

/// The variables as they are written.
fn variables_of(intent: &Intent) -> Result<String> {
    serde_json::to_string(&intent.dynamic_variables).map_err(StoreError::new)
}

fn body_of(table: &dyn Table, seen: &Observation, delivery: &str) -> Result<String> {
    if table.is_billed_by_size() {
        pack(&seen.key(), seen, delivery)
    } else {
        write(seen, delivery)
    }
}

impl Put {
    /// Lists the row of a call, unless it has a place.
    fn listed(self, now: Timestamp) -> Self {
        self.listing(Listing::Listed(now))
    }

    /// A write to the row of a `callId` by a request that names the SID: refused if another is known.
    fn named(self, call_sid: &CallSid) -> Self {
        let call_sid = call_sid.as_str();
        self.once(SID, call_sid).when(SID, When::AbsentOrIs(call_sid.into()))
    }
}

/// A write to a row that expires a retention after its first write.
fn kept(table: &dyn Table, row: RowKey, now: Timestamp) -> Put {
    Put { expires_at: Some(now.plus(table.retention())), ..Put::to(row) }
}

/// One observation as it is written.
struct Note<'a> {
    table: &'a dyn Table,
    key: String,
    body: String,
    delivery: &'a str,
    now: Timestamp,
}

impl<'a> Note<'a> {
    fn new(
        table: &'a dyn Table,
        seen: &Observation,
        delivery: &'a str,
        now: Timestamp,
    ) -> Result<Self> {
        let body = body_of(table, seen, delivery)?;
        Ok(Self { table, key: seen.key(), body, delivery, now })
    }

    /// Adds it to a row of the list, creating the row if need be.
    fn adding(&self, row: RowKey) -> Put {
        kept(self.table, row, self.now).once(&self.key, &*self.body).listed(self.now)
    }

    async fn put(&self, put: Put) -> Result<Written> {
        self.table.put(put, self.now).await
    }

    /// The reply of a write, from the rows as they were before it.
    fn observed(
        &self,
        call_id: Option<&CallId>,
        call_sid: Option<&CallSid>,
        rows: Rows<'_>,
    ) -> Observed {
        let known = [rows.by_id, rows.by_sid].into_iter().flatten();
        let is_new =
            known.filter_map(|row| row.get(&self.key)).all(|body| is_from(body, self.delivery));
        let own = is_new.then_some(self.key.as_str());
        Observed { before: rows.record(call_id, call_sid, own), is_new }
    }

    /// What became of the dial, told by make-call.
    async fn by_id(&self, call_id: &CallId) -> Result<Observed> {
        let before = self.put(self.adding(by_id(call_id))).await?.before;
        let rows = Rows { by_id: Some(&before), ..Rows::default() };
        Ok(self.observed(Some(call_id), named_sid(&before).as_ref(), rows))
    }

    async fn by_sid(&self, call_sid: &CallSid) -> Result<Observed> {
        let put = self.adding(by_sid(call_sid)).when(CALL, When::Absent);
        let Written { is_done, before, .. } = self.put(put).await?;
        if is_done {
            let rows = Rows { by_sid: Some(&before), ..Rows::default() };
            return Ok(self.observed(None, Some(call_sid), rows));
        }
        // Without a readable callId nothing was written, so nothing may be acknowledged.
        let unreadable = || StoreError::new("the row of a CallSid names a malformed callId");
        self.linked(&linked_id(&before).ok_or_else(unreadable)?, call_sid).await
    }

    /// One write where the two names are linked.
    async fn linked(&self, call_id: &CallId, call_sid: &CallSid) -> Result<Observed> {
        let put = self.adding(by_id(call_id)).named(call_sid);
        let put = put.when(LINKED, When::Is(DONE.into())).beside(by_sid(call_sid));
        let Written { is_done, before, beside } = self.put(put).await?;
        if is_done {
            let rows = Rows { by_id: Some(&before), by_sid: beside.as_ref(), variables: None };
            return Ok(self.observed(Some(call_id), Some(call_sid), rows));
        }
        if is_of(&before, call_sid) {
            self.linking(call_id, call_sid, None).await
        } else {
            self.alone(call_sid).await
        }
    }

    /// Links the two names, and writes last: two writes.
    async fn linking(
        &self,
        call_id: &CallId,
        call_sid: &CallSid,
        intent: Option<&Intent>,
    ) -> Result<Observed> {
        let found = link(self.table, call_id, call_sid, intent, self.now).await?;
        let put = linking(self.table, call_id, call_sid, &found, self.now).await?;
        // What was recorded under the SID alone came first, and stands in this write already: DynamoDB
        // refuses one that names a field twice.
        let is_moved = found.get(&self.key).is_some();
        let put = if is_moved { put } else { put.once(&self.key, &*self.body) };
        // Beside it, because on Redis the version before goes on writing to the row of the SID.
        let put = put.beside(by_sid(call_sid));
        let Written { is_done, before, beside } = self.put(put).await?;
        if !is_done {
            // One dial makes one call: a second SID under our id is another call.
            return self.alone(call_sid).await;
        }
        let by_sid = beside.unwrap_or(found);
        let rows = Rows { by_id: Some(&before), by_sid: Some(&by_sid), variables: None };
        Ok(self.observed(Some(call_id), Some(call_sid), rows))
    }

    /// A call whose `callId` belongs to another; a link that says otherwise is taken back.
    async fn alone(&self, call_sid: &CallSid) -> Result<Observed> {
        let put = Put { remove: vec![CALL], ..self.adding(by_sid(call_sid)) };
        let before = self.put(put).await?.before;
        let rows = Rows { by_sid: Some(&before), ..Rows::default() };
        Ok(self.observed(None, Some(call_sid), rows))
    }
}

/// Says in the row of a SID which call it belongs to, and gives the row as it was before. make-call's note
/// leaves the intent there too, if it has variables and they are in no row that voice's claim sees anyway.
async fn link(
    table: &dyn Table,
    call_id: &CallId,
    call_sid: &CallSid,
    intent: Option<&Intent>,
    now: Timestamp,
) -> Result<Row> {
    let put = kept(table, by_sid(call_sid), now).once(CALL, call_id.as_str());
    let mut put = put.listing(Listing::Unlisted);
    let is_copied =
        |intent: &&Intent| table.is_billed_by_size() && !intent.dynamic_variables.is_empty();
    if let Some(intent) = intent.filter(is_copied) {
        let seen = Observation { at: now, fact: Fact::Intended(intent.clone()) };
        put = put.once(INTENT, &*pack(META, &seen, "")?).once(VARIABLES, &*variables_of(intent)?);
    }
    Ok(table.put(put, now).await?.before)
}

/// The intent that [`link`] copied into the row of a SID.
fn copied_intent(by_sid: &Row, call_id: &CallId) -> Option<Observation> {
    let (intent, variables) = (by_sid.get(INTENT)?, by_sid.get(VARIABLES)?);
    let is_ours = by_sid.get(CALL) == Some(call_id.as_str());
    is_ours.then(|| unpack(META, intent, Some(call_id), Some(variables))).flatten()
}

/// The write to the row of a `callId` that completes a link, and everything with it: it takes over what
/// stands in the row of the SID, and nothing is left to do after the mark. Refused if another SID is known.
/// Two rows that turned out to be one call are as old as the older, so where the row of the SID was listed
/// by itself, the other is looked at first.
async fn linking(
    table: &dyn Table,
    call_id: &CallId,
    call_sid: &CallSid,
    by_sid: &Row,
    now: Timestamp,
) -> Result<Put> {
    let row = by_id(call_id);
    let put = kept(table, row.clone(), now).named(call_sid).set(LINKED, DONE);
    let moved = bodies(by_sid).filter(|(key, _)| *key != ANSWER);
    let put = moved.fold(put, |put, (key, body)| put.once(key, body));
    if let (Some(created), Some(expires)) = (by_sid.created_at, by_sid.expires_at) {
        let ours = read_one(table, row, now).await?.and_then(|row| row.created_at);
        if ours.is_none_or(|ours| ours > created) {
            return Ok(put.listing(Listing::Older(created, expires)));
        }
    }
    Ok(put.listed(now))
}

/// Completes the link where the row of the SID has its half. A `callId` that has another SID already is left
/// alone, and the link is taken back.
async fn complete_link(
    table: &dyn Table,
    call_id: &CallId,
    call_sid: &CallSid,
    before: &Row,
    now: Timestamp,
) -> Result<()> {
    let put = linking(table, call_id, call_sid, before, now).await?;
    if !table.put(put, now).await?.is_done {
        let put = Put { remove: vec![CALL], ..Put::to(by_sid(call_sid)) };
        table.put(put.listed(before.created_at.unwrap_or(now)), now).await?;
    }
    Ok(())
}

async fn read_one(table: &dyn Table, row: RowKey, now: Timestamp) -> Result<Option<Row>> {
    Ok(table.read(vec![row], now).await?.pop().flatten())
}

pub(super) async fn begin(table: &dyn Table, intent: &Intent, now: Timestamp) -> Result<()> {
    table.ready_to_dial().await?;
    let seen = Observation { at: now, fact: Fact::Intended(intent.clone()) };
    let note = Note::new(table, &seen, "", now)?;
    let call = note.put(note.adding(by_id(&intent.call_id)));
    if !table.is_billed_by_size() || intent.dynamic_variables.is_empty() {
        return call.await.map(|_| ());
    }
    let row = RowKey::Variables(intent.call_id.to_string());
    let variables = kept(table, row, now).once(VARIABLES, &*variables_of(intent)?);
    let (variables, call) = tokio::join!(note.put(variables), call);
    variables.and(call.map(|_| ()))
}

pub(super) async fn placed(
    table: &dyn Table,
    intent: &Intent,
    call_sid: &CallSid,
    seen: &Observation,
    delivery: &Nonce,
    now: Timestamp,
) -> Result<Observed> {
    let note = Note::new(table, seen, delivery_id(delivery), now)?;
    note.linking(&intent.call_id, call_sid, Some(intent)).await
}

pub(super) async fn observe(
    table: &dyn Table,
    call: &CallRef,
    seen: &Observation,
    delivery: &Nonce,
    now: Timestamp,
) -> Result<Observed> {
    let note = Note::new(table, seen, delivery_id(delivery), now)?;
    match call {
        CallRef::Ours(call_id) => note.by_id(call_id).await,
        CallRef::Named { call_sid, call_id: None } => note.by_sid(call_sid).await,
        CallRef::Named { call_sid, call_id: Some(call_id) } => note.linked(call_id, call_sid).await,
    }
}

pub(super) async fn load(table: &dyn Table, by: &Lookup, now: Timestamp) -> Result<Option<Record>> {
    match by {
        Lookup::CallId(call_id) => {
            let (row, variables) = read_by_id(table, call_id, now).await?;
            let Some(row) = row else { return Ok(None) };
            let by_sid = match named_sid(&row) {
                Some(call_sid) => read_one(table, by_sid(&call_sid), now).await?,
                None => None,
            };
            Ok(Some(joined(call_id, &row, by_sid.as_ref(), variables.as_ref())))
        }
        Lookup::CallSid(call_sid) => {
            let Some(row) = read_one(table, by_sid(call_sid), now).await? else { return Ok(None) };
            if let Some(call_id) = linked_id(&row) {
                let (by_id, variables) = read_by_id(table, &call_id, now).await?;
                // The call is as old as its row: once that is gone, what is left of it is gone too.
                let Some(by_id) = by_id else { return Ok(None) };
                if is_of(&by_id, call_sid) {
                    let (by_id, by_sid) = (Some(&by_id), Some(&row));
                    let rows = Rows { by_id, by_sid, variables: variables.as_ref() };
                    return Ok(Some(rows.record(Some(&call_id), Some(call_sid), None)));
                }
            }
            let rows = Rows { by_sid: Some(&row), ..Rows::default() };
            Ok(Some(rows.record(None, Some(call_sid), None)))
        }
    }
}

/// The row of a `callId`, and its variables where they have a row of their own.
async fn read_by_id(
    table: &dyn Table,
    call_id: &CallId,
    now: Timestamp,
) -> Result<(Option<Row>, Option<Row>)> {
    let mut rows = vec![by_id(call_id)];
    rows.extend(variables_row(table, call_id));
    let mut rows = table.read(rows, now).await?.into_iter();
    Ok((rows.next().flatten(), rows.next().flatten()))
}

fn variables_row(table: &dyn Table, call_id: &CallId) -> Option<RowKey> {
    let has_row = table.is_billed_by_size() && call_id.has_variables();
    has_row.then(|| RowKey::Variables(call_id.to_string()))
}

pub(super) async fn recent(table: &dyn Table, limit: u32, now: Timestamp) -> Result<Vec<Record>> {
    let listed = table.newest(limit, now).await?;
    let mut others = Vec::new();
    for (name, row) in &listed {
        if let Ok(call_id) = CallId::parse(name) {
            others.extend(named_sid(row).map(|call_sid| by_sid(&call_sid)));
            others.extend(variables_row(table, &call_id));
        } else {
            others.extend(linked_id(row).map(|call_id| by_id(&call_id)));
        }
    }
    others.sort_unstable();
    others.dedup();
    let rows = if others.is_empty() { Vec::new() } else { table.read(others.clone(), now).await? };
    let others: BTreeMap<RowKey, Row> =
        others.into_iter().zip(rows).filter_map(|(key, row)| Some((key, row?))).collect();
    let other = |key: Option<RowKey>| key.and_then(|key| others.get(&key));
    let mut records: Vec<Record> = Vec::new();
    // From the oldest on: earlier versions listed both rows of some calls, and the older place counts.
    for (name, row) in listed.iter().rev() {
        let record = if let Ok(call_id) = CallId::parse(name) {
            let by_sid = other(named_sid(row).map(|call_sid| by_sid(&call_sid)));
            joined(&call_id, row, by_sid, other(variables_row(table, &call_id)))
        } else {
            let Ok(call_sid) = CallSid::parse(name) else { continue };
            let call_id = linked_id(row);
            let ours = other(call_id.as_ref().map(by_id)).filter(|row| is_of(row, &call_sid));
            let call_id = call_id.filter(|_| ours.is_some());
            let rows = Rows { by_id: ours, by_sid: Some(row), variables: None };
            rows.record(call_id.as_ref(), Some(&call_sid), None)
        };
        let is_known = |known: &Record| {
            record.call_sid.is_some()
                && known.call_sid == record.call_sid
                && known.call_id == record.call_id
        };
        if !records.iter().any(is_known) {
            records.push(record);
        }
    }
    records.reverse();
    Ok(records)
}

pub(super) async fn claim(
    table: &dyn Table,
    call: &CallRef,
    nonce: &Nonce,
    now: Timestamp,
) -> Result<Claim> {
    let claim = |put: Put| put.once(CLAIM, nonce.as_str());
    let Written { before, beside, .. } = write_for_voice(table, call, claim, now).await?;
    let twiml = before.get(TWIML).map(str::to_owned);
    let is_owned = before.get(CLAIM).is_some_and(|owner| owner != nonce.as_str());
    let intent = call.call_id().and_then(|call_id| copied_intent(&before, call_id));
    let is_missing = twiml.is_none() && !is_owned && beside.is_none() && intent.is_none();
    let unread = call.call_id().filter(|call_id| is_missing && call_id.has_variables());
    let reading = async {
        match unread {
            Some(call_id) => read_by_id(table, call_id, now).await,
            None => Ok((beside, None)),
        }
    };
    let ((), known) = tokio::join!(repair_link(table, call, &before, now), reading);
    if let Some(twiml) = twiml {
        return Ok(Claim::Answered(twiml));
    }
    if is_owned {
        return Ok(Claim::Pending);
    }
    let (by_id, variables) = known?;
    let by_id = by_id.filter(|row| call.call_sid().is_none_or(|call_sid| is_of(row, call_sid)));
    let rows = Rows { by_id: by_id.as_ref(), by_sid: Some(&before), variables: variables.as_ref() };
    let mut record = rows.record(call.call_id(), call.call_sid(), None);
    record.observations.extend(intent);
    record.observations.sort_by_key(Observation::key);
    Ok(Claim::First(record))
}

pub(super) async fn answer(
    table: &dyn Table,
    call: &CallRef,
    twiml: &str,
    seen: &Observation,
    now: Timestamp,
) -> Result<()> {
    let (key, body) = (seen.key(), body_of(table, seen, "")?);
    let keep = |put: Put| put.once(TWIML, twiml).once(&key, &*body);
    let writing = write_for_voice(table, call, keep, now);
    let CallRef::Named { call_sid, call_id: Some(call_id) } = call else {
        return writing.await.map(|_| ());
    };
    // That the row of the `callId` leads back cannot be seen in the row that is written.
    let looking = async {
        if table.is_billed_by_size() {
            read_one(table, by_id(call_id), now).await
        } else {
            Ok(None)
        }
    };
    let (written, by_id) = tokio::join!(writing, looking);
    let Written { before, beside, .. } = written?;
    let by_id = beside.or(by_id.ok().flatten());
    if by_id.is_some_and(|by_id| is_linked(&by_id, call_sid)) {
        return Ok(());
    }
    complete_link(table, call_id, call_sid, &before, now).await
}

/// Writes to the row that voice keeps of a call.
async fn write_for_voice(
    table: &dyn Table,
    call: &CallRef,
    change: impl Fn(Put) -> Put,
    now: Timestamp,
) -> Result<Written> {
    let put = |row| change(kept(table, row, now));
    match call {
        CallRef::Ours(call_id) => table.put(put(by_id(call_id)).listed(now), now).await,
        CallRef::Named { call_sid, call_id: None } => {
            let inbound = put(by_sid(call_sid)).listed(now).when(CALL, When::Absent);
            let written = table.put(inbound, now).await?;
            if written.is_done {
                return Ok(written);
            }
            // One of ours after all: it is listed under its callId.
            table.put(put(by_sid(call_sid)), now).await
        }
        CallRef::Named { call_sid, call_id: Some(call_id) } => {
            let put = put(by_sid(call_sid)).once(CALL, call_id.as_str());
            table.put(put.listing(Listing::Unlisted).beside(by_id(call_id)), now).await
        }
    }
}

/// Completes the link if the claim began it. Should this fail, the next observation links them all the same:
/// the claim is made, and a person is on the line.
async fn repair_link(table: &dyn Table, call: &CallRef, before: &Row, now: Timestamp) {
    let CallRef::Named { call_sid, call_id: Some(call_id) } = call else { return };
    if before.get(CALL).is_none() {
        let _ = complete_link(table, call_id, call_sid, before, now).await;
    }
}
