//! What a captured callback says when the borders between its names and values are moved: the
//! signature covers both joined without separators, so it fits all the same.

use std::collections::BTreeSet;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ring::hmac;

use super::tests::{CALL, PARENT, SAMPLES, To, now, pairs, parse};
use crate::call::{Call, CallId, CallRef, Fact, Observation};
use crate::twilio::{Form, Verifier};

type Pairs = Vec<(String, String)>;

/// Every way to move one border: a pair's value takes in pairs behind it, ends early, or begins
/// within its name. The rest of a value becomes the name of a pair that nothing reads, with as many
/// pairs behind it as it takes: only what is still in the order of the names has the same signature.
fn moved_once(pairs: &Pairs) -> Vec<Pairs> {
    let mut all = Vec::new();
    for (index, (name, value)) in pairs.iter().enumerate() {
        let mut put = |until: usize, new: &[(&str, &str)]| {
            let names = pairs[..index].last().into_iter().chain(pairs.get(until));
            let ends: Vec<&str> = names.map(|(name, _)| name.as_str()).collect();
            let (first, last) = (new[0].0, new[new.len() - 1].0);
            let is_after = index == 0 || ends[0] <= first;
            let is_before = until == pairs.len() || last <= ends[ends.len() - 1];
            if is_after && is_before && first <= last {
                let new = new.iter().map(|(name, value)| ((*name).into(), (*value).into()));
                all.push([&pairs[..index], &new.collect::<Pairs>(), &pairs[until..]].concat());
            }
        };
        for end in 1..name.len() {
            let (kept, rest) = name.split_at(end);
            put(index + 1, &[(kept, &format!("{rest}{value}"))]);
        }
        let mut behind = String::new();
        for until in index + 1..=pairs.len() {
            if until > index + 1 {
                behind = format!("{behind}{}{}", pairs[until - 1].0, pairs[until - 1].1);
                put(until, &[(name, &format!("{value}{behind}"))]);
            }
            for end in (0..value.len()).filter(|end| value.is_char_boundary(*end)) {
                let (kept, rest) = value.split_at(end);
                put(until, &[(name, kept), (&format!("{rest}{behind}"), "")]);
            }
        }
    }
    all
}

