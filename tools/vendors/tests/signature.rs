//! The signer, against signatures that Twilio's SDKs give.

use vendors::{sign, signed_url};

const Q: &str = "/myapp.php?foo=1&bar=2";
const P: &[(&str, &str)] = &[
    ("CallSid", "CA1234567890ABCDE"),
    ("Caller", "+14158675309"),
    ("Digits", "1234"),
    ("From", "+14158675309"),
    ("To", "+18005551212"),
];

fn signature(url: &str, params: &[(&str, &str)]) -> String {
    sign("12345", url, params)
}

#[test]
fn signatures_are_those_of_the_contract() {
    let host = format!("https://mycompany.com{Q}");
    let port = format!("https://mycompany.com:1234{Q}");
    assert_eq!(signature(&host, P), "RSOYDt4T1cUTdK1PDd93/VVr8B8=");
    assert_eq!(signature(&port, P), "CYn1h0gLBdNxDGkKJg6hYohgeD8=");
    let http = format!("http://mycompany.com:1234{Q}");
    assert_eq!(signature(&http, P), "Zmvh+3yNM1Phv2jhDCwEM3q5ebU=");
    assert_eq!(signature(&host, &[]), "zYQTYrRWXE7LtzbG4PfP7/bkkGo=");
}

#[test]
fn repeated_names_count_once_for_each_distinct_value() {
    let params = [
        ("Sid", "CA123"),
        ("SidAccount", "AC123"),
        ("Digits", "5678"),
        ("Digits", "1234"),
        ("Digits", "1234"),
    ];
    let url = format!("https://mycompany.com{Q}");
    assert_eq!(signature(&url, &params), "IK+Dwps556ElfBT0I3Rgjkr1wJU=");
}

#[test]
fn names_are_sorted_and_not_names_with_their_values() {
    let mut params = P.to_vec();
    params.extend([("ReasonConferenceEnded", "test"), ("Reason", "Participant")]);
    let url = format!("https://mycompany.com{Q}");
    assert_eq!(signature(&url, &params), "vOEb5UThFn24KEfnOFLQY2AE5FY=");
}

#[test]
fn values_are_signed_as_utf_8_and_with_their_white_space() {
    let params = [
        ("Message", "Hello & goodbye! @#$%^*()"),
        ("From", "+1 (415) 867-5309"),
        ("Special", "unicode: ñáéíóú"),
    ];
    let url = format!("https://mycompany.com{Q}");
    assert_eq!(signature(&url, &params), "dCPiR4WtQ6QFN6pJh81CtlCcWLQ=");
}

#[test]
fn over_https_the_port_is_not_signed_and_over_http_it_is() {
    assert_eq!(signed_url("https://u:p@h:1234/a?b#rc=2"), "https://h/a?b");
    assert_eq!(signed_url("http://u:p@h:1234/a?b#rc=2"), "http://h:1234/a?b");
    assert_eq!(signed_url("https://h?b"), "https://h?b");
}

#[test]
fn a_fragment_is_never_signed() {
    let plain = format!("https://mycompany.com{Q}");
    let overridden = format!("{plain}#rc=2&rp=ct,rt,5xx");
    assert_eq!(signature(&overridden, P), signature(&plain, P));
}
