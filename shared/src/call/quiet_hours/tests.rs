use proptest::prelude::*;

use super::*;

fn number(text: &str) -> E164 {
    E164::parse(text).unwrap()
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse_rfc3339(text).unwrap()
}

fn quiet(hours: &str, to: &str, now: &str) -> Option<Quiet> {
    QuietHours::parse(hours).unwrap().quiet(&number(to), at(now))
}

fn until(text: &str) -> Option<Quiet> {
    Some(Quiet::Until(at(text)))
}

const NIGHT: &str = "21:00-08:00";
const NEW_YORK: &str = "+12125550123";

#[test]
fn the_night_is_the_callees_and_begins_with_its_first_second() {
    // New York is five hours behind in winter.
    assert_eq!(quiet(NIGHT, NEW_YORK, "2027-01-15T01:59:59.999Z"), None);
    assert_eq!(quiet(NIGHT, NEW_YORK, "2027-01-15T02:00:00Z"), until("2027-01-15T13:00:00Z"));
    assert_eq!(quiet(NIGHT, NEW_YORK, "2027-01-15T12:59:59.999Z"), until("2027-01-15T13:00:00Z"));
    assert_eq!(quiet(NIGHT, NEW_YORK, "2027-01-15T13:00:00Z"), None);
    // Honolulu is ten, and keeps no summer time.
    assert_eq!(quiet(NIGHT, "+18085550123", "2027-07-15T12:00:00Z"), until("2027-07-15T18:00:00Z"));
}

#[test]
fn hours_of_one_day_are_quiet_between_themselves() {
    assert_eq!(quiet("12:00-14:30", NEW_YORK, "2027-01-15T16:59:00Z"), None);
    assert_eq!(
        quiet("12:00-14:30", NEW_YORK, "2027-01-15T17:00:00Z"),
        until("2027-01-15T19:30:00Z")
    );
}

#[test]
fn a_changed_clock_shortens_and_lengthens_the_night() {
    // In New York on 14 March and 7 November 2027, at 2 in the morning.
    assert_eq!(quiet(NIGHT, NEW_YORK, "2027-03-14T02:30:00Z"), until("2027-03-14T12:00:00Z"));
    assert_eq!(quiet(NIGHT, NEW_YORK, "2027-11-07T01:30:00Z"), until("2027-11-07T13:00:00Z"));
    // In Sydney on 4 April and 3 October 2027.
    let sydney = "+61212345678";
    assert_eq!(quiet(NIGHT, sydney, "2027-04-03T12:00:00Z"), until("2027-04-03T22:00:00Z"));
    assert_eq!(quiet(NIGHT, sydney, "2027-10-02T12:00:00Z"), until("2027-10-02T21:00:00Z"));
}

#[test]
fn an_end_that_the_clock_leaps_over_is_the_leap() {
    // 2:30 does not exist in New York that morning; 3:00 follows 1:59.
    let hours = "21:00-02:30";
    assert_eq!(quiet(hours, NEW_YORK, "2027-03-14T06:00:00Z"), until("2027-03-14T07:00:00Z"));
    // In autumn 1:30 comes twice, and what is quiet again stays quiet.
    let hours = "21:00-01:30";
    assert_eq!(quiet(hours, NEW_YORK, "2027-11-07T05:29:00Z"), until("2027-11-07T05:30:00Z"));
    assert_eq!(quiet(hours, NEW_YORK, "2027-11-07T06:10:00Z"), until("2027-11-07T06:30:00Z"));
}

#[test]
fn a_phone_that_may_be_in_several_zones_is_quiet_while_any_of_them_is() {
    // A Russian mobile phone is anywhere from Kaliningrad (+2) to Kamchatka (+12).
    let mobile = "+79161234567";
    assert_eq!(quiet(NIGHT, mobile, "2027-06-15T05:59:00Z"), until("2027-06-15T06:00:00Z"));
    assert_eq!(quiet(NIGHT, mobile, "2027-06-15T07:00:00Z"), None);
    assert_eq!(quiet(NIGHT, mobile, "2027-06-15T09:00:00Z"), until("2027-06-16T06:00:00Z"));
    // With fourteen quiet hours it is always quiet in one of its zones.
    assert_eq!(quiet("19:00-09:00", mobile, "2027-06-15T07:00:00Z"), Some(Quiet::Always));
    // Moscow's fixed lines are in Moscow.
    assert_eq!(quiet(NIGHT, "+74951234567", "2027-06-15T09:00:00Z"), None);
}

