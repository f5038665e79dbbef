use proptest::prelude::*;

use super::*;

fn of(number: &str) -> Destination {
    Destination::of(&E164::parse(number).unwrap())
}

fn region(number: &str) -> String {
    of(number).region.map_or_else(|| "none".to_owned(), |region| region.to_string())
}

#[test]
fn every_region_of_the_north_american_plan_is_told_by_its_area_code() {
    let area_codes = "AG268 AI264 AS684 BB246 BM441 BS242 DM767 DO809 DO829 DO849 GD473 GU671 \
        JM658 JM876 KN869 KY345 LC758 MP670 MS664 PR787 PR939 SX721 TC649 TT868 VC784 VG284 VI340 \
        US212 US310 US808 US907 CA416 CA604 CA867 CA902";
    for case in area_codes.split_whitespace() {
        let (expected, area) = case.split_at(2);
        assert_eq!(region(&format!("+1{area}5550123")), expected, "{area}");
    }
}

#[test]
fn regions_that_share_a_code_are_told_apart_as_far_as_the_source_can() {
    let cases = [
        ("+442079460123", "GB"),
        ("+441481960123", "GG"),
        ("+441534960123", "JE"),
        ("+441624960123", "IM"),
        ("+74951234567", "RU"),
        ("+77011234567", "KZ"),
        ("+390612345678", "IT"),
        ("+390669812345", "VA"),
        ("+4721234567", "NO"),
        ("+4779123456", "SJ"),
        ("+61212345678", "AU"),
        ("+61891621234", "CC"),
        ("+61891641234", "CX"),
        ("+262262161234", "RE"),
        ("+262269601234", "YT"),
        ("+358181234567", "AX"),
        ("+358131234567", "FI"),
        ("+590590201234", "GP"),
        ("+590590271234", "BL"),
        ("+59994351234", "CW"),
        ("+5997151234", "BQ"),
        ("+49301234567", "DE"),
    ];
    for (number, expected) in cases {
        assert_eq!(region(number), expected, "{number}");
    }
}

#[test]
fn what_no_source_knows_is_an_ordinary_number_of_its_code() {
    assert_eq!(region("+19895550123"), "US");
    // No such area code, no such country code.
    for (number, expected) in
        [("+12995550123", "US"), ("+99912345678", "none"), ("+21012345", "none")]
    {
        assert_eq!(region(number), expected, "{number}");
        assert_eq!(of(number).kind, Kind::Ordinary, "{number}");
    }
}

#[test]
fn each_kind_is_told_by_its_range() {
    use Kind::{
        Emergency, Ordinary, Pager, Personal, Premium, Satellite, SharedCost, TollFree, TwilioTest,
    };
    let cases = [
        ("+12125550123", Ordinary),
        ("+19005550123", Premium),
        ("+12129760123", Premium),
        ("+18765550123", Ordinary),
        ("+18005550123", TollFree),
        ("+18885550123", TollFree),
        ("+15005550123", TwilioTest),
        ("+15006660123", Personal),
        ("+15215550123", Personal),
        ("+16005550123", SharedCost),
        ("+17005550123", SharedCost),
        ("+19115550123", Emergency),
        ("+14115550123", Emergency),
        ("+442079460123", Ordinary),
        ("+443069990123", Ordinary),
        ("+449098790123", Premium),
        ("+448081570123", TollFree),
        ("+447012345678", Personal),
        ("+447640123456", Pager),
        ("+4499912345", Emergency),
        ("+4911212345", Emergency),
        ("+499001234567", Premium),
        ("+491805123456", SharedCost),
        ("+390612345678", Ordinary),
        ("+870773111632", Satellite),
        ("+873123456789", Satellite),
        ("+881612345678", Satellite),
        ("+88216212345678", Satellite),
        ("+883510012345678", Satellite),
        ("+878101234567890", Personal),
        ("+979123456789", Premium),
        ("+80812345678", SharedCost),
        ("+80012345678", TollFree),
    ];
    for (number, expected) in cases {
        assert_eq!(of(number).kind, expected, "{number}");
    }
}

#[test]
fn delhi_and_paris_do_not_begin_with_an_emergency_number() {
    // India's is 112, France's are 15, 17, 18 and 112.
    for number in ["+911123456789", "+33112345678", "+33157345678"] {
        assert_eq!(of(number).kind, Kind::Ordinary, "{number}");
    }
}

#[test]
fn a_prefix_can_mean_it_for_one_length_only() {
    // In the Maldives 900 is premium with ten digits behind the code and a subscriber's with seven.
    assert_eq!(of("+9609001234567").kind, Kind::Premium);
    assert_eq!(of("+9609001234").kind, Kind::Ordinary);
}

#[test]
fn twilios_test_numbers_are_exactly_those_of_eleven_digits() {
    assert_eq!(of("+15005550006").kind, Kind::TwilioTest);
    for number in ["+1500555000", "+15005560006"] {
        assert_ne!(of(number).kind, Kind::TwilioTest, "{number}");
    }
}

#[test]
fn the_generated_tables_are_sorted_and_every_index_leads_somewhere() {
    fn check<V>(table: &PrefixTable<V>) {
        assert_eq!(table.prefixes.len(), table.values.len());
        assert!(table.prefixes.is_sorted_by(|a, b| a < b));
    }
    check(&REGION_TABLE);
    check(&KIND_TABLE);
    assert!(REGION_TABLE.values.iter().all(|index| Region::at(*index).is_some()));
    assert!(KIND_TABLE.values.iter().all(|packed| (1..=7).contains(&(packed & 15))));
}

proptest! {
    #[test]
    fn every_number_leads_somewhere_without_a_panic(text in "\\+[1-9][0-9]{6,14}") {
        if let Ok(number) = E164::parse(&text) {
            let _ = Destination::of(&number);
        }
    }

    #[test]
    fn in_the_north_american_plan_the_area_code_alone_decides_the_region(
        area in "[2-9][0-9]{2}", one in "[2-9][0-9]{6}", other in "[2-9][0-9]{6}",
    ) {
        prop_assert_eq!(region(&format!("+1{area}{one}")), region(&format!("+1{area}{other}")));
    }
}
