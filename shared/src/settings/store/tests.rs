//! Which store is meant, by what marketplaces inject and people forget.

use crate::settings::{Settings, StoreUrl, Variables};

/// Variables whose names can be told.
struct Vars(Vec<(&'static str, &'static str)>);

impl Variables for Vars {
    fn get(&self, name: &str) -> Option<String> {
        self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
    }

    fn names(&self) -> Vec<String> {
        self.0.iter().map(|(name, _)| (*name).to_owned()).collect()
    }
}

/// Problems that are about other things are left out.
fn resolve(pairs: &[(&'static str, &'static str)]) -> (Option<StoreUrl>, Vec<String>) {
    let settings = Settings::parse(&Vars(pairs.to_vec()));
    let of_stores = |name: &str| {
        ["STORE", "KV", "REDIS", "UPSTASH", "AWS"].iter().any(|part| name.contains(part))
    };
    let problems = settings.problems.iter().filter(|problem| of_stores(&problem.name));
    (settings.store, problems.map(ToString::to_string).collect())
}

fn names(problems: &[String]) -> Vec<&str> {
    problems.iter().map(|problem| problem.split(' ').next().unwrap_or_default()).collect()
}

fn rest_url(store: Option<StoreUrl>) -> String {
    match store {
        Some(StoreUrl::KvRest { url, .. }) => url.as_str().to_owned(),
        other => format!("{other:?}"),
    }
}

const VERCEL: (&str, &str) = ("VERCEL", "1");
const KV: [(&str, &str); 2] =
    [("KV_REST_API_URL", "https://kv.example"), ("KV_REST_API_TOKEN", "kv-token")];
const UPSTASH: [(&str, &str); 2] =
    [("UPSTASH_REDIS_REST_URL", "https://up.example"), ("UPSTASH_REDIS_REST_TOKEN", "up-token")];
const KEYS: [(&str, &str); 3] = [
    ("AWS_ACCESS_KEY_ID", "AKIAEXAMPLE"),
    ("AWS_SECRET_ACCESS_KEY", "secret"),
    ("AWS_REGION", "eu-west-1"),
];

#[test]
fn what_is_asked_for_wins_over_what_is_injected() {
    let all: Vec<_> = [("STORE_URL", "redis://h:1")].into_iter().chain(KV).chain(UPSTASH).collect();
    assert!(matches!(resolve(&all).0, Some(StoreUrl::Redis(_))));
    let asked = [("STORE_URL", "https://mine.example"), ("KV_REST_API_TOKEN", "t")];
    assert_eq!(rest_url(resolve(&asked).0), "https://mine.example");
}

#[test]
fn injected_pairs_come_in_their_order() {
    let both: Vec<_> = UPSTASH.into_iter().chain(KV).collect();
    assert_eq!(rest_url(resolve(&both).0), "https://kv.example");
    assert_eq!(rest_url(resolve(&UPSTASH).0), "https://up.example");
    let with_redis: Vec<_> = UPSTASH.into_iter().chain([("REDIS_URL", "redis://h")]).collect();
    assert_eq!(rest_url(resolve(&with_redis).0), "https://up.example");
    assert!(matches!(resolve(&[("KV_URL", "rediss://h")]).0, Some(StoreUrl::Redis(_))));
}

#[test]
fn half_a_pair_is_complained_about_and_never_mixed_with_the_other() {
    for (given, missing) in [
        ([KV[0], UPSTASH[1]], ["KV_REST_API_TOKEN", "UPSTASH_REDIS_REST_URL"]),
        ([KV[1], UPSTASH[0]], ["KV_REST_API_URL", "UPSTASH_REDIS_REST_TOKEN"]),
    ] {
        let (store, problems) = resolve(&[given[0], given[1], VERCEL]);
        assert_eq!(store, None);
        assert_eq!(names(&problems), missing);
    }
}

#[test]
fn the_read_only_token_is_never_taken() {
    let (store, problems) = resolve(&[KV[0], ("KV_REST_API_READ_ONLY_TOKEN", "ro"), VERCEL]);
    assert_eq!((store, names(&problems)), (None, vec!["KV_REST_API_TOKEN"]));
}

