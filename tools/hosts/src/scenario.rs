//! What must be the same on every host: a person is dialled, answers, talks and is recorded;
//! callbacks come doubled, shuffled and late; and nobody believes a forged header.

use bytes::Bytes;
use http::{Request, Response, header};
use serde_json::{Value, json};
use simulators::{Delivery, DeliveryKind, Faults, sign};
use tokio::time::timeout;

use crate::deployment::{Site, TOKEN};
use crate::names::Names;
use crate::wire::{self, PATIENCE};

/// The simulated person of this number picks up and talks.
const TALKS: &str = "+12125550123";
const IS_BUSY: &str = "+12125550101";
const FORM: &str = "application/x-www-form-urlencoded; charset=UTF-8";
const FORGED: &str = "evil.example";

/// Plays it, and tells everything that callers, Twilio and ElevenLabs saw in a form that can be
/// compared with other hosts'.
///
/// # Panics
/// Where something is not as it must be on any host.
pub async fn play(site: &Site) -> Value {
    let told = json!({
        "1 a call": a_call(site).await,
        "2 shuffled and doubled": shuffled_and_doubled(site).await,
        "3 late": late(site).await,
        "4 recording": recording(site).await,
        "5 forged": forged(site).await,
        "6 busy": busy(site).await,
        "7 refused": refused(site).await,
        "8 newest": essence(ask(site, get("status")).await),
    });
    Names::default().replace(&told)
}

async fn a_call(site: &Site) -> Value {
    let placed = dial(site, &json!({"to": TALKS}), &[]).await;
    let call = settled(site, &placed).await;
    assert_eq!(call["body"]["status"], "completed", "{call}");
    assert_eq!(call["body"]["recording"]["status"], "completed", "{call}");
    assert_story(&call);
    json!({"placed": placed, "call": call, "webhooks": webhooks(site, &placed)})
}

async fn shuffled_and_doubled(site: &Site) -> Value {
    let mut faults = Faults::default();
    (faults.twilio.reorder, faults.twilio.duplicate) = (true, 1.0);
    site.simulators.set_faults(faults);
    let variables = json!({"customer_name": "José & Söhne <\"'>", "attempt": 2});
    let placed = dial(site, &json!({"to": TALKS, "dynamicVariables": variables}), &[]).await;
    let call = settled(site, &placed).await;
    site.simulators.set_faults(Faults::default());
    assert_eq!(call["body"]["status"], "completed", "{call}");
    assert_story(&call);
    let asked = site.simulators.elevenlabs_requests().pop().unwrap();
    assert!(asked.headers.iter().all(|(name, _)| !name.starts_with("x-vercel-")), "{asked:?}");
    let webhooks = webhooks(site, &placed);
    json!({"placed": placed, "call": call, "webhooks": webhooks, "agent": asked.body})
}

async fn late(site: &Site) -> Value {
    let sent = sent(site, DeliveryKind::Status, |it| it.param("CallStatus") == Some("ringing"));
    let before = read(site, &sent.call_sid).await;
    let again = essence(webhook(site, &sent, &[]).await);
    assert_eq!(again["status"], 204);
    assert_eq!(read(site, &sent.call_sid).await, before, "a repetition changes nothing at all");

    // As if Twilio had counted on after the end: on record, and without consequence.
    let mut later = sent.clone();
    for (name, value) in &mut later.params {
        if name == "SequenceNumber" {
            *value = "9".to_owned();
        }
    }
    let later = essence(webhook(site, &later, &[]).await);
    assert_eq!(later["status"], 204);
    let after = read(site, &sent.call_sid).await;
    for field in ["status", "answeredAt", "endedAt", "durationSeconds", "recording"] {
        assert_eq!(after[field], before[field], "{field}");
    }
    json!([again, later, call_essence(after)])
}

