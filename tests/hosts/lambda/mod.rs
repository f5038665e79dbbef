//! The functions as they are shipped, on AWS Lambda.

mod fronts;
mod scenario;

/// What a function does, behind the front end of our template.
mod product {
    use super::scenario;

    hosts::on_each_lambda! { scenario:
        webhooks_through_http_api_and_function_url_are_answered_with_twiml
        a_wrong_signature_is_refused_and_nobody_is_asked
        a_call_is_read_as_json
        a_recording_arrives_byte_for_byte
        a_function_without_settings_says_so_and_lives
        every_answer_says_that_it_is_what_its_type_says_and_comes_by_https_alone
    }
}

/// What each front end makes of a request, and that it does not matter.
mod front_ends {
    use super::fronts;

    hosts::on_each_lambda! { fronts:
        every_recorded_event_is_answered_with_the_agents_twiml
        repeated_and_encoded_query_keys_verify
        a_query_whose_spelling_is_lost_is_refused
        a_query_that_no_uri_can_hold_is_never_taken_for_none
        head_is_answered_like_get_without_the_body
        a_stage_in_the_path_or_in_the_address_does_not_matter
        bodies_arrive_encoded_or_plain
        a_body_of_64_kib_reaches_the_endpoint_and_one_byte_more_does_not
        a_forged_host_changes_nothing
    }
}
