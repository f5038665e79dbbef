//! Everyday schedules: no promise broken, every bug noticed, every seed the same twice.

use simulation::{Bug, Figures, schedule};

/// What the everyday run plays; 100,000 and more by hand: see `docs/RELIABILITY.md`.
const EVERYDAY: std::ops::Range<u64> = 1..301;

/// Schedules in which each seeded bug must be noticed.
const BOUND: u64 = 500;

#[test]
fn no_promise_is_broken_whatever_goes_wrong() {
    let mut figures = Figures::new();
    for seed in EVERYDAY {
        let verdict = schedule::run(seed, None, false);
        assert_eq!(verdict.violations, Vec::<String>::new(), "seed {seed}");
        for (what, number) in verdict.figures {
            *figures.entry(what).or_default() += number;
        }
    }
    // A simulation in which nothing happens would pass as well.
    for what in [
        "calls created",
        "conversations registered",
        "agents connected",
        "callbacks acknowledged",
        "transcripts told",
        "callbacks repeated",
        "requests killed",
        "answer: 200 placed",
        "answer: 400 invalid_parameter",
        "answer: 401 unauthorized",
        "answer: 403 destination_blocked",
        "answer: 403 token_not_configured",
        "answer: 409 idempotency_in_flight",
        "answer: 409 idempotency_unknown_outcome",
        "answer: 422 idempotency_key_reused",
        "answer: 429 rate_limited",
        "answer: 429 destination_cooldown",
        "answer: 429 destination_daily_limit",
        "answer: 429 concurrency_limit",
        "answer: 429 daily_limit",
        "answer: 451 quiet_hours",
        "answer: 502 twilio_unknown_outcome",
        "answer: 503 calling_paused",
        "answer: 503 store_unavailable",
        "repetitions answered that would be refused as new dials",
        "fault: store reply lost",
        "fault: store operation repeated, first copy late",
        "fault: stale read",
        "fault: store outage",
        "fault: clock set",
        "fault: two ends of a call",
        "fault: another leg under a call's id",
    ] {
        assert!(figures.contains_key(what), "{what}: never, in {figures:?}");
    }
}

#[test]
fn a_seed_is_one_schedule_to_the_last_line_of_its_trace() {
    for seed in [1, 2, 3, 77, u64::MAX] {
        let first = schedule::run(seed, None, true);
        assert!(first.trace.len() > 20, "seed {seed} is empty");
        assert_eq!(first, schedule::run(seed, None, true), "seed {seed}");
    }
}

macro_rules! notices {
    ($($test:ident: $bug:ident;)*) => {
        $(#[test]
        fn $test() {
            let found = schedule::find(Bug::$bug, 1, BOUND);
            let Some((seed, _)) = found else { panic!("not in {BOUND} schedules") };
            let without = schedule::run(seed, None, false).violations;
            assert!(without.is_empty(), "seed {seed} finds it without the bug: {without:?}");
        })*
    };
}

notices! {
    a_claim_after_the_dial_dials_twice: ClaimAfterDial;
    a_release_after_an_ambiguous_outcome_dials_twice: ReleaseAfterAmbiguous;
    a_transition_read_after_the_write_is_seen_by_no_writer: TransitionFromRead;
    a_lease_without_expiry_is_never_free_again: LeaseWithoutExpiry;
    a_first_claimer_taken_for_dead_registers_twice: SecondRegistration;
    another_legs_end_that_frees_the_slot_lets_too_many_talk: FreedByAnotherLeg;
    a_daily_counter_read_and_then_written_lets_too_many_through: ReadThenWrite;
    a_day_that_gives_nothing_back_is_full_without_calls: DayKept;
    an_hour_that_gives_nothing_back_shuts_its_client_out: HourKept;
    a_numbers_day_that_gives_nothing_back_is_full_without_calls: NumberKept;
    an_anonymous_calls_end_that_gives_nothing_back_is_seen: AnonymousCallKept;
    anonymous_dials_that_are_not_counted_are_seen: AnonymousDayUncounted;
    a_slot_given_back_while_the_phone_may_ring_is_seen: UnknownFreed;
    a_repetition_that_is_judged_as_a_new_dial_is_seen: KeyAfterTheSettings;
    a_transcript_that_every_instance_asks_for_is_seen: AskedByEach;
    a_repetition_that_tells_a_later_status_is_seen: SequenceLost;
    another_legs_end_that_ends_the_call_is_seen: EndedByAnotherLeg;
}
