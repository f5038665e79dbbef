//! The requests of the original app's pages: its campaign call, its agent's variables, its apologies.

use fakes::ElevenLabsAnswer;
use serde_json::{Value, json};
use shared::endpoint::{MakeCall, Voice};

use crate::bench::{ANSWERS, Bench, ask, call_sid, dial_request, json_of, voice_request};

const MAPPED: (&str, &str) =
    ("CAMPAIGN_VARIABLES", "leadName=_prospect_name_,campaignName=_product_name_");

/// What the agent of the original app needs on every call.
const TEN: &str = r#"{"_agent_name_": "Alex", "_sender_company_": "Example", "_product_name_": "Product",
    "_prospect_name_": "there", "_prospect_company_": "", "_product_description_": "A product",
    "_prospect_about_": "", "_call_goal_": "a meeting", "_language_": "en", "_calendar_": 30}"#;

/// What the campaign page posts.
fn campaign() -> Value {
    json!({"to": ANSWERS, "campaignData": {
        "campaignName": "Spring", "campaignDescription": "New things", "leadName": "Jo", "leadAbout": "Baker",
    }})
}

/// The variables that the agent was given last, without our `call_id`.
fn told(bench: &Bench) -> Value {
    let requests = bench.twilio.elevenlabs_requests();
    let asked = requests.iter().rev().find(|it| it.path.ends_with("/register-call")).unwrap();
    let data = &asked.body.as_ref().unwrap()["conversation_initiation_client_data"];
    let mut variables = data["dynamic_variables"].clone();
    variables.as_object_mut().unwrap().remove("call_id");
    variables
}

#[tokio::test]
async fn the_campaign_page_dials_and_its_members_reach_the_agent_where_the_setting_names_them() {
    let bench = Bench::with(&[MAPPED]).await;
    let (status, dialled) = bench.dial(campaign()).await;
    assert_eq!(status, 200, "{dialled}");
    for field in ["success", "callSid", "status", "to", "from"] {
        assert!(!dialled[field].is_null(), "the page reads {field}: {dialled}");
    }
    bench.twilio.settled(dialled["callSid"].as_str().unwrap()).await;
    assert_eq!(told(&bench), json!({"_prospect_name_": "Jo", "_product_name_": "Spring"}));
}

#[tokio::test]
async fn without_the_setting_the_campaign_page_dials_and_its_members_are_left_out() {
    let bench = Bench::new().await;
    assert_eq!(bench.call(campaign()).await["status"], "completed");
    assert_eq!(told(&bench), json!({}));
}

#[tokio::test]
async fn a_calls_own_variables_win_over_the_campaigns_and_those_over_the_defaults() {
    let defaults = r#"{"_prospect_name_": "there", "_product_name_": "it", "_agent_name_": "Alex", "vip": true}"#;
    let bench = Bench::with(&[MAPPED, ("DYNAMIC_VARIABLES", defaults)]).await;
    let mut body = campaign();
    body["dynamicVariables"] = json!({"_prospect_name_": "Jane", "vip": null});
    bench.call(body).await;
    let expected = json!({"_prospect_name_": "Jane", "_product_name_": "Spring", "_agent_name_": "Alex", "vip": null});
    assert_eq!(told(&bench), expected);
}

#[tokio::test]
async fn the_agent_that_needs_ten_variables_talks_with_the_defaults_and_hangs_up_without_them() {
    let needs = |bench: &Bench| {
        let ten: Value = serde_json::from_str(TEN).unwrap();
        let names = ten.as_object().unwrap().keys().cloned().collect();
        bench.faults(|faults| faults.elevenlabs.required_variables = names);
    };
    let bench = Bench::with(&[("DYNAMIC_VARIABLES", TEN)]).await;
    needs(&bench);
    let call = bench.call(campaign()).await;
    assert_eq!(bench.transcript(&call).await.1["status"], "done");
    // Calls to our number too.
    let inbound =
        bench.twilio.ring_in("+12125550177", &bench.url("voice"), Some(&bench.url("status")));
    bench.twilio.settled(&inbound).await;
    assert_eq!(told(&bench), serde_json::from_str::<Value>(TEN).unwrap());
    assert_eq!(bench.transcript(&json!({"callSid": inbound})).await.1["status"], "done");

    let bare = Bench::new().await;
    needs(&bare);
    let call = bare.call(campaign()).await;
    let (_, transcript) = bare.transcript(&call).await;
    assert_eq!((&transcript["status"], &transcript["transcript"]), (&json!("failed"), &json!([])));
}