async fn recording(site: &Site) -> Value {
    let sent = sent(site, DeliveryKind::Recording, |_| true);
    let twilios = sent.param("RecordingUrl").unwrap();
    let (_, path) = twilios.split_once(&site.simulated.to_string()).unwrap();
    let path = format!("{path}.mp3");
    let request = Request::get(&path).header(header::HOST, site.simulated.to_string());
    let basic = {
        use base64::Engine as _;
        let pair = format!("{}:{}", local::SIMULATED_ACCOUNT_SID, local::SIMULATED_AUTH_TOKEN);
        base64::engine::general_purpose::STANDARD.encode(pair)
    };
    let request = request.header(header::AUTHORIZATION, format!("Basic {basic}"));
    let original = wire::ask(site.simulated, request.body(Bytes::new()).unwrap()).await.unwrap();
    assert_eq!(original.status(), 200, "Twilio's own");

    let query = format!("recording?callSid={}", sent.call_sid);
    let whole = ask(site, get(&query)).await;
    assert_eq!((whole.status().as_u16(), whole.body()), (200, original.body()), "{}", site.name);
    let mut request = get(&query);
    request.headers_mut().insert(header::RANGE, "bytes=100-299".parse().unwrap());
    let part = ask(site, request).await;
    assert_eq!((part.status().as_u16(), &part.body()[..]), (206, &original.body()[100..300]));
    let gone = essence(ask(site, get(&format!("recording?callSid=CA{}", "4".repeat(32)))).await);
    json!([essence(whole), essence(part), gone])
}

/// A request that says it was meant for somebody else is judged by what we are configured to be.
async fn forged(site: &Site) -> Value {
    let headers = [
        ("host", site.foreign_host),
        ("x-forwarded-for", "198.51.100.7"),
        ("x-forwarded-host", FORGED),
        ("x-forwarded-proto", "https"),
    ];
    // None of them makes a good signature bad.
    let ended = sent(site, DeliveryKind::Status, |it| it.param("CallStatus") == Some("completed"));
    let before = read(site, &ended.call_sid).await;
    let believed = essence(webhook(site, &ended, &headers).await);
    assert_eq!(believed["status"], 204, "{believed}");
    assert_eq!(read(site, &ended.call_sid).await, before);
    let voice = sent(site, DeliveryKind::Voice, |_| true);
    let conversations = site.simulators.elevenlabs_requests().len();
    let spoken = webhook(site, &voice, &headers).await;
    assert_eq!((spoken.status().as_u16(), &spoken.body()[..]), (200, voice.response_body.as_bytes()));
    assert_eq!(site.simulators.elevenlabs_requests().len(), conversations, "nobody is asked twice");

    // Nor a bad one good: each of these is right for the address that the headers claim.
    let (_, path) = voice.url.split_once(&site.address.to_string()).unwrap();
    let mut refused = Vec::new();
    for base in [
        format!("https://{FORGED}"),
        format!("http://{FORGED}"),
        format!("https://{}", site.foreign_host),
        format!("http://{}", site.foreign_host),
        format!("https://{}", site.address),
    ] {
        let mut wrong = voice.clone();
        wrong.signature = sign(local::SIMULATED_AUTH_TOKEN, &format!("{base}{path}"), &voice.params);
        let answer = essence(webhook(site, &wrong, &headers).await);
        assert_eq!(answer["status"], 403, "{base}: {answer}");
        refused.push(answer);
    }
    // And Twilio is told to call back where we live.
    let placed = dial(site, &json!({"to": IS_BUSY}), &headers).await;
    settled(site, &placed).await;
    let created = site.simulators.calls_created().pop().unwrap();
    let urls = created.params.iter().filter(|(name, _)| name.contains("Url") || name.contains("Callback"));
    let urls: Vec<_> = urls.filter(|(_, value)| value.contains("://")).collect();
    let ours = format!("http://{}/", site.address);
    assert!(urls.len() >= 3 && urls.iter().all(|(_, url)| url.starts_with(&ours)), "{urls:?}");
    json!({"believed": [believed, essence(spoken)], "refused": refused, "urls": urls})
}