/// A sample's pairs in the order in which they are signed.
fn sorted(parts: &[&'static [(&'static str, &'static str)]]) -> Pairs {
    let mut pairs = pairs(parts);
    pairs.sort();
    pairs
}

fn fold(seen: &[&Observation]) -> Call {
    let seen: Vec<_> = seen.iter().map(|seen| (*seen).clone()).collect();
    Call::fold(None, None, &seen)
}

/// What must not be changed: how far the call is, its end, its recording, who answered.
fn state(call: &Call) -> impl PartialEq + std::fmt::Debug {
    let recording = call.recording.clone();
    (call.progress.clone(), call.ended_at, recording, call.answered_by.clone(), call.closing_at)
}

/// Holds a re-cut callback against its original.
fn check(to: To, original: &Observation, recut: &Pairs, what: &str) {
    let Ok((call, fact, at)) = parse(to, recut, None) else { return };
    assert_eq!(call.call_sid().unwrap().as_str(), CALL, "{what}: another call's");
    let recut = Observation { at, fact };
    let (before, alone) = (fold(&[original]), fold(&[&recut]));
    assert_eq!(state(&fold(&[original, &recut])), state(&before), "{what}");
    // Should the original never arrive, less is known, and nothing else.
    let says_less = |is_none: bool, is_same: bool| assert!(is_none || is_same, "{what}: {alone:?}");
    says_less(alone.status_at(now()) == "unknown", alone.progress == before.progress);
    says_less(alone.ended_at.is_none(), before.ended_at.is_some());
    says_less(alone.answered_by.is_none(), alone.answered_by == before.answered_by);
    let recording = |call: &Call| {
        call.recording.as_ref().map(|known| (known.recording_sid.clone(), known.status.clone()))
    };
    says_less(recording(&alone).is_none(), recording(&alone) == recording(&before));
}

#[test]
fn no_recut_callback_says_what_the_original_did_not() {
    let mut checked = 0;
    for (name, to, parts) in SAMPLES.iter().filter(|(_, to, _)| *to != To::Voice) {
        let pairs = sorted(parts);
        let (_, fact, at) = parse(*to, &pairs, None).unwrap();
        let original = Observation { at, fact };
        for recut in moved_once(&pairs) {
            check(*to, &original, &recut, &format!("{name}: {recut:?}"));
            checked += 1;
        }
    }
    assert!(checked > 1000, "{checked}");
}

/// Two borders at a time, of the two samples that say the most.
#[test]
fn no_callback_that_is_cut_anew_twice_says_more_either() {
    let mut checked = 0;
    for wanted in ["async_amd", "stream_error"] {
        let (name, to, parts) = SAMPLES.iter().find(|(name, ..)| *name == wanted).unwrap();
        let pairs = sorted(parts);
        let (_, fact, at) = parse(*to, &pairs, None).unwrap();
        let original = Observation { at, fact };
        for recut in moved_once(&pairs).iter().flat_map(moved_once) {
            check(*to, &original, &recut, &format!("{name}: {recut:?}"));
            checked += 1;
        }
    }
    assert!(checked > 5000, "{checked}");
}

/// A leg that hid its parent would pass for the parent itself.
#[test]
fn no_recut_callback_of_another_leg_passes_for_the_calls_own() {
    let call_id = CallId::new([7; 16], false);
    let (_, to, parts) = SAMPLES.iter().find(|(name, ..)| *name == "status_completed").unwrap();
    let mut pairs = sorted(parts);
    pairs.push(("ParentCallSid".to_owned(), PARENT.to_owned()));
    pairs.sort();
    let (mut refused, mut kept) = (0, 0);
    for recut in moved_once(&pairs) {
        match parse(*to, &recut, Some(call_id.clone())) {
            Err(_) => refused += 1,
            Ok((call, fact, _)) => {
                assert_eq!(call, CallRef::Ours(call_id.clone()), "{recut:?}");
                assert!(matches!(fact, Fact::ChildLeg { .. }), "{recut:?}");
                kept += 1;
            }
        }
    }
    assert!(refused > 100 && kept > 100, "{refused} {kept}");
}

/// All that is left to an attacker whose copy comes before the original: particulars, and less of them.
#[test]
fn a_recut_that_comes_first_can_change_particulars_and_nothing_else() {
    let wanted = "status_completed_with_recording";
    let (_, to, parts) = SAMPLES.iter().find(|(name, ..)| *name == wanted).unwrap();
    let pairs = sorted(parts);
    let (_, Fact::Status(original), at) = parse(*to, &pairs, None).unwrap() else { panic!() };
    let mut changed = BTreeSet::new();
    for recut in moved_once(&pairs) {
        let Ok((_, Fact::Status(event), time)) = parse(*to, &recut, None) else { continue };
        let differs = [
            ("duration", event.duration_seconds != original.duration_seconds),
            ("parties", event.parties != original.parties),
            ("recording", event.recording.is_some() && event.recording != original.recording),
            ("sequence", event.sequence != original.sequence),
            ("sip", event.sip_response_code != original.sip_response_code),
            ("status", event.status.is_known() && event.status != original.status),
            ("time", time != at),
        ];
        changed.extend(differs.into_iter().filter(|(_, differs)| *differs).map(|(name, _)| name));
    }
    // Of the recording its length; the sequence number can only be lost or shortened.
    let expected = ["duration", "parties", "recording", "sequence", "sip", "time"];
    assert_eq!(Vec::from_iter(changed), expected);
}

/// The attack is real: only what is read of the form withstands it.
#[test]
fn the_signature_fits_every_recut() {
    let (url, token) = ("https://app.example/api/twilio/status", "12345");
    let verifier = Verifier::new([token]);
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, token.as_bytes());
    for wanted in ["async_amd", "stream_error", "recording_completed", "status_busy"] {
        let (name, _, parts) = SAMPLES.iter().find(|(name, ..)| *name == wanted).unwrap();
        let pairs = sorted(parts);
        let signed = pairs.iter().flat_map(|(name, value)| [name.as_str(), value]);
        let signed: String = [url].into_iter().chain(signed).collect();
        let signature = STANDARD.encode(hmac::sign(&key, signed.as_bytes()));
        let recuts = moved_once(&pairs);
        assert!(recuts.iter().all(|recut| verifier.verify(url, recut, &signature).is_ok()));
        assert!(recuts.len() > 50, "{name}: {}", recuts.len());
    }
}

/// What a name hides in must be seen, and what Twilio adds tomorrow must not be taken for it.
#[test]
fn a_name_in_a_value_or_across_a_border_is_seen_and_a_longer_name_is_none() {
    let keeps = |pairs: &[(&str, &str)]| {
        let pairs = pairs.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        Form::from_pairs(pairs).keeps_borders(&["CallSid", "CallStatus"])
    };
    assert!(keeps(&[("CallSid", "CA1"), ("ParentCallSid", "CA2"), ("CallSidEnding", "x")]));
    for bad in [
        &[("CallSid", "CA1"), ("X", "CallStatuscompleted")][..],
        &[("CallSid", "CA1"), ("CallSt", "atuscompleted")],
        &[("CallSid", "CA1"), ("1CallStatus", "completed")],
        &[("CallSid", "CA1"), ("CallStatus", "a"), ("CallStatus", "b")],
        &[("ApiVersion", "CallS"), ("id", "CA1")],
    ] {
        assert!(!keeps(bad), "{bad:?}");
    }
}
