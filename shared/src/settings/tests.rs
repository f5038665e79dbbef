//! Settings: what is missing or malformed is named, all of it at once, and no value ever prints.

use std::collections::BTreeMap;
use std::time::Duration;

use super::*;
use crate::call::DynamicVariables;
use crate::twilio::ConnectStream;

pub(super) type Vars = BTreeMap<&'static str, String>;

const SECRETS: [(&str, &str); 7] = [
    ("TWILIO_AUTH_TOKEN", "secret-auth-token"),
    ("TWILIO_AUTH_TOKEN_SECONDARY", "secret-second-token"),
    ("TWILIO_API_KEY_SID", "SK99999999999999999999999999999999"),
    ("TWILIO_API_KEY_SECRET", "secret-of-the-key"),
    ("ELEVENLABS_API_KEY", "secret-agent-key"),
    ("MAKE_CALL_TOKEN", "secret-make-call-token"),
    ("MAKE_CALL_TOKEN_SECONDARY", "secret-second-make-call-token"),
];

/// What the original guide asks for, and a store.
pub(super) fn good() -> Vars {
    Vars::from([
        ("TWILIO_ACCOUNT_SID", format!("AC{}", "a".repeat(32))),
        ("TWILIO_AUTH_TOKEN", "secret-auth-token".to_owned()),
        ("TWILIO_PHONE_NUMBER", "+12125550100".to_owned()),
        ("ELEVENLABS_AGENT_ID", "agent_x".to_owned()),
        ("ELEVENLABS_API_KEY", "secret-agent-key".to_owned()),
        ("NEXT_PUBLIC_APP_URL", "https://app.example".to_owned()),
        ("STORE_URL", "sqlite:calls.sqlite".to_owned()),
    ])
}

