//! Everyday schedules over the shipped stores, with single requests and replies lost on the way to the
//! server: what only an adapter can get wrong.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "helpers of tests")]

use std::ops::RangeInclusive;

use simulation::{Adapter, schedule};
use stores::Backend;

/// Plays these schedules, or as many as `SCHEDULES` says.
fn no_promise_is_broken_over(backend: Backend, seeds: RangeInclusive<u64>) {
    let Some(adapter) = Adapter::start(backend) else { return };
    let wanted = std::env::var("SCHEDULES").ok().map(|text| 1..=text.parse().unwrap());
    let mut acknowledged = 0;
    for seed in wanted.unwrap_or(seeds) {
        let verdict = schedule::run_over(&adapter, seed, false);
        assert_eq!(verdict.violations, Vec::<String>::new(), "seed {seed}");
        acknowledged += verdict.figures.get("callbacks acknowledged").copied().unwrap_or(0);
    }
    assert!(acknowledged > 0, "nothing happened");
}

#[test]
fn no_promise_is_broken_over_sqlite() {
    no_promise_is_broken_over(Backend::Sqlite, 1..=40);
}

#[test]
fn no_promise_is_broken_over_redis() {
    no_promise_is_broken_over(Backend::RedisTcp, 1..=40);
}

#[test]
fn no_promise_is_broken_over_redis_over_rest() {
    no_promise_is_broken_over(Backend::KvRest, 1..=20);
}

/// Seed 21 is where a mark that was written before the link was found out.
#[test]
fn no_promise_is_broken_over_dynamodb() {
    no_promise_is_broken_over(Backend::DynamoDbDynoxide, 16..=27);
}