async fn busy(site: &Site) -> Value {
    let placed = dial(site, &json!({"to": IS_BUSY, "record": false}), &[]).await;
    let call = settled(site, &placed).await;
    assert_eq!(call["body"]["status"], "busy", "{call}");
    json!({"placed": placed, "call": call, "webhooks": webhooks(site, &placed)})
}

/// Every kind of no, from every function.
async fn refused(site: &Site) -> Value {
    let unsigned = |function: &str| {
        let request = Request::post(format!("/api/twilio/{function}")).header("content-type", FORM);
        request.body(Bytes::from(format!("CallSid=CA{}", "5".repeat(32)))).unwrap()
    };
    let no_token = Request::get("/api/twilio/status").body(Bytes::new()).unwrap();
    let mut told = Vec::new();
    for (request, expected) in [
        (unsigned("voice"), 403),
        (unsigned("status"), 403),
        (unsigned("recording"), 403),
        (no_token, 401),
        (get(&format!("status?callId={}", "6".repeat(32))), 404),
        (get("status?callId=x&callId=%20%2B"), 400),
        (post_json("make-call", "{"), 400),
        (post_json("make-call", &" ".repeat(64 * 1024 + 1)), 413),
        (post_json("voice", "{}"), 403),
    ] {
        let what = format!("{} {}", request.method(), request.uri());
        let answer = essence(ask(site, request).await);
        assert_eq!(answer["status"], expected, "{}: {what}: {answer}", site.name);
        told.push(json!({"request": what, "answer": answer}));
    }
    told.into()
}

fn get(query: &str) -> Request<Bytes> {
    let request = Request::get(format!("/api/twilio/{query}"));
    request.header(header::AUTHORIZATION, format!("Bearer {TOKEN}")).body(Bytes::new()).unwrap()
}

fn post_json(function: &str, body: &str) -> Request<Bytes> {
    let request = Request::post(format!("/api/twilio/{function}"));
    let request = request.header(header::AUTHORIZATION, format!("Bearer {TOKEN}"));
    let request = request.header(header::CONTENT_TYPE, "application/json");
    request.body(Bytes::from(body.to_owned())).unwrap()
}

async fn ask(site: &Site, mut request: Request<Bytes>) -> Response<Bytes> {
    if !request.headers().contains_key(header::HOST) {
        request.headers_mut().insert(header::HOST, site.address.to_string().parse().unwrap());
    }
    wire::ask(site.address, request).await.unwrap_or_else(|why| panic!("{}: {why}", site.name))
}

/// Gives the answer to the one who dials.
async fn dial(site: &Site, body: &Value, headers: &[(&'static str, &str)]) -> Value {
    let mut request = post_json("make-call", &body.to_string());
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().unwrap());
    }
    let placed = essence(ask(site, request).await);
    assert_eq!(placed["status"], 200, "{}: {placed}", site.name);
    placed
}

/// Waits until the call's life is over, and reads it.
async fn settled(site: &Site, placed: &Value) -> Value {
    let call_sid = placed["body"]["callSid"].as_str().unwrap();
    timeout(2 * PATIENCE, site.simulators.settled(call_sid)).await.expect("the call never ends");
    let call_id = placed["body"]["callId"].as_str().unwrap();
    let answer = essence(ask(site, get(&format!("status?callId={call_id}"))).await);
    assert_eq!(answer["status"], 200, "{}: {answer}", site.name);
    answer
}

/// The call word by word.
async fn read(site: &Site, call_sid: &str) -> Value {
    let answer = ask(site, get(&format!("status?callSid={call_sid}"))).await;
    assert_eq!(answer.status(), 200, "{}", site.name);
    serde_json::from_slice(answer.body()).unwrap()
}

/// The newest such webhook that Twilio has sent.
fn sent(site: &Site, kind: DeliveryKind, is_it: impl Fn(&Delivery) -> bool) -> Delivery {
    let deliveries = site.simulators.deliveries();
    deliveries.into_iter().rev().find(|it| it.kind == kind && is_it(it)).unwrap()
}

