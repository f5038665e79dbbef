//! A call as it should go.

use fakes::DeliveryKind;
use serde_json::{Value, json};

use crate::bench::{ANSWERS, Bench, TOKEN, json_of};

#[tokio::test]
async fn a_call_goes_from_dialled_to_talking_to_completed_to_recorded() {
    let bench = Bench::new().await;
    let call = bench.call(json!({ "to": ANSWERS })).await;
    assert_eq!(call["status"], "completed", "{call}");
    assert_eq!(call["direction"], "outbound-api");
    assert_eq!(call["recording"]["status"], "completed");
    assert_eq!(call["recording"]["channels"], 2);
    assert!(call["conversationId"].as_str().unwrap().starts_with("conv_"));
    for event in [
        "dialling",
        "queued",
        "initiated",
        "ringing",
        "in-progress",
        "agent-connected",
        "stream-started",
        "stream-stopped",
        "completed",
        "recording-completed",
    ] {
        assert!(Bench::events(&call).contains(&event), "{event} in {call}");
    }
    assert_eq!(call["diagnosis"], json!([]));
    assert!(call["answeredAt"].is_string() && call["endedAt"].is_string());
    assert!(call["durationSeconds"].as_u64().unwrap() > 0);
}

#[tokio::test]
async fn the_answer_has_the_fields_that_the_existing_page_reads() {
    let bench = Bench::new().await;
    let (status, body) = bench.dial(json!({ "to": ANSWERS })).await;
    assert_eq!(status, 200);
    assert_eq!(body["success"], true);
    assert_eq!(body["status"], "queued");
    assert_eq!(body["to"], ANSWERS);
    assert_eq!(body["from"], dev::SIMULATED_PHONE_NUMBER);
    assert!(body["callSid"].as_str().unwrap().starts_with("CA"));
    assert_eq!(body["callId"].as_str().unwrap().len(), 32);
    bench.twilio.all_settled().await;
}

#[tokio::test]
async fn either_name_finds_the_call_and_the_list_has_it_first() {
    let bench = Bench::new().await;
    let older = bench.call(json!({ "to": ANSWERS })).await;
    let newer = bench.call(json!({ "to": ANSWERS })).await;
    let by_sid = bench.status(&format!("callSid={}", newer["callSid"].as_str().unwrap())).await;
    assert_eq!(by_sid, (200, newer.clone()));
    let (status, list) = bench.status("").await;
    assert_eq!(status, 200);
    assert_eq!(list["calls"], json!([newer, older]));
}

#[tokio::test]
async fn dynamic_variables_reach_the_agent_with_our_call_id() {
    let bench = Bench::new().await;
    let variables = json!({"customer_name": "Jane & Co <\"'>", "attempt": 2, "vip": true});
    let call = bench.call(json!({"to": ANSWERS, "dynamicVariables": variables})).await;
    assert_eq!(call["status"], "completed");
    let request = bench.twilio.elevenlabs_requests().pop().unwrap();
    let body = request.body.unwrap();
    let mut expected = variables;
    expected["call_id"] = call["callId"].clone();
    assert_eq!(body["conversation_initiation_client_data"]["dynamic_variables"], expected);
    assert_eq!(body["direction"], "outbound");
    assert_eq!(
        (&body["from_number"], &body["to_number"]),
        (&json!(dev::SIMULATED_PHONE_NUMBER), &json!(ANSWERS))
    );
}

#[tokio::test]
async fn the_parameters_of_the_request_reach_twilio() {
    let bench = Bench::new().await;
    let body = json!({"to": ANSWERS, "timeout": 12, "timeLimit": 60, "record": false,
        "machineDetection": "DetectMessageEnd"});
    let call = bench.call(body).await;
    assert_eq!(call["answeredBy"], "human");
    assert_eq!(call["recording"], Value::Null);
    let created = bench.twilio.calls_created().pop().unwrap();
    let value =
        |name: &str| created.params.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str());
    assert_eq!((value("Timeout"), value("TimeLimit")), (Some("12"), Some("60")));
    assert_eq!(
        (value("MachineDetection"), value("AsyncAmd")),
        (Some("DetectMessageEnd"), Some("true"))
    );
    assert_eq!(value("Record"), None);
    assert!(value("FallbackUrl").unwrap().ends_with("/apology.xml"));
}