#[test]
fn a_number_that_tells_no_zone_is_never_quiet() {
    for to in ["+18005550123", "+80012345678", "+99912345678", "+881612345678"] {
        for hour in 0..24 {
            let now = format!("2027-06-15T{hour:02}:00:00Z");
            assert_eq!(quiet("00:00-23:59", to, &now), None, "{to} {now}");
        }
    }
}

#[test]
fn a_zone_that_libphonenumber_has_wrong_is_the_tz_databases() {
    // libphonenumber has Bucharest for Kaliningrad and Paris for Algiers; neither keeps summer time.
    assert_eq!(quiet(NIGHT, "+74012345678", "2027-07-15T18:59:00Z"), None);
    assert_eq!(quiet(NIGHT, "+213551234567", "2027-07-15T19:59:00Z"), None);
    assert_eq!(
        quiet(NIGHT, "+213551234567", "2027-07-15T20:00:00Z"),
        until("2027-07-16T07:00:00Z")
    );
}

#[test]
fn quiet_hours_are_two_different_times_of_day() {
    for good in ["21:00-08:00", "00:00-23:59", " 21:00 - 08:00 "] {
        assert!(QuietHours::parse(good).is_ok(), "{good}");
    }
    let bad =
        ["", "-", "21:00", "21-08", "21:00-24:00", "21:60-08:00", "9:00-17:00", "08:00-08:00"];
    for text in
        bad.into_iter().chain(["21:00-08:00-09:00", "21:00 to 08:00", "+1:00-08:00", "٢١:00-08:00"])
    {
        assert_eq!(QuietHours::parse(text), Err(InvalidQuietHours), "{text}");
    }
}

#[test]
fn the_generated_tables_are_sorted_and_every_index_leads_somewhere() {
    assert_eq!(TABLE.prefixes.len(), TABLE.values.len());
    assert!(TABLE.prefixes.is_sorted_by(|a, b| a < b));
    assert!(TABLE.values.iter().all(|index| usize::from(*index) < ZONES.len()));
    let members = ZONES.iter().copied().flatten();
    assert!(members.into_iter().all(|rule| usize::from(*rule) < RULES.len()));
}

proptest! {
    #[test]
    fn when_the_quiet_ends_it_has_ended_and_not_a_moment_sooner(
        to in "\\+[1-9][0-9]{7,14}",
        minutes in (0_i64..1440, 0_i64..1440),
        now in 0_i64..253_402_300_799,
    ) {
        prop_assume!(minutes.0 != minutes.1);
        let hours = QuietHours { from: minutes.0 * 60, to: minutes.1 * 60 };
        let to = E164::try_from(to).unwrap();
        let ask = |at: i64| hours.quiet(&to, Timestamp::from_millis(at * 1000));
        if let Some(Quiet::Until(end)) = ask(now) {
            let end = end.as_millis() / 1000;
            prop_assert!(end > now && end <= now + 3 * DAY);
            prop_assert_eq!(ask(end), None);
            prop_assert!(ask(end - 1).is_some());
            prop_assert!(ask(now.midpoint(end)).is_some());
        }
    }

    #[test]
    fn parsing_never_panics(text in any::<String>()) {
        let _ = QuietHours::parse(&text);
    }
}

#[test]
fn a_change_on_the_last_weekday_of_a_month_is_not_in_the_next() {
    // 2027-10-31 is a Sunday, the fifth; 2026-10-25 the last of four. At 01:00 UTC.
    let end = Change::new([10, 5, 0, 180]);
    assert_eq!(end.at(2027, 120), Some(1_824_944_400));
    assert_eq!(end.at(2026, 120), Some(1_792_890_000));
}
