//! The vectors, and every one-byte change of a genuine request.

use proptest::prelude::*;

use super::*;

#[path = "vectors.rs"]
mod vectors;
use vectors::{Body, VECTORS};

fn pairs(pairs: &[(&str, &str)]) -> Form {
    Form::from_pairs(pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect())
}

fn verifier(tokens: &[&str]) -> Verifier {
    let secrets: Vec<Secret> = tokens.iter().map(|token| Secret::parse(token).unwrap()).collect();
    Verifier::new(&secrets)
}

fn sign(token: &str, url: &str, form: &Form) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, token.as_bytes());
    STANDARD.encode(hmac::sign(&key, format!("{url}{}", canonical(form)).as_bytes()))
}

#[test]
fn every_vector_gets_its_verdict() {
    for vector in VECTORS {
        let verifier = verifier(&[vector.token]);
        let verdict = match vector.body {
            Body::Form(form) => verifier.verify(vector.url, &pairs(form), vector.signature),
            Body::Raw(body) => verifier.verify_body(vector.url, body.as_bytes(), vector.signature),
        };
        assert_eq!(verdict.is_ok(), vector.valid, "{}: {verdict:?}", vector.id);
    }
    assert!(VECTORS.len() >= 41, "the table lost vectors");
}

/// The project's table must not drift from the file it restates, where that file is at hand.
#[test]
fn the_table_restates_the_shared_vectors() {
    let path =
        concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/twilio/signature_vectors.json");
    let Ok(text) = std::fs::read_to_string(path) else {
        eprintln!("SKIPPED: the shared vectors are not on this machine");
        return;
    };
    let file: serde_json::Value = serde_json::from_str(&text).unwrap();
    let ids = |group: &str| file[group].as_array().unwrap().clone();
    for given in ids("sdk").into_iter().chain(ids("derived")) {
        let id = given["id"].as_str().unwrap();
        let ours = VECTORS.iter().find(|vector| vector.id == id).unwrap();
        assert_eq!(given["reference_result"].as_bool().unwrap(), ours.valid, "{id}");
        assert_eq!(given["url"].as_str().unwrap(), ours.url, "{id}");
        assert_eq!(given["signature"].as_str().unwrap_or_default(), ours.signature, "{id}");
    }
}

#[test]
fn either_of_two_tokens_is_accepted_and_a_third_is_not() {
    let (url, form) = ("https://app.example/api/twilio/voice", pairs(&[("CallSid", "CA1")]));
    let rotating = verifier(&["primary", "secondary"]);
    for token in ["primary", "secondary"] {
        assert_eq!(rotating.verify(url, &form, &sign(token, url, &form)), Ok(()));
    }
    let forged = sign("other", url, &form);
    assert_eq!(rotating.verify(url, &form, &forged), Err(BadSignature::Mismatch));
}

#[test]
fn no_token_configured_believes_nothing() {
    let (url, form) = ("https://app.example/v", Form::default());
    assert!(verifier(&[]).verify(url, &form, &sign("", url, &form)).is_err());
}

#[test]
fn a_missing_header_is_refused_before_anything_is_computed() {
    assert_eq!(verifier(&["t"]).verify("", &Form::default(), ""), Err(BadSignature::Header));
}

#[test]
fn every_one_byte_change_of_a_genuine_request_is_refused() {
    let (url, body) = (
        "https://app.example/api/twilio/status?callId=0af3",
        "CallSid=CA11&From=%2B12125550123&CallStatus=ringing&ToCity=S%C3%A3o+Paulo",
    );
    let form = Form::parse(body.as_bytes()).unwrap();
    let (verifier, signature) = (verifier(&["12345"]), sign("12345", url, &form));
    assert_eq!(verifier.verify(url, &form, &signature), Ok(()));
    let altered = |text: &str| -> Vec<String> {
        (0..text.len())
            .flat_map(|i| (0x21..0x7f).map(move |b| (i, b)))
            .filter(|(i, b)| text.as_bytes()[*i] != *b)
            .filter_map(|(i, b)| {
                let mut bytes = text.as_bytes().to_vec();
                bytes[i] = b;
                String::from_utf8(bytes).ok()
            })
            .collect()
    };
    for url in altered(url).iter().filter(|changed| !changed.starts_with(&format!("{url}#"))) {
        // A fragment cuts the text, so it must not be able to cut it to something genuine.
        assert!(verifier.verify(url, &form, &signature).is_err(), "{url}");
    }
    for body in altered(body) {
        // `%c3` and `%C3` are two spellings of one value; Twilio signs the value.
        let Some(changed) = Form::parse(body.as_bytes()).filter(|changed| *changed != form) else {
            continue;
        };
        assert!(verifier.verify(url, &changed, &signature).is_err(), "{body}");
    }
    for signature in altered(&signature) {
        assert!(verifier.verify(url, &form, &signature).is_err(), "{signature}");
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
        let form = Form::from_pairs(pairs.clone());
        let (verifier, signature) = (verifier(&[&token]), sign(&token, &url, &form));
        prop_assert_eq!(verifier.verify(&url, &form, &signature), Ok(()));
        let mut more = pairs;
        more.push(extra);
        let more = Form::from_pairs(more);
        if canonical(&more) != canonical(&form) {
            prop_assert!(verifier.verify(&url, &more, &signature).is_err());
        }
    }

    #[test]
    fn no_input_panics(url in any::<String>(), body in any::<Vec<u8>>(), header in any::<String>()) {
        let verifier = verifier(&["t"]);
        let _ = verifier.verify(&url, &Form::parse(&body).unwrap_or_default(), &header);
        let _ = verifier.verify_body(&url, &body, &header);
    }
}
