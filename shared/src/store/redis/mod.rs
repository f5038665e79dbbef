//! Calls in Redis.
