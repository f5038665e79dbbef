//! Twilio's signature vectors, restated from its official SDKs' test suites and documentation (MIT,
//! Copyright (C) 2023, Twilio, Inc.) and from synthetic data. The verdict is the one of the algorithm
//! in `signature.rs`; where the SDKs disagree among themselves, the id says how.

/// Decoded parameters.
type Pairs = &'static [(&'static str, &'static str)];

/// One request and the verdict on it.
pub(super) struct Vector {
    /// What it is about.
    pub(super) id: &'static str,
    /// The Auth Token.
    pub(super) token: &'static str,
    /// The configured URL.
    pub(super) url: &'static str,
    /// The form, or a body that is none.
    pub(super) body: Body,
    /// The header; empty where it is missing.
    pub(super) signature: &'static str,
    /// Whether it must be believed.
    pub(super) valid: bool,
}

/// What was posted.
pub(super) enum Body {
    /// Decoded pairs.
    Form(Pairs),
    /// Raw bytes of another media type.
    Raw(&'static str),
}

#[rustfmt::skip]
const PAIRS_1: Pairs = &[
    ("CallSid", "CA1234567890ABCDE"), ("Caller", "+14158675309"), ("Digits", "1234"),
    ("From", "+14158675309"), ("To", "+18005551212"),
];
#[rustfmt::skip]
const PAIRS_2: Pairs = &[
    ("MessagingBinding.Address", "+1325xxxxxxx"), ("MessagingBinding.Address", "+1415xxxxxxx"),
];
#[rustfmt::skip]
const PAIRS_3: Pairs = &[
    ("Sid", "CA123"), ("SidAccount", "AC123"), ("Digits", "5678"), ("Digits", "1234"),
    ("Digits", "1234"),
];
#[rustfmt::skip]
const PAIRS_4: Pairs = &[
    ("Digits", "1234"), ("CallSid", "CA1234567890ABCDE"), ("To", "+18005551212"),
    ("Caller", "+14158675309"), ("From", "+14158675309"), ("ReasonConferenceEnded", "test"),
    ("Reason", "Participant"),
];
#[rustfmt::skip]
const PAIRS_5: Pairs = &[
    ("Message", "Hello & goodbye! @#$%^*()"), ("From", "+1 (415) 867-5309"),
    ("Special", "unicode: ñáéíóú"),
];
#[rustfmt::skip]
const PAIRS_6: Pairs = &[
    ("callSid", "lowercase"), ("CallSid", "uppercase"), ("CALLSID", "allcaps"),
];
#[rustfmt::skip]
const PAIRS_7: Pairs = &[
    ("CallSid", "CA1234567890ABCDE"), ("Caller", "+14158675310"), ("Digits", "1234"),
    ("From", "+14158675310"), ("To", "+18005551212"),
];
#[rustfmt::skip]
const PAIRS_8: Pairs = &[
    ("CallSid", "CA1234567890ABCDE"), ("Caller", "+12349013030"), ("Digits", "1234"),
    ("From", "+12349013030"), ("To", "+18005551212"),
];
#[rustfmt::skip]
const PAIRS_9: Pairs = &[
    ("CallSid", "CA11111111111111111111111111111111"),
    ("AccountSid", "ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), ("From", "+15017122661"),
    ("To", "+15558675310"), ("CallStatus", "completed"), ("ApiVersion", "2010-04-01"),
    ("Direction", "outbound-api"), ("Called", "+15558675310"), ("CalledCity", "SAN FRANCISCO"),
    ("CalledState", "CA"), ("CalledZip", ""), ("CalledCountry", "US"), ("Caller", "+15017122661"),
    ("CallerCity", ""), ("CallerState", ""), ("CallerZip", ""), ("CallerCountry", "US"),
    ("FromCity", ""), ("FromState", ""), ("FromZip", ""), ("FromCountry", "US"),
    ("ToCity", "SAN FRANCISCO"), ("ToState", "CA"), ("ToZip", ""), ("ToCountry", "US"),
    ("Timestamp", "Sun, 22 Nov 2026 10:06:21 +0000"), ("CallbackSource", "call-progress-events"),
    ("SequenceNumber", "3"), ("CallDuration", "42"), ("Duration", "1"), ("SipResponseCode", "200"),
    ("RecordingUrl", "https://api.twilio.com/2010-04-01/Accounts/ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/Recordings/RE22222222222222222222222222222222"),
    ("RecordingSid", "RE22222222222222222222222222222222"), ("RecordingDuration", "41"),
];
#[rustfmt::skip]
const PAIRS_10: Pairs = &[
    ("AccountSid", "ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"),
    ("CallSid", "CA11111111111111111111111111111111"),
    ("RecordingSid", "RE22222222222222222222222222222222"),
    ("RecordingUrl", "https://api.twilio.com/2010-04-01/Accounts/ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/Recordings/RE22222222222222222222222222222222"),
    ("RecordingStatus", "completed"), ("RecordingDuration", "41"), ("RecordingChannels", "2"),
    ("RecordingStartTime", "Sun, 22 Nov 2026 10:06:25 +0000"), ("RecordingSource", "OutboundAPI"),
    ("RecordingTrack", "both"), ("ErrorCode", "0"),
];
#[rustfmt::skip]
const PAIRS_11: Pairs = &[
    ("CallerName", "John Smith"), ("To", "+15558675310"),
];
#[rustfmt::skip]
const PAIRS_12: Pairs = &[
    ("CallerName", "Zoë 😀"),
];
#[rustfmt::skip]
const PAIRS_13: Pairs = &[
    ("CallSid", "CA11111111111111111111111111111111"),
    ("AccountSid", "ACaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"), ("From", "+15017122661"),
    ("To", "+15558675310"), ("ApiVersion", "2010-04-01"), ("Direction", "outbound-api"),
    ("Called", "+15558675310"), ("Caller", "+15017122661"), ("ToCity", "SAN FRANCISCO"),
    ("ToCountry", "US"), ("CallStatus", "in-progress"), ("AnsweredBy", "human"),
];

/// All of them.
#[rustfmt::skip]
pub(super) const VECTORS: &[Vector] = &[
    Vector { id: "form-basic", valid: true, token: "12345", body: Body::Form(PAIRS_1),
        url: "https://mycompany.com/myapp.php?foo=1&bar=2",
        signature: "RSOYDt4T1cUTdK1PDd93/VVr8B8=" },
    Vector { id: "form-wrong-sig", valid: false, token: "12345", body: Body::Form(PAIRS_1),
        url: "https://mycompany.com/myapp.php?foo=1&bar=2",
        signature: "WRONG_SIGNATURE" },
    Vector { id: "form-sig-missing", valid: false, token: "12345", body: Body::Form(PAIRS_1),
        url: "https://mycompany.com/myapp.php?foo=1&bar=2",
        signature: "" },
    Vector { id: "https-nonstd-port-stripped", valid: true, token: "12345", body: Body::Form(PAIRS_1),
        url: "https://mycompany.com:1234/myapp.php?foo=1&bar=2",
        signature: "RSOYDt4T1cUTdK1PDd93/VVr8B8=" },
    Vector { id: "http-nonstd-port-kept", valid: true, token: "12345", body: Body::Form(PAIRS_1),
        url: "http://mycompany.com:1234/myapp.php?foo=1&bar=2",
        signature: "Zmvh+3yNM1Phv2jhDCwEM3q5ebU=" },
    Vector { id: "https-port-443-added", valid: true, token: "12345", body: Body::Form(PAIRS_1),
        url: "https://mycompany.com/myapp.php?foo=1&bar=2",
        signature: "kvajT1Ptam85bY51eRf/AJRuM3w=" },
    Vector { id: "http-port-80-added", valid: true, token: "12345", body: Body::Form(PAIRS_1),
        url: "http://mycompany.com/myapp.php?foo=1&bar=2",
        signature: "0ZXoZLH/DfblKGATFgpif+LLRf4=" },
    Vector { id: "https-nonstd-port-kept", valid: true, token: "12345", body: Body::Form(PAIRS_1),
        url: "https://mycompany.com:1234/myapp.php?foo=1&bar=2",
        signature: "CYn1h0gLBdNxDGkKJg6hYohgeD8=" },
    Vector { id: "userinfo-kept", valid: true, token: "12345", body: Body::Form(PAIRS_1),
        url: "https://user:pass@mycompany.com/myapp.php?foo=1&bar=2",
        signature: "CukzLTc1tT5dXEDIHm/tKBanW10=" },
    Vector { id: "userinfo-kept-port-443-added", valid: true, token: "12345", body: Body::Form(PAIRS_1),
        url: "https://user:pass@mycompany.com/myapp.php?foo=1&bar=2",
        signature: "ZQFR1PTIZXF2MXB8ZnKCvnnA+rI=" },
    Vector { id: "query-legacy-encoding", valid: false, token: "12345", body: Body::Form(PAIRS_1),
        url: "https://mycompany.com/myapp.php?foo=1&bar=2&Body=It's+amazing",
        signature: "TfZzewPq8wqrGlMfyAud8+/IvJ0=" },
    Vector { id: "array-values-sorted", valid: true, token: "12345", body: Body::Form(PAIRS_2),
        url: "https://mycompany.com/myapp.php?foo=1&bar=2",
        signature: "83O6e2vORAoJHUNzJjDWN1jz+BA=" },
    Vector { id: "dup-values-deduped-sorted", valid: true, token: "12345", body: Body::Form(PAIRS_3),
        url: "https://mycompany.com/myapp.php?foo=1&bar=2",
        signature: "IK+Dwps556ElfBT0I3Rgjkr1wJU=" },
    Vector { id: "json-body-hash", valid: true, token: "12345", body: Body::Raw("{\"property\": \"value\", \"boolean\": true}"),
        url: "https://mycompany.com/myapp.php?foo=1&bar=2&bodySHA256=0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e6620",
        signature: "a9nBmqA0ju/hNViExpshrM61xv4=" },
    Vector { id: "json-body-no-hash-param", valid: false, token: "12345", body: Body::Raw("{\"property\": \"value\", \"boolean\": true}"),
        url: "https://mycompany.com/myapp.php?foo=1&bar=2",
        signature: "RSOYDt4T1cUTdK1PDd93/VVr8B8=" },
    Vector { id: "json-body-wrong-hash-param", valid: false, token: "12345", body: Body::Raw("{\"property\": \"value\", \"boolean\": true}"),
        url: "https://mycompany.com/myapp.php?foo=1&bar=2&bodySHA256=0a1ff7634d9ab3b95db5c9a2dfe9416e41502b283a80c7cf19632632f96e662",
        signature: "a9nBmqA0ju/hNViExpshrM61xv4=" },
    Vector { id: "go-prefix-keys-sort", valid: true, token: "12345", body: Body::Form(PAIRS_4),
        url: "https://mycompany.com/myapp.php?foo=1&bar=2",
        signature: "vOEb5UThFn24KEfnOFLQY2AE5FY=" },
    Vector { id: "go-prefix-keys-sorted-wrongly", valid: false, token: "12345", body: Body::Form(PAIRS_4),
        url: "https://mycompany.com/myapp.php?foo=1&bar=2",
        signature: "95+Bu0JVPi0r/SsESZCVf0dWAjw=" },
    Vector { id: "empty-params", valid: true, token: "12345", body: Body::Form(&[]),
        url: "https://mycompany.com/myapp.php?foo=1&bar=2",
        signature: "zYQTYrRWXE7LtzbG4PfP7/bkkGo=" },
    Vector { id: "url-encoded-query", valid: true, token: "12345", body: Body::Form(PAIRS_1),
        url: "https://mycompany.com/myapp.php?foo=hello%20world&bar=test%2Bvalue",
        signature: "er2tvAP1Wx+iuTTE2BPgvEaN1cs=" },
    Vector { id: "special-chars-in-values", valid: true, token: "12345", body: Body::Form(PAIRS_5),
        url: "https://mycompany.com/myapp.php?foo=1&bar=2",
        signature: "dCPiR4WtQ6QFN6pJh81CtlCcWLQ=" },
    Vector { id: "case-sensitive-keys", valid: true, token: "12345", body: Body::Form(PAIRS_6),
        url: "https://mycompany.com/myapp.php?foo=1&bar=2",
        signature: "jDK7WKT8wiNrwggd4ceTv4e1MJ4=" },
    Vector { id: "mixed-case-host", valid: true, token: "12345", body: Body::Form(PAIRS_1),
        url: "https://MyCompany.com/myapp.php?foo=1&bar=2",
        signature: "g9IN/x4Cft2g517EjYvEvM/W7LU=" },
    Vector { id: "mixed-case-host-wrong-sig", valid: false, token: "12345", body: Body::Form(PAIRS_1),
        url: "https://MyCompany.com/myapp.php?foo=1&bar=2",
        signature: "RSOYDt4T1cUTdK1PDd93/VVr8B8=" },
    Vector { id: "docs-explore-algorithm", valid: true, token: "12345", body: Body::Form(PAIRS_7),
        url: "https://example.com/myapp.php?foo=1&bar=2",
        signature: "L/OH5YylLD5NRKLltdqwSvS0BnU=" },
    Vector { id: "docs-form-example-mycompany.com", valid: false, token: "12345", body: Body::Form(PAIRS_8),
        url: "https://mycompany.com/myapp",
        signature: "Np1nax6uFoY6qpfT5l9jWwJeit0=" },
    Vector { id: "docs-form-example-example.com", valid: false, token: "12345", body: Body::Form(PAIRS_8),
        url: "https://example.com/myapp",
        signature: "Np1nax6uFoY6qpfT5l9jWwJeit0=" },
    Vector { id: "docs-json-example", valid: false, token: "12345", body: Body::Raw("{\"CallSid\":\"CA1234567890ABCDE\",\"Caller\":\"+12349013030\"}"),
        url: "https://example.com/myapp?bodySHA256=5ccde7145dfb8f56479710896586cb9d5911809d83afbe34627818790db0aec9",
        signature: "hqeF3G9Hrnv6/R0jOhoYDD2PPUs=" },
    Vector { id: "d-status-completed", valid: true, token: "0123456789abcdef0123456789abcdef", body: Body::Form(PAIRS_9),
        url: "https://close-loop-ai.vercel.app/api/twilio/status",
        signature: "dV/DrgaWPqQBxCpE5SDnFXpLaLk=" },
    Vector { id: "d-recording", valid: true, token: "0123456789abcdef0123456789abcdef", body: Body::Form(PAIRS_10),
        url: "https://close-loop-ai.vercel.app/api/twilio/recording",
        signature: "AR5zw+M8nzkW9J56m2wM06DGMnY=" },
    Vector { id: "d-plus-is-space", valid: true, token: "0123456789abcdef0123456789abcdef", body: Body::Form(PAIRS_11),
        url: "https://close-loop-ai.vercel.app/v",
        signature: "wcjY8qbmTmooakrbyqNQzEHQFmE=" },
    Vector { id: "d-unicode-value", valid: true, token: "0123456789abcdef0123456789abcdef", body: Body::Form(PAIRS_12),
        url: "https://close-loop-ai.vercel.app/v",
        signature: "zGkMjrDzVvBqotb3V5WJpJWWKGo=" },
    Vector { id: "d-trailing-slash-mismatch", valid: false, token: "0123456789abcdef0123456789abcdef", body: Body::Form(PAIRS_13),
        url: "https://close-loop-ai.vercel.app/api/twilio/voice",
        signature: "4ti6DITMsIIbqluPZtchOTFEh00=" },
    Vector { id: "d-http-behind-tls-proxy", valid: false, token: "0123456789abcdef0123456789abcdef", body: Body::Form(PAIRS_13),
        url: "http://close-loop-ai.vercel.app/api/twilio/voice",
        signature: "1FojiNGPHigy+gTVzLG8BQ86DBs=" },
    Vector { id: "d-https-port-dropped-by-twilio", valid: true, token: "0123456789abcdef0123456789abcdef", body: Body::Form(PAIRS_13),
        url: "https://app.example:8443/api/twilio/voice",
        signature: "0BtdLqodptqJtbDspjgjHSHwR8I=" },
    Vector { id: "d-fragment", valid: true, token: "0123456789abcdef0123456789abcdef", body: Body::Form(PAIRS_13),
        url: "https://app.example/v#rc=2&rp=all",
        signature: "HhhsAkkaBcCTbsWub+MF5TcySJs=" },
    Vector { id: "d-apostrophe-raw", valid: true, token: "0123456789abcdef0123456789abcdef", body: Body::Form(PAIRS_13),
        url: "https://close-loop-ai.vercel.app/v?n=O'Brien",
        signature: "S3Stty64ddYpRG0aHr1P/jAUAPM=" },
    Vector { id: "d-upper-host-vs-lower", valid: false, token: "0123456789abcdef0123456789abcdef", body: Body::Form(PAIRS_13),
        url: "https://App.Example/v",
        signature: "HhhsAkkaBcCTbsWub+MF5TcySJs=" },
    Vector { id: "d-empty-query-mark", valid: true, token: "0123456789abcdef0123456789abcdef", body: Body::Form(PAIRS_13),
        url: "https://close-loop-ai.vercel.app/v?",
        signature: "BScs2Px2gDQGq0oqsallDTztazc=" },
    Vector { id: "d-wrong-token", valid: false, token: "ffffffffffffffffffffffffffffffff", body: Body::Form(PAIRS_13),
        url: "https://close-loop-ai.vercel.app/v",
        signature: "7xloSgDOH8BT2gA6uXyRKlAAUwA=" },
    Vector { id: "d-json-body", valid: true, token: "0123456789abcdef0123456789abcdef", body: Body::Raw("{\"a\":1}"),
        url: "https://close-loop-ai.vercel.app/v?bodySHA256=015abd7f5cc57a2dd94b7590f04ad8084273905ee33ec5cebeae62276a97f862",
        signature: "2+WN5L5Xpc3ZWNr/gRRDrFVyrXU=" },
];
