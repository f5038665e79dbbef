//! What must be the same on every host: a person is dialled, answers, talks and is recorded;
//! callbacks come doubled, shuffled and late; and nobody believes a forged header.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use fakes::{DeliveryKind, Faults, sign};
use http::{Request, header};
use serde_json::{Value, json};

use crate::caller::{
    FORM, ask, dial, get, get_transcript, post_json, read, sent, settled, transcript, webhook,
    webhooks,
};
use crate::deployment::Site;
use crate::essence::{assert_story, call_essence, essence};
use crate::names::Names;
use crate::wire;

/// The simulated persons of these numbers pick up and talk. Each is rung once: deployed functions let
/// a number rest after a call.
const TALKS: [&str; 2] = ["+12125550123", "+12125550124"];
const CAMPAIGN: &str = "+12125550125";
const IS_BUSY: [&str; 2] = ["+12125550101", "+12125550201"];
const FORGED: &str = "evil.example";

/// Plays it, and tells everything that callers, Twilio and ElevenLabs saw in a form that can be
/// compared with other hosts'.
pub(crate) async fn play(site: &Site) -> Value {
    let told = json!({
        "1 a call": a_call(site).await,
        "2 shuffled and doubled": shuffled_and_doubled(site).await,
        "3 late": late(site).await,
        "4 recording": recording(site).await,
        "5 forged": forged(site).await,
        "6 busy": busy(site).await,
        "7 campaign": campaign(site).await,
        "8 refused": refused(site).await,
        "9 newest": essence(ask(site, get("status")).await),
    });
    Names::default().replace(&told)
}

async fn a_call(site: &Site) -> Value {
    let placed = dial(site, &json!({"to": TALKS[0]}), &[]).await;
    let call = settled(site, &placed).await;
    assert_eq!(call["body"]["status"], "completed", "{call}");
    assert_eq!(call["body"]["recording"]["status"], "completed", "{call}");
    assert_story(&call);
    json!({"placed": placed, "call": call, "webhooks": webhooks(site, &placed)})
}

async fn shuffled_and_doubled(site: &Site) -> Value {
    let mut faults = Faults::default();
    (faults.twilio.reorder, faults.twilio.duplicate) = (true, 1.0);
    site.fakes.set_faults(faults);
    let variables =
        json!({"customer_name": "José & Söhne <\"'>", "attempt": 2, "_agent_name_": "Robin"});
    let placed = dial(site, &json!({"to": TALKS[1], "dynamicVariables": variables}), &[]).await;
    let call = settled(site, &placed).await;
    site.fakes.set_faults(Faults::default());
    assert_eq!(call["body"]["status"], "completed", "{call}");
    assert_story(&call);
    let asked = site.fakes.elevenlabs_requests().pop().unwrap();
    assert!(asked.headers.iter().all(|(name, _)| !name.starts_with("x-vercel-")), "{asked:?}");
    let agent = asked.body.unwrap();
    let told = &agent["conversation_initiation_client_data"]["dynamic_variables"];
    assert_eq!(told["_agent_name_"], "Robin", "a call's own value wins: {told}");
    assert_eq!(told["_prospect_name_"], "there", "{told}");
    let webhooks = webhooks(site, &placed);
    json!({"placed": placed, "call": call, "webhooks": webhooks, "agent": agent})
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
    later.signature = sign(dev::SIMULATED_AUTH_TOKEN, &later.url, &later.params);
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
    let pair = format!("{}:{}", dev::SIMULATED_ACCOUNT_SID, dev::SIMULATED_AUTH_TOKEN);
    let basic = STANDARD.encode(pair);
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
    let conversations = site.fakes.elevenlabs_requests().len();
    let spoken = webhook(site, &voice, &headers).await;
    assert_eq!(
        (spoken.status().as_u16(), &spoken.body()[..]),
        (200, voice.response_body.as_bytes())
    );
    assert_eq!(site.fakes.elevenlabs_requests().len(), conversations, "nobody is asked twice");

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
        wrong.signature = sign(dev::SIMULATED_AUTH_TOKEN, &format!("{base}{path}"), &voice.params);
        let answer = essence(webhook(site, &wrong, &headers).await);
        assert_eq!(answer["status"], 403, "{base}: {answer}");
        refused.push(answer);
    }
    // And Twilio is told to call back where we live.
    let placed = dial(site, &json!({"to": IS_BUSY[0]}), &headers).await;
    settled(site, &placed).await;
    let created = site.fakes.calls_created().pop().unwrap();
    let is_url = |(name, value): &&(String, String)| {
        (name.contains("Url") || name.contains("Callback")) && value.contains("://")
    };
    let (fallback, urls): (Vec<_>, Vec<_>) =
        created.params.iter().filter(is_url).partition(|(name, _)| name == "FallbackUrl");
    assert_eq!(!fallback.is_empty(), site.serves_files, "{fallback:?}");
    let ours = format!("http://{}/", site.address);
    assert!(urls.len() >= 3 && urls.iter().all(|(_, url)| url.starts_with(&ours)), "{urls:?}");
    json!({"believed": [believed, essence(spoken)], "refused": refused, "urls": urls})
}

