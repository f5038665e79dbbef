//! The domain: what a call is. Pure: no I/O, no clock, no vendor's JSON, no database.
//!
//! # A call is the fold of a grow-only set of observations
//!
//! Twilio promises nothing about its callbacks: they may be late, doubled, reordered or lost, and one
//! may arrive before the REST answer of the call it belongs to. So nothing here is ever *updated*.
//! Every fact about a call is an [`Observation`] with a key of its own; recording one twice changes
//! nothing, and [`Call::fold`] is a pure function of the set. Any order, any duplication and any
//! number of function instances therefore show the same call, and a late `ringing` is a line of the
//! timeline, never a step back.

mod destination;
mod fold;
mod id;
mod intent;
mod observation;
mod phone;
mod prefix_table;
mod quiet_hours;
mod status;
mod timeline;
mod timestamp;
mod variables;

pub use destination::{
    Allowed, Denial, Destination, InvalidPrefix, Kind, Prefix, Region, WhyBlocked,
    check_destination,
};
pub use fold::{Call, DIAL_BUDGET, Progress, RecordingState};
pub(crate) use id::hex;
pub use id::{AccountSid, CallId, CallRef, CallSid, InvalidSid, RecordingSid, StreamSid};
pub use intent::{Intent, MachineDetection};
pub use observation::{
    AgentAnswer, Direction, Fact, Observation, Parties, RecordingEvent, StatusEvent, StreamEvent,
};
pub use phone::{E164, InvalidE164, Party};
pub use quiet_hours::{InvalidQuietHours, Quiet, QuietHours};
pub use status::{AnsweredBy, CallStatus, RecordingStatus};
pub use timeline::{Source, TimelineEntry};
pub use timestamp::Timestamp;
pub(crate) use variables::check_name;
pub use variables::{DynamicVariables, InvalidVariables, Scalar};
