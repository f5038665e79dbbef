//! Stub while the crate is being written.
