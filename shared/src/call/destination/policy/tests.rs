use super::*;

const OWN: &str = "+12125550100";

fn number(text: &str) -> E164 {
    E164::parse(text).unwrap()
}

fn by_default(to: &str, own: &str) -> Result<(), Denial> {
    let own = number(own);
    check_destination(&number(to), &own, &Allowed::default_for(&own), &[], false)
}

fn with_prefixes(to: &str, prefixes: &[&str]) -> Result<(), Denial> {
    let prefixes = prefixes.iter().map(|prefix| Prefix::parse(prefix).unwrap()).collect();
    check_destination(&number(to), &number(OWN), &Allowed::Prefixes(prefixes), &[], false)
}

#[test]
fn from_the_united_states_or_canada_both_may_be_called_and_the_caribbean_may_not() {
    for own in [OWN, "+14165550100"] {
        for to in ["+13105550123", "+16045550123", "+18005550123"] {
            assert_eq!(by_default(to, own), Ok(()), "{to}");
        }
        for to in ["+18765550123", "+18095550123", "+17875550123", "+442079460123", "+80012345678"]
        {
            assert_eq!(by_default(to, own), Err(Denial::Region), "{to}");
        }
    }
}

#[test]
fn from_elsewhere_our_own_region_may_be_called() {
    assert_eq!(by_default("+442079460123", "+442079460100"), Ok(()));
    assert_eq!(by_default("+441481960123", "+442079460100"), Err(Denial::Region));
    assert_eq!(by_default("+12425550123", "+12425550100"), Ok(()));
    assert_eq!(by_default("+12125550123", "+12425550100"), Err(Denial::Region));
}

#[test]
fn from_a_number_of_no_region_nothing_is_allowed_until_the_owner_says_what() {
    assert_eq!(by_default("+12125550123", "+99912345678"), Err(Denial::Region));
}

#[test]
fn prefixes_replace_the_default_and_are_taken_literally() {
    assert_eq!(with_prefixes("+442079460123", &["+1", "+44"]), Ok(()));
    assert_eq!(with_prefixes("+18765550123", &["+1"]), Ok(()));
    assert_eq!(with_prefixes("+13105550123", &["+1212"]), Err(Denial::Region));
    assert_eq!(with_prefixes("+12125550123", &["+44"]), Err(Denial::Region));
    assert_eq!(with_prefixes("+12125550123", &[]), Err(Denial::Region));
}

#[test]
fn no_prefix_admits_what_costs_more_than_a_call() {
    use WhyBlocked::{Emergency, Satellite, SharedCost};
    let cases = [
        ("+19005550123", Denial::Premium),
        ("+979123456789", Denial::Premium),
        ("+881612345678", Denial::Blocked(Satellite)),
        ("+19115550123", Denial::Blocked(Emergency)),
        ("+80812345678", Denial::Blocked(SharedCost)),
        ("+447012345678", Denial::Blocked(SharedCost)),
        ("+447640123456", Denial::Blocked(SharedCost)),
    ];
    for (to, denial) in cases {
        assert_eq!(with_prefixes(to, &["+1", "+44", "+80", "+88", "+97"]), Err(denial), "{to}");
        assert_eq!(by_default(to, OWN), Err(denial), "{to}");
    }
}

#[test]
fn our_own_number_and_the_blocklist_are_refused() {
    let own = number("+442079460100");
    let allowed = Allowed::default_for(&own);
    let blocklist = [number("+442079460123")];
    let ask = |to| check_destination(&number(to), &own, &allowed, &blocklist, false);
    assert_eq!(ask("+442079460100"), Err(Denial::SelfCall));
    assert_eq!(ask("+442079460123"), Err(Denial::Blocked(WhyBlocked::Blocklist)));
    assert_eq!(ask("+442079460124"), Ok(()));
}

#[test]
fn a_phone_that_two_numbers_reach_is_blocked_under_either() {
    let blocked = Err(Denial::Blocked(WhyBlocked::Blocklist));
    for (one, other) in [("+5491123456789", "+541123456789"), ("+390549886377", "+3780549886377")] {
        for (listed, to) in [(one, other), (other, one), (one, one)] {
            let prefixes = ["+54", "+39", "+378"].map(|prefix| Prefix::parse(prefix).unwrap());
            let allowed = Allowed::Prefixes(prefixes.to_vec());
            let ask = |own, list: &[E164]| {
                check_destination(&number(to), &number(own), &allowed, list, false)
            };
            assert_eq!(ask(OWN, &[number(listed)]), blocked, "{listed} {to}");
            assert_eq!(ask(listed, &[]), Err(Denial::SelfCall), "{listed} {to}");
            assert_eq!(ask(OWN, &[]), Ok(()), "{to}");
        }
    }
}

#[test]
fn twilios_test_numbers_pass_where_they_are_answered_whatever_else_is_set() {
    let to = number("+15005550006");
    let blocklist = std::slice::from_ref(&to);
    let nothing = Allowed::Prefixes(Vec::new());
    assert_eq!(check_destination(&to, &to, &nothing, blocklist, true), Ok(()));
    let everywhere = Allowed::default_for(&number(OWN));
    let blocked = Err(Denial::Blocked(WhyBlocked::TwilioTest));
    assert_eq!(check_destination(&to, &number(OWN), &everywhere, &[], false), blocked);
}

#[test]
fn a_prefix_is_a_plus_a_nonzero_digit_and_at_most_fifteen_digits() {
    // Numbers of Russia begin with +78, though 8 is the trunk prefix there; Italy's 0 is its numbers' own.
    for good in ["+1", "+44", "+1212555", "+123456789012345", "+78", "+390", "+5411"] {
        assert!(Prefix::parse(good).is_ok(), "{good}");
    }
    for bad in [
        "",
        "+",
        "1",
        "+0",
        "+1 212",
        "+1-212",
        "+1234567890123456",
        "*",
        "+1,+44",
        "+١",
        "+440",
        "+11",
        "+4402079",
    ] {
        assert_eq!(Prefix::parse(bad), Err(InvalidPrefix), "{bad}");
    }
}
