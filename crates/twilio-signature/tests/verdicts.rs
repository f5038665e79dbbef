//! The vectors, and every one-byte change of a genuine request.
//!
//! `vectors.json` restates the test suites and the documentation of Twilio's official SDKs (MIT,
//! Copyright (C) 2023, Twilio, Inc.); the vectors `d-...` are synthetic. Where the SDKs disagree among
//! themselves, the verdict is the one of the documented algorithm, and the id says how they differ.

#![allow(clippy::unwrap_used, reason = "a helper of tests")]

use std::collections::{BTreeMap, BTreeSet};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use proptest::prelude::*;
use ring::hmac;
use serde::Deserialize;
use twilio_signature::{BadSignature, Tried, Verifier};

type Pairs<'a> = &'a [(&'a str, &'a str)];

/// One request and the verdict on it. It has a form or a body that is none.
#[derive(Deserialize)]
struct Vector {
    id: String,
    valid: bool,
    token: String,
    url: String,
    signature: String,
    form: Option<Vec<(String, String)>>,
    body: Option<String>,
}

fn vectors() -> Vec<Vector> {
    serde_json::from_str(include_str!("vectors.json")).unwrap()
}

fn decoded(body: &[u8]) -> Option<Vec<(String, String)>> {
    serde_urlencoded::from_bytes(body).ok()
}

fn verifier(tokens: &[&str]) -> Verifier {
    Verifier::new(tokens)
}

/// Names in order, each with its distinct values in order.
fn canonical<N: AsRef<str>, V: AsRef<str>>(parameters: &[(N, V)]) -> String {
    let mut sorted: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (name, value) in parameters {
        sorted.entry(name.as_ref()).or_default().insert(value.as_ref());
    }
    let of = |(name, values): (&str, BTreeSet<&str>)| {
        values.into_iter().map(|value| format!("{name}{value}")).collect::<String>()
    };
    sorted.into_iter().map(of).collect()
}

/// Twilio's side, written independently of the crate.
fn sign<N: AsRef<str>, V: AsRef<str>>(token: &str, url: &str, parameters: &[(N, V)]) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, token.as_bytes());
    STANDARD.encode(hmac::sign(&key, format!("{url}{}", canonical(parameters)).as_bytes()))
}

#[test]
fn every_vector_gets_its_verdict() {
    let vectors = vectors();
    for Vector { id, valid, token, url, signature, form, body } in &vectors {
        let verifier = verifier(&[token]);
        let verdict = match (form, body) {
            (Some(form), None) => verifier.verify(url, form, signature),
            (None, Some(body)) => verifier.verify_body(url, body.as_bytes(), signature),
            _ => panic!("{id}: a form or a body"),
        };
        assert_eq!(verdict.is_ok(), *valid, "{id}: {verdict:?}");
    }
    assert!(vectors.len() >= 41, "the table lost vectors");
}

const VOICE: &str = "https://app.example/api/twilio/voice";
const CALL: Pairs<'_> = &[("CallSid", "CA1")];

#[test]
fn either_of_two_tokens_is_accepted_and_a_third_is_not() {
    let rotating = verifier(&["primary", "secondary"]);
    for token in ["primary", "secondary"] {
        assert_eq!(rotating.verify(VOICE, CALL, &sign(token, VOICE, CALL)), Ok(()));
    }
    let forged = sign("other", VOICE, CALL);
    assert_eq!(rotating.verify(VOICE, CALL, &forged), Err(BadSignature::Mismatch));
}

#[test]
fn without_a_token_nothing_is_believed_and_an_empty_one_is_none() {
    for tokens in [&[][..], &[""]] {
        let verifier = verifier(tokens);
        assert_eq!(verifier.tokens(), 0);
        assert!(verifier.verify(VOICE, CALL, &sign("", VOICE, CALL)).is_err());
    }
}

#[test]
fn a_missing_header_is_refused_before_anything_is_computed() {
    assert_eq!(verifier(&["t"]).verify(VOICE, CALL, ""), Err(BadSignature::Header));
}

#[test]
fn each_form_that_may_have_been_signed_is_accepted_and_no_other() {
    let verifier = verifier(&["t"]);
    for (url, signed, others) in [
        (
            "https://h/p?q",
            &["https://h/p?q", "https://h:443/p?q"][..],
            &["https://h:80/p?q", "https://h/p"][..],
        ),
        ("http://h/p", &["http://h/p", "http://h:80/p"], &["http://h:443/p", "https://h/p"]),
        ("https://h:8443/p", &["https://h:8443/p", "https://h/p"], &["https://h:443/p"]),
        (
            "https://u:s@h:1/p",
            &["https://u:s@h:1/p", "https://u:s@h/p", "https://h:1/p", "https://h/p"],
            &["https://s@h/p", "https://u@h:1/p"],
        ),
        (
            "https://[::1]/p",
            &["https://[::1]/p", "https://[::1]:443/p"],
            &["https://[:/p", "https://[/p"],
        ),
        ("https://[::1]:9/p", &["https://[::1]:9/p", "https://[::1]/p"], &["https://[::1]:443/p"]),
        (
            "https://h?a@b:1",
            &["https://h?a@b:1", "https://h:443?a@b:1"],
            &["https://b:1", "https://h?a@b"],
        ),
        ("https://h/p?a=1#rc=2", &["https://h/p?a=1"], &["https://h/p?a=1#rc=2", "https://h/p"]),
        ("https://H/p?", &["https://H/p?"], &["https://h/p?", "https://H/p"]),
    ] {
        for form in signed {
            assert_eq!(verifier.verify(url, CALL, &sign("t", form, CALL)), Ok(()), "{url} {form}");
        }
        for form in others {
            assert!(verifier.verify(url, CALL, &sign("t", form, CALL)).is_err(), "{url} {form}");
        }
    }
}

