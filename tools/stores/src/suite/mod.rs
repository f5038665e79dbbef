//! What every store must do, whichever it is: the same expectations for all of them.

pub mod answers;
pub mod calls;
pub mod days;
pub mod expiry;
pub mod fold;
pub mod keys;
pub mod limits;
pub mod links;
pub mod losses;
pub mod rush;
pub mod windows;