#[tokio::test]
async fn a_call_without_variables_of_its_own_is_told_the_defaults_while_the_store_is_down() {
    let bench = Bench::with(&[("DYNAMIC_VARIABLES", r#"{"_agent_name_": "Alex"}"#)]).await;
    let down = std::sync::Arc::new(shared::store::Unavailable("down".to_owned()));
    let app = bench.function(&[], Some(down));
    let query = format!("?callId={}", "0".repeat(32));
    ask(Voice, &app, voice_request(&bench.base, &query, &call_sid('d'))).await;
    assert_eq!(told(&bench), json!({"_agent_name_": "Alex"}));
}

#[tokio::test]
async fn a_misspelt_member_is_refused_by_name_in_every_field_that_the_page_reads() {
    let bench = Bench::new().await;
    let mut body = campaign();
    let data = body.as_object_mut().unwrap().remove("campaignData").unwrap();
    body["campaingData"] = data;
    let (status, refused) = bench.dial(body).await;
    assert_eq!((status, refused["reason"].as_str()), (400, Some("invalid_parameter")));
    assert!(refused["message"].as_str().unwrap().contains("campaingData"), "{refused}");
    assert_eq!(refused["suggestion"], refused["message"]);
    assert_eq!(bench.twilio.calls_attempted(), 0);
}

#[tokio::test]
async fn a_refusal_of_twilios_carries_code_details_and_a_suggestion() {
    let bench = Bench::new().await;
    let (status, refused) = bench.dial(json!({"to": "+15005550003"})).await;
    assert_eq!((status, &refused["code"]), (502, &json!(21215)));
    assert!(refused["details"].as_str().unwrap().starts_with("https://"), "{refused}");
    assert_eq!(refused["suggestion"], refused["message"]);
}

#[tokio::test]
async fn apologies_are_said_in_the_voice_that_is_set() {
    let bench = Bench::with(&[("VOICE_NAME", "Polly.Joanna"), ("VOICE_LANGUAGE", "en-US")]).await;
    bench.agent_answers(ElevenLabsAnswer::RateLimited);
    let request = voice_request(&bench.base, "", &call_sid('a'));
    let (_, twiml, _) = ask(Voice, &bench.app, request).await;
    let said = r#"<Say voice="Polly.Joanna" language="en-US">Service is busy."#;
    assert!(twiml.as_str().unwrap().contains(said), "{twiml}");
}

#[tokio::test]
async fn one_key_with_other_campaign_data_is_another_call() {
    let bench = Bench::new().await;
    let dial = async |body: Value| {
        let mut request = dial_request(&bench.base, &body);
        request.headers_mut().insert("idempotency-key", "one".parse().unwrap());
        let (status, body, _) = ask(MakeCall, &bench.app, request).await;
        (status, body["reason"].clone())
    };
    assert_eq!(dial(campaign()).await.0, 200);
    assert_eq!(dial(campaign()).await.0, 200);
    let mut other = campaign();
    other["campaignData"]["leadAbout"] = json!("Butcher");
    assert_eq!(dial(other).await, (422, json!("idempotency_key_reused")));
    assert_eq!(bench.twilio.calls_attempted(), 1);
}

#[tokio::test]
async fn a_page_beside_the_functions_dials_from_the_origin_that_is_allowed() {
    let site = "https://close-loop-ai.vercel.app";
    let bench = Bench::with(&[("ALLOWED_ORIGINS", site)]).await;
    let request = bench.http.post(bench.url("make-call")).header("origin", site);
    let request = request.header("content-type", "application/json").body(campaign().to_string());
    assert_eq!(json_of(request).await.0, 200);
    let stranger = bench.http.post(bench.url("make-call")).header("origin", "https://evil.example");
    let stranger = stranger.header("content-type", "application/json").body(campaign().to_string());
    let (status, refused) = json_of(stranger).await;
    assert_eq!((status, refused["reason"].as_str()), (403, Some("origin_not_allowed")));
}
