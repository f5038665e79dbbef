//! In front of DynamoDB: counts, weighs and throttles.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};

use crate::stand_in::StandIn;

/// How DynamoDB refuses who asks too much.
#[derive(Clone, Copy, Debug)]
pub enum Refusal {
    /// The account or an on-demand table.
    Throttling,
    /// A partition or a provisioned table.
    Throughput,
    /// A fault of the service itself.
    Internal,
}

#[derive(Debug, Default)]
struct Seen {
    requests: BTreeMap<String, usize>,
    write_units: f64,
    read_units: f64,
    passing: usize,
    refusals: Vec<Refusal>,
}

/// What went through since the last look.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Tally {
    /// Requests by operation.
    pub requests: BTreeMap<String, usize>,
    /// Units of writing, indexes included, as the server billed them.
    pub write_units: f64,
    /// Units of reading.
    pub read_units: f64,
}

impl Tally {
    /// All requests.
    #[must_use]
    pub fn total(&self) -> usize {
        self.requests.values().sum()
    }
}

/// A proxy that understands DynamoDB's HTTP.
#[derive(Debug)]
pub struct HttpProxy {
    stand_in: StandIn,
    seen: Arc<Mutex<Seen>>,
}

#[derive(Clone, Debug)]
struct Way {
    server: u16,
    client: reqwest::Client,
    seen: Arc<Mutex<Seen>>,
}

impl HttpProxy {
    /// Stands in front of a port of 127.0.0.1.
    #[must_use]
    pub fn start(server: u16) -> Self {
        let seen = Arc::<Mutex<Seen>>::default();
        let client = shared::net::client().unwrap();
        let way = Way { server, client, seen: Arc::clone(&seen) };
        let routes = Router::new().fallback(forward).with_state(way);
        Self { stand_in: StandIn::of_routes(0, routes), seen }
    }

    /// Where clients connect.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.stand_in.port()
    }

    /// Refuses the next requests with these, first to last.
    pub fn refuse_next(&self, refusals: &[Refusal]) {
        self.refuse_after(0, refusals);
    }

    /// Lets so many requests pass first.
    pub fn refuse_after(&self, passing: usize, refusals: &[Refusal]) {
        let mut seen = self.seen.lock().unwrap();
        (seen.passing, seen.refusals) = (passing, refusals.iter().rev().copied().collect());
    }

    /// What went through since this was last asked.
    #[must_use]
    pub fn tally(&self) -> Tally {
        let mut seen = self.seen.lock().unwrap();
        let tally = Tally {
            requests: std::mem::take(&mut seen.requests),
            write_units: seen.write_units,
            read_units: seen.read_units,
        };
        (seen.write_units, seen.read_units) = (0.0, 0.0);
        tally
    }
}

async fn forward(State(way): State<Way>, headers: HeaderMap, body: Bytes) -> Response {
    let target = headers.get("x-amz-target").and_then(|value| value.to_str().ok());
    let operation =
        target.and_then(|target| target.split_once('.')).map_or("?", |(_, name)| name).to_owned();
    let refusal = {
        let mut seen = way.seen.lock().unwrap();
        *seen.requests.entry(operation.clone()).or_default() += 1;
        match seen.passing.checked_sub(1) {
            Some(left) => {
                seen.passing = left;
                None
            }
            None => seen.refusals.pop(),
        }
    };
    if let Some(refusal) = refusal {
        return refused(refusal);
    }
    match way.ask(&headers, &body).await {
        Ok((status, answer)) => way.give_back(&operation, status, answer),
        Err(error) => (StatusCode::BAD_GATEWAY, error.to_string()).into_response(),
    }
}

impl Way {
    async fn ask(
        &self,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Result<(StatusCode, Bytes), Box<dyn std::error::Error>> {
        // The server itself counts the units. The changed body needs no signature: it checks none.
        let mut body: Value = serde_json::from_slice(body)?;
        body["ReturnConsumedCapacity"] = json!("INDEXES");
        let mut request = self.client.post(format!("http://127.0.0.1:{}/", self.server));
        for name in ["x-amz-target", "x-amz-date", "authorization", "content-type"] {
            if let Some(value) = headers.get(name) {
                request = request.header(name, value);
            }
        }
        let response = request.body(body.to_string()).send().await?;
        Ok((response.status(), response.bytes().await?))
    }

    fn give_back(&self, operation: &str, status: StatusCode, answer: Bytes) -> Response {
        let mut seen = self.seen.lock().unwrap();
        let units = serde_json::from_slice::<Value>(&answer).map_or(0.0, |answer| units(&answer));
        if matches!(operation, "GetItem" | "BatchGetItem" | "Query") {
            seen.read_units += units;
        } else {
            // A refused condition is billed as a write too, and the refusal does not say so.
            seen.write_units += if status.is_success() { units } else { 1.0 };
        }
        (status, [(header::CONTENT_TYPE, "application/x-amz-json-1.0")], answer).into_response()
    }
}

/// `ConsumedCapacity` is an object, or a list of a batch.
fn units(answer: &Value) -> f64 {
    let of = |capacity: &Value| capacity["CapacityUnits"].as_f64().unwrap_or(0.0);
    match &answer["ConsumedCapacity"] {
        Value::Array(tables) => tables.iter().map(of).sum(),
        capacity => of(capacity),
    }
}

fn refused(refusal: Refusal) -> Response {
    let (status, name) = match refusal {
        Refusal::Throttling => (StatusCode::BAD_REQUEST, "ThrottlingException"),
        Refusal::Throughput => (StatusCode::BAD_REQUEST, "ProvisionedThroughputExceededException"),
        Refusal::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "InternalServerError"),
    };
    let body = json!({
        "__type": format!("com.amazonaws.dynamodb.v20120810#{name}"),
        "message": "simulated",
    });
    let kind = [(header::CONTENT_TYPE, "application/x-amz-json-1.0")];
    (status, kind, body.to_string()).into_response()
}