#[test]
fn the_body_hash_is_the_first_one_of_the_query_and_in_lower_case() {
    let verifier = verifier(&["t"]);
    let hash = "ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb";
    let verdict = |query: &str| {
        let url = format!("https://h/p?{query}");
        verifier.verify_body(&url, b"a", &sign::<&str, &str>("t", &url, &[]))
    };
    for query in [format!("bodySHA256={hash}"), format!("x=1&body%53HA256=%63{}&y", &hash[1..])] {
        assert_eq!(verdict(&query), Ok(()), "{query}");
    }
    for query in [
        String::new(),
        "bodySHA256".to_owned(),
        format!("bodySHA256={}", hash.to_uppercase()),
        format!("bodySHA256={}", &hash[..63]),
        format!("bodySHA256=0&bodySHA256={hash}"),
        format!("bodysha256={hash}"),
        format!("x=1#bodySHA256={hash}"),
    ] {
        assert_eq!(verdict(&query), Err(BadSignature::Body), "{query}");
    }
}

#[test]
fn what_was_tried_is_told_without_a_word_of_the_url() {
    let told = |url: &str| Tried::new(url).to_string();
    let url = "https://user:hunter2@app.example:8443/x?secret=1&bodySHA256=0#f";
    assert_eq!(
        told(url),
        "with the configured port, without a port; user info kept, user info dropped"
    );
    assert!(Tried::new(url).has_body_hash());
    assert_eq!(told("https://h/p"), "without a port, with the scheme's own port");
    assert!(!Tried::new("https://h/p").has_body_hash());
}

/// Every text that differs from this one in one byte.
fn altered(text: &[u8]) -> impl Iterator<Item = Vec<u8>> {
    let places = (0..text.len()).flat_map(|at| (0..=u8::MAX).map(move |byte| (at, byte)));
    places.filter(|(at, byte)| text[*at] != *byte).map(|(at, byte)| {
        let mut bytes = text.to_vec();
        bytes[at] = byte;
        bytes
    })
}

#[test]
fn every_one_byte_change_of_a_genuine_request_is_refused() {
    let (url, body) = (
        "https://app.example/api/twilio/status?callId=0af3",
        "CallSid=CA11&From=%2B12125550123&CallStatus=ringing&ToCity=S%C3%A3o+Paulo",
    );
    let form = decoded(body.as_bytes()).unwrap();
    let (verifier, signature) = (verifier(&["12345"]), sign("12345", url, &form));
    assert_eq!(verifier.verify(url, &form, &signature), Ok(()));
    let mut refused = 0;
    for url in altered(url.as_bytes()).filter_map(|url| String::from_utf8(url).ok()) {
        assert!(verifier.verify(&url, &form, &signature).is_err(), "{url}");
        refused += 1;
    }
    for body in altered(body.as_bytes()) {
        let changed = decoded(&body).unwrap_or_default();
        // `%c3` and `%C3` are two spellings of one value; Twilio signs the value.
        if changed != form {
            assert!(verifier.verify(url, &changed, &signature).is_err(), "{body:?}");
            refused += 1;
        }
    }
    for signature in altered(signature.as_bytes()).filter_map(|text| String::from_utf8(text).ok()) {
        assert!(verifier.verify(url, &form, &signature).is_err(), "{signature}");
        refused += 1;
    }
    assert!(refused > 25_000, "only {refused} changes were tried");
}

#[test]
fn every_one_byte_change_of_a_genuine_json_request_is_refused() {
    let vector = vectors().into_iter().find(|vector| vector.id == "json-body-hash").unwrap();
    let (verifier, body) = (verifier(&[&vector.token]), vector.body.unwrap());
    let body = body.as_bytes();
    let verdict =
        |url: &str, body: &[u8], signature: &str| verifier.verify_body(url, body, signature);
    assert_eq!(verdict(&vector.url, body, &vector.signature), Ok(()));
    for changed in altered(body) {
        assert!(verdict(&vector.url, &changed, &vector.signature).is_err(), "{changed:?}");
    }
    for url in altered(vector.url.as_bytes()).filter_map(|url| String::from_utf8(url).ok()) {
        assert!(verdict(&url, body, &vector.signature).is_err(), "{url}");
    }
    let signatures = altered(vector.signature.as_bytes());
    for signature in signatures.filter_map(|text| String::from_utf8(text).ok()) {
        assert!(verdict(&vector.url, body, &signature).is_err(), "{signature}");
    }
}

proptest! {
    #[test]
    fn what_is_signed_verifies_and_with_one_more_parameter_it_does_not(
        token in "[!-~]{1,64}",
        path in "(/[a-zA-Z0-9._~-]{0,8}){0,4}",
        pairs in prop::collection::vec((".{1,12}", ".{0,24}"), 0..12),
        extra in ("x[a-z]{1,8}", ".{0,24}"),
    ) {
        let url = format!("https://app.example{path}?callId=0af3");
        let (verifier, signature) = (verifier(&[&token]), sign(&token, &url, &pairs));
        prop_assert_eq!(verifier.verify(&url, &pairs, &signature), Ok(()));
        let mut more = pairs.clone();
        more.push(extra);
        if canonical(&more) != canonical(&pairs) {
            prop_assert!(verifier.verify(&url, &more, &signature).is_err());
        }
    }

    #[test]
    fn no_input_panics(url in any::<String>(), body in any::<Vec<u8>>(), header in any::<String>()) {
        let verifier = verifier(&["t"]);
        let form = decoded(&body).unwrap_or_default();
        let _ = verifier.verify(&url, &form, &header);
        let _ = verifier.verify_body(&url, &body, &header);
        let _ = Tried::new(&url).to_string();
    }
}