#[test]
fn names_with_a_prefix_are_pointed_out() {
    let prefixed = [("cache_KV_REST_API_URL", "https://kv.example"), VERCEL];
    let (store, problems) = resolve(&prefixed);
    assert_eq!(store, None);
    assert!(problems[0].contains("cache_KV_REST_API_URL"), "{problems:?}");
    assert!(problems[0].contains("STORE_URL") && !problems[0].contains("kv.example"));
}

#[test]
fn a_deployed_function_without_a_store_says_so() {
    for host in [VERCEL, ("AWS_LAMBDA_RUNTIME_API", "127.0.0.1:1")] {
        assert_eq!(names(&resolve(&[host]).1), ["STORE_URL"]);
    }
}

fn dynamodb(pairs: &[(&'static str, &'static str)]) -> (Option<StoreUrl>, Vec<String>) {
    let mut all = vec![("STORE_URL", "dynamodb:calls")];
    all.extend(pairs);
    resolve(&all)
}

#[test]
fn on_lambda_the_hosts_own_identity_opens_dynamodb() {
    let temporary = [
        ("AWS_ACCESS_KEY_ID", "ASIAEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_SESSION_TOKEN", "session"),
        ("AWS_REGION", "eu-west-1"),
    ];
    let (Some(StoreUrl::DynamoDb(url)), problems) = dynamodb(&temporary) else { panic!() };
    assert!(problems.is_empty());
    assert_eq!((url.table.as_str(), url.region.as_str()), ("calls", "eu-west-1"));
    assert!(url.identity.session_token.is_some());
    assert_eq!(names(&dynamodb(&temporary[..2]).1), ["AWS_REGION", "AWS_SESSION_TOKEN"]);
}

#[test]
fn a_static_key_is_never_mixed_with_the_platforms_session_token() {
    let mut mixed = KEYS.to_vec();
    mixed.push(("AWS_SESSION_TOKEN", "the platform's"));
    let (Some(StoreUrl::DynamoDb(url)), _) = dynamodb(&mixed) else { panic!() };
    assert_eq!(url.identity.session_token, None);
}

#[test]
fn on_vercel_only_our_own_names_open_dynamodb() {
    let mut vercels = KEYS.to_vec();
    vercels.push(VERCEL);
    let own = [
        ("CLOSE_LOOP_AWS_ACCESS_KEY_ID", "AKIAOWN"),
        ("CLOSE_LOOP_AWS_REGION", "us-east-1"),
        ("CLOSE_LOOP_AWS_SECRET_ACCESS_KEY", "own"),
    ];
    let (store, problems) = dynamodb(&vercels);
    assert_eq!(store, None);
    assert_eq!(names(&problems), own.map(|(name, _)| name));
    vercels.extend(own);
    let (Some(StoreUrl::DynamoDb(url)), problems) = dynamodb(&vercels) else { panic!() };
    assert!(problems.is_empty());
    assert_eq!(
        (url.identity.access_key_id.as_str(), url.region.as_str()),
        ("AKIAOWN", "us-east-1")
    );
}

#[test]
fn an_arn_carries_its_own_region() {
    let arn = ("STORE_URL", "dynamodb:arn:aws:dynamodb:ap-south-1:123456789012:table/calls");
    let (Some(StoreUrl::DynamoDb(url)), _) = resolve(&[arn, KEYS[0], KEYS[1]]) else { panic!() };
    assert_eq!((url.table.as_str(), url.region.as_str()), ("calls", "ap-south-1"));
    for bad in ["dynamodb:", "dynamodb:x", "dynamodb:a b", "dynamodb:arn:aws:s3:::b", "mysql://h"] {
        assert_eq!(names(&resolve(&[("STORE_URL", bad)]).1), ["STORE_URL"], "{bad}");
    }
}

#[test]
fn no_secret_of_a_store_ever_prints() {
    let settings = Settings::parse(&Vars(vec![("STORE_URL", "rediss://user:hunter2@h:1")]));
    assert!(!format!("{settings:?}").contains("hunter2"));
    let mut keys = KEYS.to_vec();
    keys[1].1 = "hunter2";
    keys.push(("STORE_URL", "dynamodb:calls"));
    assert!(!format!("{:?}", Settings::parse(&Vars(keys))).contains("hunter2"));
}
