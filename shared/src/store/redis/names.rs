//! Names of keys, and of the fields of a call's hashes that are no observations. Everything begins
//! with `cl:`: a marketplace's database is often the app's own as well.

use crate::call::{CallId, CallSid};

/// Before either name of a call.
pub(super) const CALL: &str = "cl:call:";
/// A sorted set of the calls' keys by their time of creation.
pub(super) const CALLS: &str = "cl:calls";
/// A sorted set of the calls that hold a slot, by the end of their lease.
pub(super) const SLOTS: &str = "cl:slots";

/// In every hash that expires: `<created ms> <expires ms>`.
pub(super) const BORN: &str = "born";
/// In the hash of a `CallSid`: our id of the call.
pub(super) const CALL_ID: &str = "id";
/// In the hash of a `callId`: Twilio's SID of the call.
pub(super) const CALL_SID: &str = "sid";
/// Who may answer: a nonce.
pub(super) const ANSWERER: &str = "v#claim";
/// What everybody who asks again is told.
pub(super) const TWIML: &str = "v#twiml";

pub(super) fn is_observation(field: &str) -> bool {
    ![BORN, CALL_ID, CALL_SID, ANSWERER, TWIML].contains(&field)
}

pub(super) fn dialled(call_id: &CallId) -> String {
    format!("{CALL}{call_id}")
}

pub(super) fn named(call_sid: &CallSid) -> String {
    format!("{CALL}{call_sid}")
}

pub(super) fn key(key: &str) -> String {
    format!("cl:key:{key}")
}

pub(super) fn window(name: &str) -> String {
    format!("cl:win:{name}")
}

pub(super) fn day(name: &str) -> String {
    format!("cl:day:{name}")
}
