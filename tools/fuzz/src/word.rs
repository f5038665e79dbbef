//! Everything that is parsed from one word or one header.

use http::{HeaderMap, HeaderValue};
use shared::call::{
    AccountSid, AnsweredBy, CallId, CallSid, CallStatus, E164, MachineDetection, Party,
    RecordingSid, RecordingStatus, StreamSid, Timestamp,
};
use shared::host::client;
use shared::settings::{AppUrl, BaseUrl, Origin, Secret};
use shared::twilio::{ByteRange, RANGE_LIMIT, created_call, explain, more_info, requested_url};

/// One word, read as each of them; what is taken stays as it is.
pub(crate) fn word(data: &[u8]) {
    let _ = created_call(data);
    let Ok(word) = std::str::from_utf8(data) else { return };
    let kept = [
        AccountSid::parse(word).ok().map(String::from),
        CallId::parse(word).ok().map(String::from),
        CallSid::parse(word).ok().map(String::from),
        RecordingSid::parse(word).ok().map(String::from),
        StreamSid::parse(word).ok().map(String::from),
        MachineDetection::parse(word).map(|it| it.as_str().to_owned()),
        Secret::parse(word).ok().map(|it| it.reveal().to_owned()),
    ];
    kept.iter().flatten().for_each(|kept| assert_eq!(kept, word));
    phone(word);
    assert!(Party::new(word).as_str().chars().count() <= 256);
    let _ = (Party::new(word).masked(), AnsweredBy::new(word));
    let status = CallStatus::parse(word);
    assert_eq!(CallStatus::parse(status.as_str()), status);
    let status = RecordingStatus::parse(word);
    assert_eq!(RecordingStatus::parse(status.as_str()), status);
    let times = [Timestamp::parse_rfc2822(word), Timestamp::parse_rfc3339(word)];
    for time in times.into_iter().flatten() {
        assert_eq!(Timestamp::parse_rfc3339(&time.rfc3339()), Some(time));
    }
    if let Ok(code) = word.parse() {
        let _ = (explain(code), more_info(code));
    }
    range(word);
    address(word);
    caller(word);
}

/// A number keeps its digits, is written in one way only, and prints masked.
fn phone(word: &str) {
    let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
    match E164::parse(word) {
        Ok(number) => {
            assert_eq!(digits(number.as_str()), digits(word));
            assert_eq!(E164::parse(number.as_str()).as_ref(), Ok(&number));
            assert_eq!(E164::try_from(word.to_owned()).as_ref(), Ok(&number));
            assert_eq!(digits(&number.masked()).len(), 2);
        }
        Err(wrong) => assert!(digits(word).len() < 7 || !wrong.to_string().contains(&digits(word))),
    }
    if let Ok(stored) = E164::try_from(word.to_owned()) {
        assert_eq!(E164::parse(stored.as_str()), Ok(stored));
    }
}

fn range(word: &str) {
    match ByteRange::parse(word) {
        None => {}
        Some(ByteRange::From { length, .. } | ByteRange::Last(length)) => {
            assert!((1..=RANGE_LIMIT).contains(&length));
        }
    }
}

fn address(word: &str) {
    let _ = (BaseUrl::parse(word), Origin::parse(word));
    let Ok(app_url) = AppUrl::parse(word) else { return };
    assert_eq!(AppUrl::parse(app_url.base()).as_ref(), Ok(&app_url));
    let signed = requested_url(&app_url, "/api/twilio/voice", Some(word));
    assert_eq!(signed, format!("{}/api/twilio/voice?{word}", app_url.base()));
}

/// Only an address is an address, wherever a front end writes it.
fn caller(word: &str) {
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_str(word) {
        headers.append("x-forwarded-for", value.clone());
        headers.append("x-real-ip", value);
    }
    let _ = (client::last_hop(&headers), client::real_ip(&headers));
    if let Some(caller) = client::stated(Some(word)) {
        assert_eq!(client::stated(Some(&caller.ip().to_string())), Some(caller));
    }
}
