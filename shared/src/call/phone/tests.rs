use proptest::prelude::*;

use super::*;

/// What becomes of a text: the number, or what is said.
fn read(text: &str) -> Result<String, String> {
    E164::parse(text).map(String::from).map_err(|wrong| wrong.to_string())
}

#[test]
fn a_number_is_a_plus_a_nonzero_digit_and_seven_to_fifteen_digits() {
    // Niue and Tokelau have four digits behind the country code.
    for good in ["+12125550123", "+15005550006", "+6834002", "+6907290", "+999999999999999"] {
        assert_eq!(read(good), Ok(good.to_owned()));
    }
    let bad = [
        ("", "it is empty"),
        (" \u{200b}", "it is empty"),
        ("+", "it has 0 digits and not 7 to 15"),
        ("+683400", "it has 6 digits and not 7 to 15"),
        ("+1234567890123456", "it has 16 digits and not 7 to 15"),
        ("12125550123", "the + and the country code are missing"),
        ("(212) 555-0123", "the + and the country code are missing"),
        ("0012125550123", "write + in place of 00"),
        ("011 1 212 555 0123", "write + in place of 011"),
        ("+02125550123", "leave out the 0 behind the +"),
        ("+0012125550123", "leave out the 0 behind the +"),
    ];
    for (text, said) in bad {
        assert_eq!(read(text), Err(said.to_owned()), "{text}");
    }
}

#[test]
fn what_is_written_for_the_eye_or_copied_along_is_taken_out() {
    for text in [
        "+1 (212) 555-0123",
        "+1.212.555.0123",
        "+1 [212] 555\u{2013}0123",
        "+1\u{a0}212\u{202f}555\u{2011}0123\n",
        "\u{202a}+1 212 555 0123\u{202c}",
        "\u{feff} +1\u{ad}212\u{2060}555\u{200d}0123\t",
        "+1\u{2212}212\u{2014}555－0123",
        "+1（212）555．0123",
        "(+1) 212 555 0123",
    ] {
        assert_eq!(read(text), Ok("+12125550123".to_owned()), "{text:?}");
    }
}

#[test]
fn the_first_character_that_does_not_belong_there_is_named_with_its_place() {
    let cases = [
        ("+121#25550123", "'#' at position 5"),
        ("tel:+12125550123", "'t' at position 1"),
        ("+1 212 555 O123", "'O' at position 12"),
        ("+1+2125550123", "'+' at position 3"),
        ("+1212555012\u{ff13}", "'\u{ff13}' (U+FF13) at position 12"),
        ("+\u{661}2125550123", "'\u{661}' (U+0661) at position 2"),
        ("\u{ff0b}12125550123", "U+FF0B at position 1"),
        ("+1\u{0}2125550123", "U+0000 at position 3"),
        ("+12125550123\u{fe0f}\u{20e3}", "U+FE0F at position 13"),
        ("+1\u{1f4de}2125550123", "U+1F4DE at position 3"),
        ("+1/2125550123", "'/' at position 3"),
    ];
    for (text, named) in cases {
        let said = format!("the character {named} is none of the digits 0 to 9");
        assert_eq!(read(text), Err(said), "{text:?}");
    }
}

#[test]
fn an_extension_is_called_one() {
    for text in
        ["+12125550123x9", "+1 212 555 0123 ext. 9", "+12125550123;ext=9", "+12125550123 X 9"]
    {
        assert_eq!(read(text), Err("leave out the extension".to_owned()), "{text}");
    }
    // Masked digits are none.
    assert!(read("+1212555xxxx").unwrap_err().contains("'x' at position 9"));
}

/// The spelling, the number that it is of, and what is said. Each is a family of its own.
const OTHERS: [(&str, &str, &str); 24] = [
    ("+112125550123", "+12125550123", "leave out the 1 behind +1"),
    ("+4407700900123", "+447700900123", "leave out the 0 behind +44"),
    ("+440007700900123", "+447700900123", "leave out the 0 behind +44"),
    // A wrong number with the 0 is still the wrong number without it.
    ("+4402079460", "+442079460", "leave out the 0 behind +44"),
    ("+789161234567", "+79161234567", "leave out the 8 behind +7"),
    ("+3606202123456", "+36202123456", "leave out the 06 behind +36"),
    ("+370861234567", "+37061234567", "leave out the 8 behind +370"),
    ("+37580291234567", "+375291234567", "leave out the 80 behind +375"),
    ("+3758291234567", "+375291234567", "leave out the 8 behind +375"),
    ("+99386612345", "+9936612345", "leave out the 8 behind +993"),
    ("+69212345678", "+6922345678", "leave out the 1 behind +692"),
    ("+540111552345678", "+5491152345678", "leave out the 0 behind +54"),
    ("+54111552345678", "+5491152345678", "write 9 behind +54 and leave out the 15"),
    ("+54223155123456", "+5492235123456", "write 9 behind +54 and leave out the 15"),
    ("+5215512345678", "+525512345678", "leave out the 1 behind +52"),
    ("+520445512345678", "+525512345678", "leave out the 044 behind +52"),
    // Carriers that a caller chooses: in Brazil, on the Faroes, in Costa Rica.
    ("+550151134567890", "+551134567890", "leave out the 015 behind +55"),
    ("+2981001201234", "+298201234", "leave out the 1001 behind +298"),
    ("+506190022123456", "+50622123456", "leave out the 1900 behind +506"),
    ("+241062234567", "+24162234567", "leave out the 0 behind +241"),
    ("+62081234567890", "+6281234567890", "leave out the 0 behind +62"),
    ("+59809412345", "+5989412345", "leave out the 0 behind +598"),
    ("+8109012345678", "+819012345678", "leave out the 0 behind +81"),
    // A part of the number that only callers next door may leave out.
    ("+378886377", "+3780549886377", "write 0549 behind +378"),
];