async fn busy(site: &Site) -> Value {
    let placed = dial(site, &json!({"to": IS_BUSY[1], "record": false}), &[]).await;
    let call = settled(site, &placed).await;
    assert_eq!(call["body"]["status"], "busy", "{call}");
    json!({"placed": placed, "call": call, "webhooks": webhooks(site, &placed)})
}

/// What the campaign page of an existing site sends, and the transcript that it then polls.
async fn campaign(site: &Site) -> Value {
    let data = json!({"campaignName": "Solar roofs", "campaignDescription": "A free visit",
        "leadName": "Dana Ö.", "leadAbout": "Owns a house"});
    let misspelt = json!({"to": CAMPAIGN, "campaingData": data}).to_string();
    let misspelt = essence(ask(site, post_json("make-call", &misspelt)).await);
    assert_eq!(misspelt["status"], 400, "{misspelt}");
    assert!(misspelt["body"]["message"].as_str().unwrap().contains("campaingData"), "{misspelt}");

    let placed = dial(site, &json!({"to": CAMPAIGN, "campaignData": data}), &[]).await;
    let call = settled(site, &placed).await;
    assert_eq!(call["body"]["status"], "completed", "{call}");
    let asked = site.fakes.elevenlabs_requests().pop().unwrap().body.unwrap();
    let told = &asked["conversation_initiation_client_data"]["dynamic_variables"];
    for (name, value) in [
        ("_agent_name_", "Alex"),
        ("_prospect_name_", "Dana Ö."),
        ("_product_name_", "Solar roofs"),
    ] {
        assert_eq!(told[name], value, "{told}");
    }
    assert!(!told.to_string().contains("Owns a house"), "nothing maps leadAbout: {told}");

    let mut transcripts = Vec::new();
    for name in ["callSid", "callId"] {
        let id = placed["body"][name].as_str().unwrap();
        let told = transcript(site, &format!("{name}={id}")).await;
        assert_eq!(told["body"]["conversationId"], call["body"]["conversationId"], "{told}");
        assert!(told["body"]["transcript"].to_string().contains("Dana Ö."), "{told}");
        transcripts.push(told);
    }
    assert_eq!(transcripts[0], transcripts[1], "one call has one transcript");
    json!({"misspelt": misspelt, "placed": placed, "call": call, "agent": asked, "told": transcripts})
}

/// Every kind of no, from every function.
async fn refused(site: &Site) -> Value {
    let unsigned = |path: &str| {
        let request = Request::post(format!("/api/{path}")).header("content-type", FORM);
        request.body(Bytes::from(format!("CallSid=CA{}", "5".repeat(32)))).unwrap()
    };
    let no_token = |path: &str| Request::get(format!("/api/{path}")).body(Bytes::new()).unwrap();
    let mut told = Vec::new();
    for (request, expected) in [
        (unsigned("twilio/voice"), 403),
        (unsigned("twilio/status"), 403),
        (unsigned("twilio/recording"), 403),
        (no_token("twilio/status"), 401),
        (get(&format!("status?callId={}", "6".repeat(32))), 404),
        (get("status?callId=x&callId=%20%2B"), 400),
        (unsigned("elevenlabs/get-transcript"), 405),
        (no_token("elevenlabs/get-transcript"), 401),
        (get_transcript(&format!("callSid=CA{}", "6".repeat(32))), 404),
        (get_transcript("callId=x"), 400),
        (get_transcript(""), 400),
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
