//! `POST Calls.json`: the form we send and the answer we read (`twilio.md` 1).

use serde::Deserialize;

use crate::call::{CallSid, CallStatus, Intent};

use super::WebhookUrls;

/// The events we follow. A list is a repeated key; joined by spaces, none of them would fire.
const STATUS_EVENTS: [&str; 4] = ["initiated", "ringing", "answered", "completed"];
const RECORDING_EVENTS: [&str; 3] = ["in-progress", "completed", "absent"];

/// The form of one dial. `serves_files`: whether this host can answer the fallback's static file.
#[must_use]
pub fn create_call_form(
    intent: &Intent,
    urls: &WebhookUrls<'_>,
    serves_files: bool,
) -> Vec<(&'static str, String)> {
    let mut form = vec![
        ("To", intent.to.as_str().to_owned()),
        ("From", intent.from.as_str().to_owned()),
        ("Url", urls.voice()),
        ("StatusCallback", urls.status()),
        ("Timeout", intent.timeout_seconds.to_string()),
        ("TimeLimit", intent.time_limit_seconds.to_string()),
    ];
    form.extend(STATUS_EVENTS.map(|event| ("StatusCallbackEvent", event.to_owned())));
    if serves_files {
        form.push(("FallbackUrl", urls.fallback()));
        // A static file answers GET everywhere and POST hardly anywhere.
        form.push(("FallbackMethod", "GET".to_owned()));
    }
    if intent.record {
        form.push(("Record", "true".to_owned()));
        form.push(("RecordingChannels", "dual".to_owned()));
        form.push(("RecordingStatusCallback", urls.recording()));
        let events =
            RECORDING_EVENTS.map(|event| ("RecordingStatusCallbackEvent", event.to_owned()));
        form.extend(events);
    }
    if let Some(detection) = intent.machine_detection {
        form.push(("MachineDetection", detection.as_str().to_owned()));
        // Synchronous detection would keep the person in silence before the agent speaks.
        form.push(("AsyncAmd", "true".to_owned()));
        form.push(("AsyncAmdStatusCallback", urls.status()));
    }
    form
}

/// What we need of the Call resource that Twilio answers; it has some thirty fields more.
#[derive(Deserialize)]
struct CallResource {
    sid: String,
    status: Option<String>,
}

/// Reads a 201. `None` if it names no call: then nobody knows whether a phone rings.
#[must_use]
pub fn created_call(body: &[u8]) -> Option<(CallSid, CallStatus)> {
    let call: CallResource = serde_json::from_slice(body).ok()?;
    let status = CallStatus::parse(call.status.as_deref().unwrap_or("queued"));
    Some((CallSid::parse(&call.sid).ok()?, status))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::{CallId, DynamicVariables, E164, MachineDetection};
    use crate::values::AppUrl;

    fn intent() -> Intent {
        Intent {
            call_id: CallId::parse("00112233445566778899aabbccddeeff").unwrap(),
            to: E164::parse("+12125550123").unwrap(),
            from: E164::parse("+12125550100").unwrap(),
            record: false,
            timeout_seconds: 30,
            time_limit_seconds: 900,
            machine_detection: None,
            is_anonymous: false,
            dynamic_variables: DynamicVariables::default(),
        }
    }

    fn body(intent: &Intent, serves_files: bool) -> String {
        let app_url = AppUrl::parse("https://app.example").unwrap();
        let urls = WebhookUrls::new(&app_url, Some(&intent.call_id));
        serde_urlencoded::to_string(create_call_form(intent, &urls, serves_files)).unwrap()
    }

    #[test]
    fn the_plain_form_has_exactly_these_bytes() {
        let id = "callId%3D00112233445566778899aabbccddeeff";
        let status = format!(
            "https%3A%2F%2Fapp.example%2Fapi%2Ftwilio%2Fstatus%3F{id}%23rc%3D2%26rp%3Dct%2Crt%2C5xx"
        );
        let expected = format!(
            "To=%2B12125550123&From=%2B12125550100\
             &Url=https%3A%2F%2Fapp.example%2Fapi%2Ftwilio%2Fvoice%3F{id}\
             &StatusCallback={status}&Timeout=30&TimeLimit=900\
             &StatusCallbackEvent=initiated&StatusCallbackEvent=ringing\
             &StatusCallbackEvent=answered&StatusCallbackEvent=completed"
        );
        assert_eq!(body(&intent(), false), expected);
    }

    #[test]
    fn a_host_with_files_adds_the_spoken_apology() {
        let added = "&FallbackUrl=https%3A%2F%2Fapp.example%2Fapology.xml&FallbackMethod=GET";
        assert!(body(&intent(), true).ends_with(added));
    }

    #[test]
    fn recording_is_dual_and_asks_for_every_event() {
        let body = body(&Intent { record: true, ..intent() }, false);
        assert!(body.contains("&Record=true&RecordingChannels=dual&RecordingStatusCallback="));
        assert!(body.contains("%2Fapi%2Ftwilio%2Frecording%3FcallId"));
        let events = body.matches("RecordingStatusCallbackEvent=").count();
        assert_eq!(events, 3);
    }

    #[test]
    fn machine_detection_is_always_asynchronous() {
        let detection = Some(MachineDetection::DetectMessageEnd);
        let body = body(&Intent { machine_detection: detection, ..intent() }, false);
        assert!(
            body.contains(
                "&MachineDetection=DetectMessageEnd&AsyncAmd=true&AsyncAmdStatusCallback="
            )
        );
    }

    #[test]
    fn a_201_that_names_no_call_is_no_answer() {
        for body in ["", "<html>", "{}", r#"{"sid": 7}"#, r#"{"sid": "CA1"}"#, "[]"] {
            assert_eq!(created_call(body.as_bytes()), None, "{body}");
        }
        let sid = format!("CA{}", "1".repeat(32));
        let (found, status) =
            created_call(format!(r#"{{"sid":"{sid}","status":null}}"#).as_bytes()).unwrap();
        assert_eq!((found.as_str(), status), (sid.as_str(), CallStatus::Queued));
    }
}
