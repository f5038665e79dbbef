//! Access, bounds, destinations and limits.

#![cfg(feature = "sqlite")]

use super::super::tests::{assert_refused, assert_taken, good, parse, problems, with};
use super::*;

#[test]
fn what_is_set_but_no_token_opens_nothing() {
    let token = |value: &str| parse(&with(&[("MAKE_CALL_TOKEN", value)])).access.token;
    assert!(matches!(parse(&good()).access.token, Token::Unset));
    assert!(matches!(token("sixteen-letters!"), Token::Set(all) if all.len() == 1));
    let both = [
        ("MAKE_CALL_TOKEN", "sixteen-letters!"),
        ("MAKE_CALL_TOKEN_SECONDARY", "sixteen-letters?"),
    ];
    assert!(matches!(parse(&with(&both)).access.token, Token::Set(all) if all.len() == 2));
    assert_eq!(problems(&with(&both[1..])), ["MAKE_CALL_TOKEN"]);
    for bad in
        ["", "  ", "fifteen-letters", "x", "long enough but with spaces", "long-enough-but-\u{fc}"]
    {
        assert!(matches!(token(bad), Token::Malformed), "{bad}");
        assert_refused("MAKE_CALL_TOKEN", &[bad]);
    }
}

#[test]
fn the_agents_default_variables_are_checked_at_start_naming_the_one_that_is_wrong() {
    let json = r#"{"_agent_name_": "Alex", "attempt": 1, "note": null}"#;
    let set = parse(&with(&[("DYNAMIC_VARIABLES", json)])).calling.default_variables;
    assert_eq!(set.iter().count(), 3);
    for (json, named) in [
        (r#"{"_agent_name_": []}"#, "_agent_name_"),
        (r#"{"system__x": 1}"#, "system__x"),
        (r#"{"a": 1, "a": 2}"#, "\"a\""),
        ("Alex", "line 1, column 1"),
    ] {
        let settings = parse(&with(&[("DYNAMIC_VARIABLES", json)]));
        let [problem] = settings.problems.as_slice() else { panic!("{json}") };
        assert!(problem.to_string().contains(named) && !problem.what.contains("Alex"), "{problem}");
    }
    let signed = [("DYNAMIC_VARIABLES", "{\"a\":1}"), ("ELEVENLABS_CONNECT", "signed-url")];
    assert_eq!(problems(&with(&signed)), ["DYNAMIC_VARIABLES"]);
}

#[test]
fn campaign_variables_are_pairs_of_a_member_and_a_variable() {
    let set = |text| parse(&with(&[("CAMPAIGN_VARIABLES", text)])).calling.campaign_variables;
    let pair = |member: &str, variable: &str| CampaignVariable {
        member: member.to_owned(),
        variable: variable.to_owned(),
    };
    assert_eq!(set("a=b, a = c ,"), [pair("a", "b"), pair("a", "c")]);
    assert_refused(
        "CAMPAIGN_VARIABLES",
        &["a", "a=", "=b", "a=call_id", "a=system__x", "a=secret__x", "a=x,b=x"],
    );
}

#[test]
fn anonymous_dialling_is_off_where_strangers_can_reach_it_unless_the_setting_says_otherwise() {
    let lambda = ("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:9001");
    let vercel = ("VERCEL_IPC_PATH", "/ipc");
    let allowed = |changes: &[(&'static str, &str)]| parse(&with(changes)).access.allow_anonymous;
    assert!(allowed(&[]) && !allowed(&[lambda]) && !allowed(&[vercel]));
    assert!(allowed(&[lambda, ("ALLOW_ANONYMOUS_DIALLING", "true")]));
    assert!(!allowed(&[("ALLOW_ANONYMOUS_DIALLING", "false")]));
}

#[test]
fn callers_without_the_token_have_a_share_of_the_whole() {
    let share = |changes: &[(&'static str, &str)]| parse(&with(changes)).access.anonymous;
    let defaults = Anonymous {
        max_per_day: 50,
        max_concurrent: 3,
        time_limit_seconds: 300,
        variables: Vec::new(),
    };
    assert_eq!(share(&[]), defaults);
    assert_eq!(share(&[("ANONYMOUS_VARIABLES", "a, b")]).variables, ["a", "b"]);
    assert_refused("ANONYMOUS_VARIABLES", &["secret__key", "call_id", "a,system__x"]);
    assert_refused("ANONYMOUS_MAX_PER_DAY", &["0", "many"]);
}

#[test]
fn a_limit_is_a_number_in_its_range_and_has_a_default() {
    let ranges = [
        ("CALL_RATE_PER_CLIENT", "1", "1000"),
        ("CALL_COOLDOWN_SECONDS", "0", "86400"),
        ("CALL_MAX_PER_DESTINATION_PER_DAY", "1", "1000"),
        ("CALL_MAX_CONCURRENT", "1", "5000"),
        ("CALL_MAX_PER_DAY", "1", "10000000"),
    ];
    for (name, low, high) in ranges {
        assert_taken(name, &["", " ", low, high]);
        assert_refused(name, &["-1", "ten", "1.5", "10000001"]);
    }
    let limits = parse(&good()).limits;
    let day = (limits.per_destination_per_day, limits.max_per_day);
    assert_eq!((limits.rate_per_client, day, limits.max_concurrent), (10, (5, 200), 10));
    assert_eq!((limits.cooldown.as_secs(), limits.paused), (30, false));
}

#[test]
fn whom_we_ring_and_when_is_parsed_whole_or_refused() {
    assert_taken("CALL_ALLOWED_PREFIXES", &["", "+1", "+1,+44", "+1 , +4420"]);
    assert_refused("CALL_ALLOWED_PREFIXES", &["1", "+", "+0", "+1;+44", "+1,x", "+440"]);
    assert_taken("CALL_BLOCKLIST", &["", "+12125550101", "+12125550101, +12125550102"]);
    assert_refused("CALL_BLOCKLIST", &["911", "+12125550101;+12125550102", "+112125550101"]);
    assert_taken("CALL_QUIET_HOURS", &["", "21:00-08:00", " 00:00-23:59 "]);
    assert_refused("CALL_QUIET_HOURS", &["21-8", "25:00-08:00", "21:00", "never"]);
}

#[test]
fn an_entry_that_spells_another_number_says_what_to_write() {
    let vars = with(&[("CALL_BLOCKLIST", "+1 (212) 555-0101, +4402079460123")]);
    let [problem] = parse(&vars).problems.try_into().unwrap();
    let said = problem.to_string();
    assert!(
        said.starts_with("CALL_BLOCKLIST") && said.ends_with("leave out the 0 behind +44"),
        "{said}"
    );
    let vars = with(&[("TWILIO_PHONE_NUMBER", "+112125550100")]);
    let [problem] = parse(&vars).problems.try_into().unwrap();
    assert!(problem.to_string().ends_with("leave out the 1 behind +1"), "{problem}");
    let vars = with(&[("CALL_BLOCKLIST", "+1 (212) 555-0101")]);
    assert_eq!(parse(&vars).destinations.blocklist[0].as_str(), "+12125550101");
}

#[test]
fn test_numbers_are_dialled_at_a_simulator_and_with_test_credentials() {
    let dialled = |api: &str, flag: &str| {
        let vars = with(&[("TWILIO_API_URL", api), ("TWILIO_TEST_CREDENTIALS", flag)]);
        parse(&vars).destinations.test_numbers
    };
    for twilios in ["", "https://api.twilio.com", "https://api.dublin.ie1.twilio.com"] {
        assert!(!dialled(twilios, "") && !dialled(twilios, "false"), "{twilios}");
        assert!(dialled(twilios, "true"), "{twilios}");
    }
    assert!(dialled("http://127.0.0.1:4010", ""));
    // Not known where the calls would go.
    assert!(!dialled("nowhere", ""));
}

#[test]
fn a_malformed_emergency_switch_dials_nothing_either() {
    let with = |value: &str| {
        let mut vars = good();
        vars.insert("CALL_PAUSED", value.to_owned());
        parse(&vars)
    };
    assert!(["1", "true", "yes", "ON"].into_iter().all(|value| with(value).limits.paused));
    for value in ["", " ", "0", "false", "False", "off", "no"] {
        let settings = with(value);
        assert!(!settings.limits.paused && settings.for_dialling().is_ok(), "{value}");
    }
    assert!(with("ture").for_dialling().is_err());
}