#[tokio::test]
async fn a_person_who_rings_our_number_talks_to_the_agent_too() {
    let bench = Bench::new().await;
    let sid = bench.twilio.ring_in(ANSWERS, &bench.url("voice"), Some(&bench.url("status")));
    bench.twilio.settled(&sid).await;
    let (_, call) = bench.status(&format!("callSid={sid}")).await;
    assert_eq!(call["status"], "completed", "{call}");
    assert_eq!((&call["direction"], &call["callId"]), (&json!("inbound"), &Value::Null));
    assert_eq!(call["from"], "+*********23");
    let body = bench.twilio.elevenlabs_requests().pop().unwrap().body.unwrap();
    assert_eq!(body["direction"], "inbound");
    assert_eq!(
        body["conversation_initiation_client_data"]["dynamic_variables"]["call_id"],
        json!(sid)
    );
}

#[tokio::test]
async fn numbers_and_details_are_for_readers_who_show_the_token() {
    let bench = Bench::with(&[("MAKE_CALL_TOKEN", TOKEN)]).await;
    let signed_in = |request: reqwest::RequestBuilder| request.bearer_auth(TOKEN);
    let body = json!({"to": ANSWERS, "dynamicVariables": {"plan": "gold"}}).to_string();
    let request =
        bench.http.post(bench.url("make-call")).header("content-type", "application/json");
    let (status, dialled) = json_of(signed_in(request.body(body))).await;
    assert_eq!(status, 200, "{dialled}");
    bench.twilio.all_settled().await;
    let url = format!("{}?callId={}", bench.url("status"), dialled["callId"].as_str().unwrap());
    let (_, call) = json_of(signed_in(bench.http.get(url))).await;
    assert_eq!(call["to"], ANSWERS);
    assert_eq!(call["dynamicVariables"], json!({"plan": "gold"}));
    assert!(call["timeline"][0]["detail"].is_string());

    let open = Bench::new().await;
    let call = open.call(json!({"to": ANSWERS, "dynamicVariables": {"plan": "gold"}})).await;
    assert_eq!(call["to"], "+*********23");
    assert!(call.get("dynamicVariables").is_none() && call.get("outcome").is_none());
    assert!(call["timeline"].as_array().unwrap().iter().all(|entry| entry.get("detail").is_none()));
}

#[tokio::test]
async fn signed_url_mode_speaks_the_original_guides_twiml_and_fails_as_in_real_life() {
    let bench = Bench::with(&[("ELEVENLABS_CONNECT", "signed-url")]).await;
    let call = bench.call(json!({ "to": ANSWERS })).await;
    let voice =
        bench.twilio.deliveries().into_iter().find(|d| d.kind == DeliveryKind::Voice).unwrap();
    assert!(
        voice.response_body.contains("<Connect><Stream url=\"wss://"),
        "{}",
        voice.response_body
    );
    assert!(!voice.response_body.contains("track="));
    // The query is dropped on the way, so the agent's side closes at once.
    assert_eq!(call["status"], "completed");
    let notes = bench.twilio.notifications(call["callSid"].as_str().unwrap());
    assert!(notes.iter().any(|note| note.error_code == 31921), "{notes:?}");
    // And we are told, for the stream reports to us.
    assert!(call["diagnosis"].as_array().unwrap().iter().any(|found| found["code"] == 31921));
}

#[tokio::test]
async fn the_stream_of_signed_url_mode_can_be_named_and_given_parameters() {
    let bench = Bench::with(&[
        ("ELEVENLABS_CONNECT", "signed-url"),
        ("STREAM_NAME", "my_stream"),
        ("STREAM_TRACK", "inbound_track"),
        ("STREAM_PARAMETERS", "tenant=a&b,plan=gold"),
    ])
    .await;
    bench.call(json!({ "to": ANSWERS })).await;
    let voice =
        bench.twilio.deliveries().into_iter().find(|d| d.kind == DeliveryKind::Voice).unwrap();
    for part in [
        " name=\"my_stream\"",
        " track=\"inbound_track\"",
        "<Parameter name=\"tenant\" value=\"a&amp;b\"/>",
        "<Parameter name=\"plan\" value=\"gold\"/>",
    ] {
        assert!(voice.response_body.contains(part), "{part}");
    }
}
