//! Everybody who talks to a deployment: the page, and Twilio once more.

use bytes::Bytes;
use fakes::{Delivery, DeliveryKind};
use http::{Request, Response, header};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::deployment::{Site, TOKEN};
use crate::essence::essence;
use crate::wire::{self, PATIENCE};

pub(crate) const FORM: &str = "application/x-www-form-urlencoded; charset=UTF-8";

/// The page reads.
pub(crate) fn get(query: &str) -> Request<Bytes> {
    get_path(&format!("/api/twilio/{query}"))
}

/// The page reads what is said.
pub(crate) fn get_transcript(query: &str) -> Request<Bytes> {
    get_path(&format!("/api/elevenlabs/get-transcript?{query}"))
}

fn get_path(path: &str) -> Request<Bytes> {
    let request = Request::get(path);
    request.header(header::AUTHORIZATION, format!("Bearer {TOKEN}")).body(Bytes::new()).unwrap()
}

/// The page dials, or somebody tries to.
pub(crate) fn post_json(function: &str, body: &str) -> Request<Bytes> {
    let request = Request::post(format!("/api/twilio/{function}"));
    let request = request.header(header::AUTHORIZATION, format!("Bearer {TOKEN}"));
    let request = request.header(header::CONTENT_TYPE, "application/json");
    request.body(Bytes::from(body.to_owned())).unwrap()
}

/// Sends it to the app under its own name, unless it bears another.
pub(crate) async fn ask(site: &Site, mut request: Request<Bytes>) -> Response<Bytes> {
    if !request.headers().contains_key(header::HOST) {
        request.headers_mut().insert(header::HOST, site.address.to_string().parse().unwrap());
    }
    wire::ask(site.address, request).await.unwrap_or_else(|why| panic!("{}: {why}", site.name))
}

/// Gives the answer to the one who dials.
pub(crate) async fn dial(site: &Site, body: &Value, headers: &[(&'static str, &str)]) -> Value {
    let mut request = post_json("make-call", &body.to_string());
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    let placed = essence(ask(site, request).await);
    assert_eq!(placed["status"], 200, "{}: {placed}", site.name);
    placed
}

/// Waits until the call's life is over, and reads it.
pub(crate) async fn settled(site: &Site, placed: &Value) -> Value {
    let call_sid = placed["body"]["callSid"].as_str().unwrap();
    timeout(2 * PATIENCE, site.fakes.settled(call_sid)).await.expect("the call never ends");
    let call_id = placed["body"]["callId"].as_str().unwrap();
    let answer = essence(ask(site, get(&format!("status?callId={call_id}"))).await);
    assert_eq!(answer["status"], 200, "{}: {answer}", site.name);
    answer
}

/// What was said in a call that is over, as soon as ElevenLabs may be asked.
pub(crate) async fn transcript(site: &Site, query: &str) -> Value {
    let answer = essence(ask(site, get_transcript(query)).await);
    assert_eq!(
        (&answer["status"], &answer["body"]["status"]),
        (&json!(200), &json!("done")),
        "{}: {answer}",
        site.name
    );
    answer
}

/// The call word by word.
pub(crate) async fn read(site: &Site, call_sid: &str) -> Value {
    let answer = ask(site, get(&format!("status?callSid={call_sid}"))).await;
    assert_eq!(answer.status(), 200, "{}", site.name);
    serde_json::from_slice(answer.body()).unwrap()
}

/// The newest such webhook that Twilio has sent.
pub(crate) fn sent(site: &Site, kind: DeliveryKind, is_it: impl Fn(&Delivery) -> bool) -> Delivery {
    let deliveries = site.fakes.deliveries();
    deliveries.into_iter().rev().find(|it| it.kind == kind && is_it(it)).unwrap()
}

/// Sends one again, with the signature it bears.
pub(crate) async fn webhook(
    site: &Site,
    sent: &Delivery,
    more: &[(&'static str, &str)],
) -> Response<Bytes> {
    let (_, path) = sent.url.split_once(&site.address.to_string()).unwrap();
    let form = serde_urlencoded::to_string(&sent.params).unwrap();
    let mut request = Request::post(path).body(Bytes::from(form)).unwrap();
    let headers = request.headers_mut();
    headers.insert(header::CONTENT_TYPE, FORM.parse().unwrap());
    headers.insert("x-twilio-signature", sent.signature.parse().unwrap());
    for (name, value) in more {
        headers.insert(*name, value.parse().unwrap());
    }
    ask(site, request).await
}

/// Every webhook of a call and its answer. Sorted: Twilio promises no order either.
pub(crate) fn webhooks(site: &Site, placed: &Value) -> Value {
    let deliveries = site.fakes.deliveries();
    let mut told: Vec<_> = deliveries
        .iter()
        .filter(|it| placed["body"]["callSid"] == it.call_sid)
        .map(|it| {
            let status = it.param("CallStatus").or(it.param("RecordingStatus"));
            let what = status.or(it.param("StreamEvent")).unwrap_or_default();
            let sent = format!("{:?} {what} {} {}", it.kind, it.method, it.url);
            json!([sent, it.status, it.response_body])
        })
        .collect();
    told.sort_by_key(ToString::to_string);
    told.into()
}