pub(super) fn with(changes: &[(&'static str, &str)]) -> Vars {
    let mut vars = good();
    vars.extend(changes.iter().map(|(name, value)| (*name, (*value).to_owned())));
    vars
}

pub(super) fn parse(vars: &Vars) -> Settings {
    Settings::parse(&|name: &str| vars.get(name).cloned())
}

/// The names of all problems.
pub(super) fn problems(vars: &Vars) -> Vec<String> {
    parse(vars).problems.into_iter().map(|problem| problem.name).collect()
}

#[cfg(feature = "sqlite")]
#[track_caller]
pub(super) fn assert_refused(name: &'static str, values: &[&str]) {
    for value in values {
        assert_eq!(problems(&with(&[(name, value)])), [name], "{name}={value}");
    }
}

#[cfg(feature = "sqlite")]
#[track_caller]
pub(super) fn assert_taken(name: &'static str, values: &[&str]) {
    for value in values {
        assert_eq!(problems(&with(&[(name, value)])), [""; 0], "{name}={value}");
    }
}

#[cfg(feature = "sqlite")]
#[test]
fn the_guides_environment_is_complete() {
    let settings = parse(&good());
    assert_eq!(settings.problems, []);
    let dialling = settings.for_dialling().unwrap();
    assert_eq!(dialling.app_url.base(), "https://app.example");
    assert_eq!(dialling.phone_number.as_str(), "+12125550100");
    assert_eq!(dialling.twilio.api_url.as_str(), "https://api.twilio.com");
}

#[test]
fn every_missing_variable_is_named_in_one_list() {
    let nothing = Vars::from([("VERCEL", "1".to_owned())]);
    let expected = [
        "ELEVENLABS_AGENT_ID",
        "ELEVENLABS_API_KEY",
        "NEXT_PUBLIC_APP_URL",
        "STORE_URL",
        "TWILIO_ACCOUNT_SID",
        "TWILIO_AUTH_TOKEN",
        "TWILIO_PHONE_NUMBER",
    ];
    assert_eq!(problems(&nothing), expected);
    let empty = good().into_keys().map(|name| (name, " ".to_owned())).chain(nothing).collect();
    assert_eq!(problems(&empty), expected);
}

#[cfg(feature = "sqlite")]
#[test]
fn each_missing_variable_alone_stops_every_dial() {
    for name in good().into_keys().filter(|name| *name != "STORE_URL") {
        let mut vars = good();
        vars.remove(name);
        let settings = parse(&vars);
        let refused = settings.for_dialling().unwrap_err();
        assert_eq!(
            refused.iter().map(ToString::to_string).collect::<Vec<_>>(),
            [format!("{name} is missing")]
        );
    }
}

#[cfg(feature = "sqlite")]
#[test]
fn each_malformed_variable_is_named() {
    let sid = format!("AC{}", "a".repeat(31));
    assert_refused("TWILIO_ACCOUNT_SID", &["AC1", &sid, &format!("{sid}g")]);
    assert_refused("TWILIO_AUTH_TOKEN", &["two words", "tökén"]);
    assert_refused("TWILIO_PHONE_NUMBER", &["12125550100", "+112125550100", "+0212555010", "me"]);
    assert_refused("ELEVENLABS_API_KEY", &["a key"]);
    assert_refused("ELEVENLABS_AGENT_ID", &["an agent"]);
    assert_refused("ELEVENLABS_CONNECT", &["signed_url", "REGISTER-CALL"]);
    assert_refused("STORE_URL", &["sqlite:", "mysql://x.example", "calls.sqlite"]);
    assert_refused("CALL_TIME_LIMIT_SECONDS", &["0", "14401", "-1", "15m", "1.5"]);
    assert_refused("CALL_RETENTION_DAYS", &["0", "3651", "forever"]);
    assert_refused("VOICE_BUDGET_SECONDS", &["0", "15", "8s"]);
    assert_refused("VOICE_LANGUAGE", &["English (US)", "en_US"]);
    assert_refused("VOICE_APOLOGY_OTHER", &["a\u{7}b", &"x".repeat(4097)]);
    assert_refused("STREAM_TRACK", &["both_tracks", "outbound_track"]);
    assert_refused("STREAM_NAME", &["a\u{0}"]);
    assert_refused("STREAM_PARAMETERS", &["novalue", "=v", &format!("n={}", "x".repeat(499))]);
}

#[cfg(feature = "sqlite")]
#[test]
fn each_malformed_address_is_named() {
    let https = "https://x.example";
    let query = [https, "?a=b"].concat();
    let bad =
        ["x.example", "http://x.example", "ftp://x.example", "https://", &query, "https://x#f"];
    for name in ["ELEVENLABS_API_URL", "NEXT_PUBLIC_APP_URL", "TWILIO_API_URL"] {
        assert_refused(name, &bad);
        assert_taken(name, &[https]);
    }
    assert_refused("ALLOWED_ORIGINS", &["*", "https://x.example/path", "https://x.example,x"]);
}

#[cfg(feature = "sqlite")]
#[test]
fn several_problems_are_told_together_and_each_once() {
    let vars = with(&[
        ("TWILIO_AUTH_TOKEN", "two words"),
        ("VOICE_BUDGET_SECONDS", "x"),
        ("STORE_URL", "?"),
    ]);
    assert_eq!(problems(&vars), ["STORE_URL", "TWILIO_AUTH_TOKEN", "VOICE_BUDGET_SECONDS"]);
}

#[test]
fn no_secret_prints() {
    let printed = format!("{:?}", parse(&with(&SECRETS)));
    assert!(printed.contains("[redacted]"));
    for (name, value) in SECRETS.iter().filter(|(name, _)| *name != "TWILIO_API_KEY_SID") {
        assert!(!printed.contains(value), "{name} prints");
    }
    assert!(!printed.contains("+12125550100"), "the phone number prints");
}

#[test]
fn no_problem_tells_a_value() {
    let names = "ALLOWED_ORIGINS CALL_RETENTION_DAYS CALL_TIME_LIMIT_SECONDS ELEVENLABS_API_URL \
        ELEVENLABS_CONNECT STREAM_PARAMETERS STREAM_TRACK TWILIO_API_URL VOICE_BUDGET_SECONDS \
        VOICE_LANGUAGE CALL_ALLOWED_PREFIXES CALL_BLOCKLIST CALL_QUIET_HOURS CALL_MAX_PER_DAY";
    let secrets = SECRETS.map(|(name, _)| name).into_iter();
    let secrets = secrets.filter(|name| *name != "TWILIO_AUTH_TOKEN_SECONDARY");
    let names = names.split(' ').chain(good().into_keys()).chain(secrets);
    let vars: Vars = names.map(|name| (name, "zq \u{1}zq,zq".to_owned())).collect();
    let settings = parse(&vars);
    assert_eq!(settings.problems.len(), vars.len(), "{:?}", settings.problems);
    for problem in &settings.problems {
        assert!(!problem.to_string().contains("zq"), "{problem}");
    }
    assert!(!format!("{settings:?}").contains("zq"));
}

#[test]
fn a_trailing_slash_of_a_base_is_dropped() {
    for base in ["https://app.example/", "https://app.example//", " https://app.example "] {
        let settings = parse(&with(&[
            ("NEXT_PUBLIC_APP_URL", base),
            ("TWILIO_API_URL", "https://api.twilio.com/"),
        ]));
        assert_eq!(settings.app_url.unwrap().base(), "https://app.example");
        assert_eq!(settings.twilio.unwrap().api_url.as_str(), "https://api.twilio.com");
    }
    let settings = parse(&with(&[("NEXT_PUBLIC_APP_URL", "https://app.example:8443/Prod/")]));
    assert_eq!(settings.app_url.unwrap().base(), "https://app.example:8443/Prod");
}

#[cfg(feature = "sqlite")]
#[test]
fn a_base_that_the_real_twilio_cannot_call_is_refused_only_for_the_real_twilio() {
    let bases = [
        "http://localhost:3000",
        "https://localhost",
        "https://app.localhost",
        "http://127.0.0.1:3000",
        "https://[::1]:3000",
        "http://app.example",
        "https://my_app.example",
    ];
    for base in bases {
        for api in [
            "https://api.twilio.com",
            "https://api.dublin.ie1.twilio.com",
            "https://API.twilio.com",
        ] {
            let vars = with(&[("NEXT_PUBLIC_APP_URL", base), ("TWILIO_API_URL", api)]);
            assert_eq!(problems(&vars), ["NEXT_PUBLIC_APP_URL"], "{base} {api}");
        }
        for api in ["http://127.0.0.1:4010", "https://twilio.example", "https://api.nottwilio.com"]
        {
            let vars = with(&[("NEXT_PUBLIC_APP_URL", base), ("TWILIO_API_URL", api)]);
            assert_eq!(problems(&vars), [""; 0], "{base} {api}");
        }
    }
}

#[test]
fn the_pages_origin_is_the_bases_as_a_browser_writes_it() {
    let vars = with(&[
        ("NEXT_PUBLIC_APP_URL", "https://App.Example:443/Prod"),
        ("ALLOWED_ORIGINS", "https://a.example, http://localhost:3000/,"),
    ]);
    let settings = parse(&vars);
    assert!(settings.app_url.unwrap().origin().matches("https://app.example"));
    let [a, local] = settings.access.allowed_origins.as_slice() else { panic!("two origins") };
    assert!(a.matches("https://a.example") && local.matches("http://localhost:3000"));
    assert!(!a.matches("https://a.example.evil.example") && !a.matches("null"));
}

#[cfg(feature = "sqlite")]
#[test]
fn half_an_api_key_names_the_missing_half() {
    use crate::twilio::Credentials;
    let (sid, secret) = (SECRETS[2], SECRETS[3]);
    assert_eq!(problems(&with(&[sid])), ["TWILIO_API_KEY_SECRET"]);
    assert_eq!(problems(&with(&[secret])), ["TWILIO_API_KEY_SID"]);
    assert_eq!(problems(&with(&[("TWILIO_API_KEY_SID", "AC1"), secret])), ["TWILIO_API_KEY_SID"]);
    let account = parse(&with(&[sid, secret])).twilio.unwrap();
    assert!(matches!(account.credentials, Credentials::ApiKey { sid, .. } if sid == SECRETS[2].1));
    let account = parse(&good()).twilio.unwrap();
    assert!(
        matches!(account.credentials, Credentials::AuthToken(token) if token.reveal() == SECRETS[0].1)
    );
}

#[test]
fn a_second_auth_token_checks_webhooks_too() {
    let tokens = |vars: &Vars| format!("{:?}", parse(vars).verifier);
    assert_eq!(tokens(&good()), "Some(Verifier(1 tokens))");
    assert_eq!(tokens(&with(&SECRETS[1..2])), "Some(Verifier(2 tokens))");
    assert_eq!(tokens(&with(&[("TWILIO_AUTH_TOKEN", "")])), "None");
}

#[test]
fn a_flag_takes_one_list_of_words_and_everything_else_is_refused() {
    let records = |value| parse(&with(&[("RECORD_CALLS", value)])).calling.record_calls;
    assert!(["1", "true", "yes", "On", " TRUE "].into_iter().all(records));
    assert!(!["", " ", "0", "false", "FALSE", "No", "off"].into_iter().any(records));
    let stream = |value| parse(&with(&[("STREAM_STATUS_CALLBACK", value)])).voice;
    assert!(stream("").stream_status_callback && stream("on").stream_status_callback);
    assert!(!stream("off").stream_status_callback);
    for flag in ["CALL_PAUSED", "RECORD_CALLS", "STREAM_STATUS_CALLBACK", "TRANSCRIPTS_FOR_PAGES"] {
        assert_refused(flag, &["flase", "n", "disabled", "2", "'true'"]);
    }
}

#[test]
fn the_voice_of_apologies_is_a_name() {
    let set = |name| parse(&with(&[("VOICE_NAME", name)])).voice.apologies.voice;
    assert_eq!(set("Polly.Joanna-Neural").as_deref(), Some("Polly.Joanna-Neural"));
    assert_eq!(set(""), None);
    assert_refused("VOICE_NAME", &["Polly Joanna", "x\"/><Hangup/>"]);
}

#[test]
fn values_are_taken_without_the_white_space_around_them_and_never_with_quotes() {
    let settings = parse(&with(&[
        ("TWILIO_AUTH_TOKEN", " secret-auth-token\n"),
        ("TWILIO_ACCOUNT_SID", &format!("AC{}\r\n", "a".repeat(32))),
        ("NEXT_PUBLIC_APP_URL", "https://app.example/ \n"),
        ("MAKE_CALL_TOKEN", "\tsixteen-letters!\n"),
    ]));
    assert_eq!(settings.problems, []);
    assert!(
        matches!(&settings.access.token, Token::Set(all) if all[0].reveal() == "sixteen-letters!")
    );
    for name in ["TWILIO_AUTH_TOKEN", "ELEVENLABS_API_KEY", "MAKE_CALL_TOKEN", "CALL_MAX_PER_DAY"] {
        for quoted in ["\"1234567890123456\"", "'1234567890123456'"] {
            let settings = parse(&with(&[(name, quoted)]));
            assert!(
                settings.problems.iter().any(|it| it.name == name && it.what.contains("quotes"))
            );
        }
    }
}

#[test]
fn what_can_never_work_is_refused_with_its_true_reason() {
    for (name, value, reason) in [
        ("NEXT_PUBLIC_APP_URL", "https://app.example/api/twilio/voice", "path of an endpoint"),
        ("NEXT_PUBLIC_APP_URL", "https://app.example/api/twilio", "path of an endpoint"),
        ("TWILIO_API_URL", "https://api.twilio.com/2010-04-01", "base alone"),
        ("ELEVENLABS_API_URL", "https://api.elevenlabs.io/v1", "base alone"),
        ("ELEVENLABS_API_URL", "https://api.elevenlabs.io/v1/convai", "base alone"),
        ("ALLOWED_ORIGINS", "https://*.vercel.app", "each origin"),
        ("TWILIO_AUTH_TOKEN", "your_auth_token", "placeholder"),
        ("TWILIO_AUTH_TOKEN", "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx", "placeholder"),
        ("ELEVENLABS_API_KEY", "<your-api-key>", "placeholder"),
        ("ELEVENLABS_API_KEY", "your-elevenlabs-api-key", "placeholder"),
        ("NEXT_PUBLIC_APP_URL", "https://app.example/api", "path of an endpoint"),
        ("ELEVENLABS_API_KEY", "sk_your_key_here", "placeholder"),
        ("ELEVENLABS_AGENT_ID", "your_agent_id", "placeholder"),
        ("MAKE_CALL_TOKEN", "change-me-change-me", "placeholder"),
    ] {
        let settings = parse(&with(&[(name, value)]));
        let [problem] = settings.problems.as_slice() else { panic!("{name}={value}") };
        assert_eq!(problem.name, name);
        assert!(problem.what.contains(reason), "{name}={value}: {problem}");
    }
}

#[test]
fn a_password_that_would_travel_unencrypted_to_another_machine_is_noticed() {
    let exposed = |url| parse(&with(&[("STORE_URL", url)])).store.unwrap().is_exposed();
    assert!(exposed("redis://default:pw@redis.example:6379"));
    for url in
        ["rediss://default:pw@redis.example", "redis://127.0.0.1:6379", "redis://localhost/1"]
    {
        assert!(!exposed(url), "{url}");
    }
}

#[cfg(feature = "sqlite")]
#[test]
fn sqlite_is_honoured_wherever_it_is_asked_for_and_only_a_laptop_has_it_unasked() {
    let store = |vars: &Vars| parse(vars).store;
    let asked = Some(StoreUrl::Sqlite("calls.sqlite".into()));
    let mut unasked = good();
    unasked.remove("STORE_URL");
    assert_eq!(store(&unasked), Some(StoreUrl::Sqlite(".close-loop/calls.sqlite".into())));
    for host in ["VERCEL", "AWS_LAMBDA_RUNTIME_API"] {
        assert_eq!(store(&with(&[(host, "1")])), asked);
        unasked.insert(host, "1".to_owned());
        assert_eq!((store(&unasked), problems(&unasked)), (None, vec!["STORE_URL".to_owned()]));
        unasked.remove(host);
    }
}

#[cfg(not(feature = "sqlite"))]
#[test]
fn a_build_without_sqlite_says_so() {
    assert_eq!(problems(&good()), ["STORE_URL"]);
    assert_eq!(problems(&with(&[("STORE_URL", "")])), ["STORE_URL"]);
}

#[test]
fn the_defaults_are_those_of_the_interface() {
    let settings = parse(&good());
    let calling = Calling {
        record_calls: false,
        time_limit_seconds: 900,
        retention_days: 30,
        default_variables: DynamicVariables::default(),
        campaign_variables: Vec::new(),
    };
    assert_eq!(settings.calling, calling);
    assert!(!settings.access.transcripts_for_pages);
    assert_eq!(settings.voice.budget, Duration::from_secs(8));
    assert_eq!(settings.voice.stream, ConnectStream::default());
    assert!(settings.voice.stream_status_callback);
    let agent = settings.elevenlabs.unwrap();
    assert_eq!(
        (agent.connect, agent.api_url.as_str()),
        (Connect::RegisterCall, "https://api.elevenlabs.io")
    );
    assert!(matches!(settings.access.token, Token::Unset));
    let apologies = &settings.voice.apologies;
    assert_eq!(
        apologies.sentence(Apology::Busy),
        "Service is busy. Please call back in a few minutes."
    );
    assert_eq!(
        apologies.sentence(Apology::Configuration),
        "Configuration error. Please contact support."
    );
    assert_eq!(
        apologies.sentence(Apology::Other),
        "Technical difficulties. Please try again later."
    );
    assert_eq!(apologies.language, None);
}

#[test]
fn what_is_set_replaces_the_defaults() {
    let settings = parse(&with(&[
        ("CALL_TIME_LIMIT_SECONDS", "60"),
        ("CALL_RETENTION_DAYS", "7"),
        ("RECORD_CALLS", "true"),
        ("VOICE_BUDGET_SECONDS", "14"),
        ("VOICE_APOLOGY_BUSY", "Später."),
        ("VOICE_LANGUAGE", "de-DE"),
        ("ELEVENLABS_CONNECT", "signed-url"),
        ("STREAM_NAME", "s"),
        ("STREAM_TRACK", "inbound_track"),
        ("STREAM_PARAMETERS", "a=b=c, d="),
    ]));
    let calling = &settings.calling;
    assert!(calling.record_calls);
    assert_eq!((calling.time_limit_seconds, calling.retention_days), (60, 7));
    assert_eq!(settings.voice.budget, Duration::from_secs(14));
    assert_eq!(settings.voice.apologies.sentence(Apology::Busy), "Später.");
    assert_eq!(settings.voice.apologies.language.as_deref(), Some("de-DE"));
    assert_eq!(settings.elevenlabs.unwrap().connect, Connect::SignedUrl);
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let parameters = vec![pair("a", "b=c"), pair("d", "")];
    let stream = ConnectStream { name: Some("s".to_owned()), inbound_track: true, parameters };
    assert_eq!(settings.voice.stream, stream);
}