#[test]
fn another_spelling_is_refused_with_what_to_change() {
    for (text, number, said) in OTHERS {
        let advice = read(text).unwrap_err();
        assert!(advice.starts_with(said), "{text}: {advice}");
        assert_eq!(read(number), Ok(number.to_owned()));
    }
    assert_eq!(read("+44 (0) 20 7946 0123"), Err("leave out the 0 behind +44".to_owned()));
}

#[test]
fn a_digit_that_is_part_of_the_number_stays() {
    for number in [
        // Italy's 0, the Vatican's, San Marino's, and those of the Ivory Coast and Gabon.
        "+390612345678",
        "+390669812345",
        "+3780549886377",
        "+2250123456789",
        "+24101112233",
        // Free numbers, where 8 and 80 are prefixes inside the country too.
        "+78001234567",
        "+37080012345",
        "+3758001234567",
        // Argentina's mobile phones and its others.
        "+5491123456789",
        "+541123456789",
        // Ten digits are too few for a 15 among them, and 1 is no trunk prefix in China.
        "+541115345678",
        "+8613812345678",
        // What the source does not know is not its to refuse.
        "+12995550123",
        "+99912345678",
        "+2100123456",
    ] {
        assert_eq!(read(number), Ok(number.to_owned()));
    }
}

#[test]
fn a_row_that_was_written_with_another_spelling_is_read_as_the_number() {
    let stored = |text: &str| serde_json::from_value::<E164>(text.into()).map(String::from);
    for (text, number, _) in OTHERS {
        assert_eq!(stored(text).unwrap(), number);
    }
    assert_eq!(stored("+120000000000").unwrap(), "+12000000000");
    // Nothing is left of it without its zeros.
    assert_eq!(stored("+440000000000000").unwrap(), "+4400000");
    assert!(stored("none").is_err());
}

#[test]
fn one_phone_has_one_name_where_two_numbers_reach_it() {
    let phone = |text: &str| E164::parse(text).unwrap().phone().into_owned();
    assert_eq!(phone("+5491123456789"), phone("+541123456789"));
    assert_eq!(phone("+390549886377"), phone("+3780549886377"));
    for number in ["+12125550123", "+5492345", "+549112345678", "+390612345678"] {
        assert_eq!(phone(number), number);
    }
}

#[test]
fn a_number_prints_masked() {
    let number = E164::parse("+12125550123").unwrap();
    assert_eq!(format!("{number:?}"), "+*********23");
    assert_eq!(format!("{:?}", Party::from(&number)), "+*********23");
    assert_eq!(Party::new("anonymous").masked(), "anonymous");
    assert_eq!(Party::new("sip:bob@x.example").masked(), "***************le");
}

/// Numbers with what may come along and, now and then, with what may not.
const WRITTEN: &str = "[ \u{200e}(]{0,2}\\+[0-9]([ ().\u{2011}\u{ad}-]{0,2}[0-9]){5,15}[ x#]?";

proptest! {
    #[test]
    fn no_mask_shows_more_than_two_digits(text in "\\+[1-9][0-9]{6,14}") {
        let Ok(number) = E164::parse(&text) else { return Ok(()) };
        let masked = number.masked();
        prop_assert_eq!(masked.chars().filter(char::is_ascii_digit).count(), 2);
        prop_assert_eq!(masked.chars().count(), text.chars().count());
    }

    #[test]
    fn what_is_taken_has_the_digits_of_the_text_and_parses_to_itself(text in WRITTEN) {
        let Ok(number) = E164::parse(&text) else { return Ok(()) };
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        prop_assert_eq!(number.digits(), digits);
        prop_assert_eq!(E164::parse(number.as_str()), Ok(number));
    }

    #[test]
    fn what_is_read_from_a_row_is_a_number_as_it_should_be_written(text in "\\+[1-9][0-9]{6,14}") {
        let stored = E164::try_from(text.clone()).unwrap();
        prop_assert_eq!(E164::parse(stored.as_str()), Ok(stored.clone()));
        if let Ok(number) = E164::parse(&text) {
            prop_assert_eq!(number, stored);
        }
    }

    #[test]
    fn what_is_wrong_with_a_number_is_said_without_it(text in WRITTEN) {
        let Err(wrong) = E164::parse(&text) else { return Ok(()) };
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        let said = wrong.to_string();
        prop_assert!(digits.len() < 7 || !said.contains(&digits), "{}", said);
        // A carrier's six digits at the most, and places and lengths.
        let longest = said.split(|c: char| !c.is_ascii_digit()).map(str::len).max();
        prop_assert!(longest <= Some(6), "{}", said);
    }

    #[test]
    fn parsing_never_panics(text in any::<String>(), behind in "\\+[0-9]{0,9}\\PC{0,9}") {
        let _ = (E164::parse(&text), E164::parse(&format!("+{text}")), E164::parse(&behind));
        let _ = Party::new(&text).masked();
    }
}