/// Sends one again, with its own signature.
async fn webhook(site: &Site, sent: &Delivery, more: &[(&'static str, &str)]) -> Response<Bytes> {
    let (_, path) = sent.url.split_once(&site.address.to_string()).unwrap();
    let form = serde_urlencoded::to_string(&sent.params).unwrap();
    let mut request = Request::post(path).body(Bytes::from(form)).unwrap();
    // A field was changed since Twilio signed it, unless the signature is what is tested.
    let original = sign(local::SIMULATED_AUTH_TOKEN, &sent.url, &sent.params);
    let known = site.simulators.deliveries().iter().any(|it| it.signature == sent.signature);
    let changed = known && sent.signature != original;
    let signature = if changed { &original } else { &sent.signature };
    let headers = request.headers_mut();
    headers.insert(header::CONTENT_TYPE, FORM.parse().unwrap());
    headers.insert("x-twilio-signature", signature.parse().unwrap());
    for (name, value) in more {
        headers.insert(*name, value.parse().unwrap());
    }
    ask(site, request).await
}

/// Every webhook of a call and its answer. Sorted: Twilio promises no order either.
fn webhooks(site: &Site, placed: &Value) -> Value {
    let deliveries = site.simulators.deliveries();
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

/// What a caller goes by. Dates and lengths are the servers' own business.
fn essence(answer: Response<Bytes>) -> Value {
    let told = ["content-type", "cache-control", "content-range", "allow", "www-authenticate"];
    let headers: serde_json::Map<_, _> = told
        .iter()
        .filter_map(|name| {
            let value = answer.headers().get(*name)?;
            Some(((*name).to_owned(), json!(value.to_str().unwrap())))
        })
        .collect();
    let body = match serde_json::from_slice::<Value>(answer.body()) {
        Ok(call) => call_essence(call),
        Err(_) => match std::str::from_utf8(answer.body()) {
            Ok(text) => json!(text),
            Err(_) => json!(format!("{} bytes", answer.body().len())),
        },
    };
    json!({"status": answer.status().as_u16(), "headers": headers, "body": body})
}

/// A call, or a list of them, with its timeline in strands.
fn call_essence(mut value: Value) -> Value {
    if let Some(calls) = value.get_mut("calls").and_then(Value::as_array_mut) {
        for call in calls {
            *call = call_essence(call.take());
        }
    }
    if let Some(timeline) = value.get_mut("timeline") {
        *timeline = strands(timeline);
    }
    value
}

/// What happened to somebody who talked, whatever the order in which it was told.
fn assert_story(call: &Value) {
    let events = |strand: &str| -> Vec<String> {
        let entries = call["body"]["timeline"][strand].as_array().unwrap().iter();
        entries.map(|entry| entry["event"].as_str().unwrap().to_owned()).collect()
    };
    let twilios =
        ["initiated", "ringing", "in-progress", "stream-started", "stream-stopped", "completed"];
    assert_eq!(events("twilio"), twilios, "{call}");
    assert_eq!(events("close-loop"), ["dialling", "queued", "agent-connected"], "{call}");
    assert_eq!(events("recording"), ["recording-completed", "recording-in-progress"], "{call}");
}

/// Three clocks: Twilio's, which in the simulation runs ahead; ours; and that of recordings, whose
/// callbacks bear no time of their own, so that the order of arrival decides. Only within each does
/// the order say something.
fn strands(timeline: &Value) -> Value {
    let (mut twilios, mut ours, mut recordings) = (Vec::new(), Vec::new(), Vec::new());
    for entry in timeline.as_array().unwrap() {
        let event = entry["event"].as_str().unwrap();
        let strand = match (event, entry["source"].as_str().unwrap()) {
            (event, _) if event.starts_with("recording-") => &mut recordings,
            ("queued", _) | (_, "close-loop") => &mut ours,
            _ => &mut twilios,
        };
        strand.push(json!({"event": event, "source": entry["source"], "detail": entry["detail"]}));
    }
    recordings.sort_by_key(ToString::to_string);
    json!({"twilio": twilios, "close-loop": ours, "recording": recordings})
}
