//! What a refusal costs: requests to DynamoDB by reason. A caller that is refused must not run up a
//! bill.

use std::io::Write as _;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU32, Ordering};

use bytes::Bytes;
use http::Request;
use serde_json::Value;
use shared::call::Timestamp;
use shared::endpoint::{App, ClientAddress, Endpoint as _, MakeCall};
use shared::net::{Http, Sent, Transport};
use shared::ports::{Clock, Random, System};
use shared::settings::Settings;
use stores::calls::RETENTION_DAYS;
use stores::proxy::HttpProxy;
use stores::{Backend, open_at};

/// Twilio takes every call on.
#[derive(Default)]
struct Accepts(AtomicU32);

impl Transport for Accepts {
    fn send(&self, _: reqwest::Request) -> Sent<'_> {
        let number = self.0.fetch_add(1, Ordering::SeqCst);
        let body = format!(r#"{{"sid":"CA{number:032x}","status":"queued"}}"#);
        Box::pin(async move {
            let answer = http::Response::builder().status(201).body(body);
            Ok(answer.map(reqwest::Response::from).unwrap())
        })
    }
}

/// The hour in which the test runs, at its beginning: no figure depends on when it began.
struct Stopped(Timestamp);

impl Stopped {
    fn at_the_beginning_of_this_hour() -> Self {
        let hour = 60 * 60 * 1000;
        Self(Timestamp::from_millis(System.now().as_millis() / hour * hour))
    }
}

impl Clock for Stopped {
    fn now(&self) -> Timestamp {
        self.0
    }
}

/// A nonce of its own for each request.
#[derive(Default)]
struct Counting(AtomicU8);

impl Random for Counting {
    fn random_bytes(&self) -> [u8; 16] {
        [self.0.fetch_add(1, Ordering::SeqCst); 16]
    }
}

const ORIGIN: &str = "https://app.example";

fn settings(more: &[(&str, &str)]) -> Settings {
    let account = format!("AC{}", "0".repeat(32));
    Settings::parse(&|name: &str| {
        let given = more.iter().find(|(given, _)| *given == name).map(|(_, value)| *value);
        let base = match name {
            "NEXT_PUBLIC_APP_URL" => ORIGIN,
            "TWILIO_ACCOUNT_SID" => &account,
            "TWILIO_PHONE_NUMBER" => "+12125550100",
            "TWILIO_AUTH_TOKEN" | "ELEVENLABS_AGENT_ID" | "ELEVENLABS_API_KEY" => "x",
            "STORE_URL" => "dynamodb:calls",
            "CLOSE_LOOP_AWS_ACCESS_KEY_ID" | "CLOSE_LOOP_AWS_SECRET_ACCESS_KEY" => "x",
            "CLOSE_LOOP_AWS_REGION" => "us-east-1",
            _ => return given.map(str::to_owned),
        };
        Some(given.unwrap_or(base).to_owned())
    })
}

struct Dial<'a> {
    key: &'a str,
    client: &'a str,
    to: &'a str,
}

async fn dial(app: &App, dial: &Dial<'_>) -> (u16, String) {
    let mut request = Request::post("/api/twilio/make-call")
        .header("origin", ORIGIN)
        .header("content-type", "application/json")
        .header("idempotency-key", dial.key)
        .body(Bytes::from(format!(r#"{{"to":"{}"}}"#, dial.to)))
        .unwrap();
    let address: IpAddr = dial.client.parse().unwrap();
    request.extensions_mut().insert(ClientAddress::new(address));
    let response = MakeCall.answer(app, request).await;
    let body: Value = serde_json::from_slice(response.body()).unwrap();
    (response.status().as_u16(), body["reason"].as_str().unwrap_or("dialled").to_owned())
}

/// Places a first call, then asks again as `again` does, and gives what that cost.
async fn cost(
    more: &[(&str, &str)],
    first: Dial<'_>,
    again: Dial<'_>,
) -> Option<Vec<(String, usize)>> {
    let running = Backend::DynamoDbDynoxide.start_or_skip()?;
    let space = running.space();
    let proxy = HttpProxy::start(space.place().port().unwrap());
    let store = open_at(&space.place().through(proxy.port()), RETENTION_DAYS);
    let http = Http::over(shared::net::client().unwrap(), Arc::new(Accepts::default()));
    let clock = Stopped::at_the_beginning_of_this_hour();
    let app = App::new(settings(more), store, http, Arc::new(clock), Arc::new(Counting::default()));
    assert_eq!(dial(&app, &first).await, (200, "dialled".to_owned()));
    let _ = proxy.tally();
    let mut costs = Vec::new();
    for _ in 0..2 {
        let (_, reason) = dial(&app, &again).await;
        costs.push((reason, proxy.tally().total()));
    }
    Some(costs)
}

const FIRST: Dial<'static> = Dial { key: "1", client: "192.0.2.1", to: "+12125550101" };

/// A reason, the settings and the second dial that provoke it, and how many requests it may cost the
/// first time and again.
type Row<'a> = (&'a str, &'a [(&'a str, &'a str)], Dial<'a>, usize, usize);

#[tokio::test]
async fn a_refusal_costs_no_more_requests_than_is_promised() {
    let other = Dial { key: "2", client: "192.0.2.2", to: "+12125550102" };
    let table: [Row<'_>; 8] = [
        (
            "rate_limited",
            &[("CALL_RATE_PER_CLIENT", "1")],
            Dial { key: "2", to: other.to, ..FIRST },
            3,
            3,
        ),
        ("destination_cooldown", &[], Dial { to: FIRST.to, ..other }, 5, 5),
        (
            "destination_daily_limit",
            &[("CALL_MAX_PER_DESTINATION_PER_DAY", "1"), ("CALL_COOLDOWN_SECONDS", "0")],
            Dial { to: FIRST.to, ..other },
            5,
            5,
        ),
        ("concurrency_limit", &[("CALL_MAX_CONCURRENT", "1")], Dial { ..other }, 9, 9),
        ("daily_limit", &[("CALL_MAX_PER_DAY", "1")], Dial { ..other }, 13, 13),
        ("idempotency_key_reused", &[], Dial { key: FIRST.key, ..other }, 1, 1),
        ("destination_premium", &[], Dial { to: "+19005550100", ..other }, 1, 1),
        ("dialled", &[], Dial { ..FIRST }, 3, 3),
    ];
    let mut text = "\nDynamoDB: what a refusal costs, with a key and without the token\n\
        | reason | requests | again |\n| --- | --: | --: |\n"
        .to_owned();
    for (reason, settings, again, most, most_again) in table {
        let Some(costs) = cost(settings, FIRST, again).await else { return };
        let [(first, asked), (second, asked_again)] = costs.as_slice() else { unreachable!() };
        assert_eq!((first.as_str(), second.as_str()), (reason, reason));
        text += &format!("| {reason} | {asked} | {asked_again} |\n");
        assert_eq!((*asked, *asked_again), (most, most_again), "{text}");
    }
    std::io::stderr().write_all(text.as_bytes()).unwrap();
}
