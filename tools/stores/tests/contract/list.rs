//! Every function of the suite.

/// Calls `$callback! { $arguments; area { test, ... } ... }`.
macro_rules! every_test {
    ($callback:ident, $($arguments:tt)*) => {
        $callback! {
            $($arguments)*;
            answers {
                the_first_claim_brings_the_intent_with_its_variables,
                a_claim_after_twilios_answer_brings_the_intent_too,
                a_claim_after_callbacks_brings_the_intent_too,
                a_call_nobody_heard_of_can_be_claimed,
                a_claim_whose_reply_was_lost_is_still_the_first,
                the_first_answer_is_given_to_everybody_who_asks_again,
                an_answer_without_a_claim_is_kept_too,
                a_claim_alone_is_no_observation,
            }
            calls {
                the_first_body_under_a_key_wins,
                an_intent_written_twice_is_one,
                a_delivery_whose_reply_was_lost_is_new_again,
                a_write_tells_what_was_known_before_it,
                every_kind_of_fact_comes_back_as_it_went_in,
                recent_calls_come_newest_first_and_no_more_than_asked_for,
                recent_calls_reach_back_over_days_without_any,
                a_call_heard_of_again_stays_where_it_was_in_the_list,
            }
            days {
                a_day_is_any_24_hours,
                a_refusal_names_a_time_at_which_asking_again_succeeds,
                the_same_entry_takes_one_place_of_the_day,
                a_place_of_the_day_is_given_back_once,
                a_place_is_given_back_to_the_hour_in_which_it_was_taken,
                an_entry_that_was_forgotten_gives_nothing_back,
                a_day_goes_on_for_days,
                a_day_may_be_wide,
            }
            expiry {
                an_expired_call_is_gone_although_nobody_swept,
                a_call_heard_of_after_its_expiry_begins_anew,
                of_many_that_write_to_an_expired_call_none_is_lost,
                a_second_call_under_one_of_our_ids_outlives_the_first,
            }
            fold {
                shuffled_doubled_concurrent_deliveries_show_what_the_fold_says,
                every_order_of_the_callbacks_that_decide_shows_one_call,
            }
            keys {
                a_key_nobody_used_is_ours_however_often_we_ask,
                a_key_used_for_another_request_is_refused,
                a_key_whose_call_has_a_name_gives_the_same_answer_again,
                a_key_without_an_outcome_is_in_flight_and_then_unknown,
                a_doubted_key_is_unknown_at_once_and_only_its_owner_can_doubt_it,
                a_key_is_found_without_being_claimed,
                a_crash_between_dial_and_save_never_dials_again_and_the_first_callback_resolves_it,
                a_crash_before_the_intent_never_dials_either,
                a_released_key_is_free_and_only_its_owner_can_release_it,
                an_expired_key_can_be_used_again,
                a_refused_dial_without_a_release_stays_unknown,
            }
            limits {
                a_call_takes_one_slot_however_often_it_asks,
                a_slot_freed_thrice_is_one_slot,
                a_slot_never_freed_is_free_when_its_lease_ends,
                a_slot_freed_after_its_lease_frees_no_other,
                a_call_whose_lease_has_ended_may_ask_again,
            }
            links {
                a_call_is_found_by_either_name_once_a_callback_linked_them,
                a_callback_may_come_before_the_intent,
                a_recording_may_come_before_everything_else,
                a_call_that_was_two_rows_becomes_one_when_a_callback_links_them,
                a_second_call_under_one_of_our_ids_is_a_call_of_its_own,
                a_call_that_was_two_rows_is_as_old_as_the_older,
                a_call_that_rang_us_is_found_by_its_sid,
                what_became_of_the_dial_is_kept_under_our_id,
                the_end_is_seen_once_whichever_name_tells_it,
                a_call_thought_lost_is_healed_by_its_first_callback,
            }
            losses {
                after_any_acknowledged_observation_either_name_finds_the_same_call,
            }
            rush {
                of_a_thousand_at_once_exactly_the_limit_passes_the_window,
                of_a_thousand_identical_dials_at_once_exactly_one_dials,
                of_a_thousand_at_once_exactly_as_many_as_slots_pass,
                of_a_thousand_at_once_exactly_the_limit_passes_the_day,
                of_a_thousand_at_once_exactly_one_starts_the_cooldown,
                of_sixty_voice_webhooks_at_once_exactly_one_is_first,
                of_two_hundred_that_tell_of_the_end_exactly_one_ends_the_call,
            }
            windows {
                a_window_rolls,
                the_same_entry_takes_one_place,
                a_window_may_be_wide_and_may_shrink,
                a_cooldown_is_its_entrys_until_its_very_end,
                a_full_window_is_full_also_while_it_cools_down,
                only_its_own_place_is_given_back,
                an_entry_that_asks_again_later_takes_no_second_place,
                a_place_is_given_back_wherever_it_is,
                a_place_is_given_back_under_a_lower_limit_than_it_was_taken_under,
            }
        }
    };
}
pub(crate) use every_test;
