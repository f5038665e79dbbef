//! The signature module by itself: that it compiles here shows that it needs nothing of close-loop.

#[path = "../../../shared/src/twilio/signature.rs"]
pub mod signature;
