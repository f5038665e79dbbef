//! What we tell Twilio when we dial, and the URL a request of Twilio's was sent to.

use crate::call::{CallId, Intent};
use crate::values::AppUrl;

/// Two more tries on connection failure, read timeout and 5xx, so that a short outage of the store
/// loses no callback. A [connection override](https://www.twilio.com/docs/usage/webhooks/webhooks-connection-overrides)
/// is a fragment: Twilio neither sends nor signs it.
const RETRIES: &str = "#rc=2&rp=ct,rt,5xx";

/// The webhooks of one call. Our `callId` is in every query, so that any callback finds its call
/// even if Twilio's REST answer is lost.
#[derive(Clone, Debug)]
pub struct WebhookUrls<'a> {
    app_url: &'a AppUrl,
    query: String,
}

impl<'a> WebhookUrls<'a> {
    /// The webhooks of the call with this id; of a call that rang us, none is known.
    #[must_use]
    pub fn new(app_url: &'a AppUrl, call_id: Option<&CallId>) -> Self {
        let query = call_id.map(|id| format!("?callId={id}")).unwrap_or_default();
        Self { app_url, query }
    }

    /// Asked for TwiML when the call is answered. No retries: 15 s are all there is.
    #[must_use]
    pub fn voice(&self) -> String {
        format!("{}/api/twilio/voice{}", self.app_url.base(), self.query)
    }

    /// Call progress, and the asynchronous result of answering machine detection.
    #[must_use]
    pub fn status(&self) -> String {
        format!("{}/api/twilio/status{}{RETRIES}", self.app_url.base(), self.query)
    }

    /// Recording progress.
    #[must_use]
    pub fn recording(&self) -> String {
        format!("{}/api/twilio/recording{}{RETRIES}", self.app_url.base(), self.query)
    }

    /// A spoken apology as a static file, for when voice itself cannot be reached.
    #[must_use]
    pub fn fallback(&self) -> String {
        format!("{}/apology.xml", self.app_url.base())
    }
}

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

/// The URL Twilio signed: the configured base, the endpoint's own path and the raw query. Of what
/// the request says of itself only the query counts: the caller chooses `Host`, and the path may
/// have gained a stage or lost a prefix on its way.
#[must_use]
pub fn requested_url(app_url: &AppUrl, path: &str, query: Option<&str>) -> String {
    let base = app_url.base();
    query.map_or_else(|| format!("{base}{path}"), |query| format!("{base}{path}?{query}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::call::{DynamicVariables, E164, MachineDetection};

    #[test]
    fn the_signed_url_is_the_base_as_configured_and_the_query_as_received() {
        let requested = |base: &str, query| {
            requested_url(&AppUrl::parse(base).unwrap(), "/api/twilio/voice", query)
        };
        let bare = "https://app.example/Prod/api/twilio/voice";
        assert_eq!(requested("https://app.example/Prod", None), bare);
        assert_eq!(requested("https://app.example/Prod/", Some("")), format!("{bare}?"));
        let query = "b=%20&a=+&b=%c3%A9";
        assert_eq!(requested("https://app.example/Prod", Some(query)), format!("{bare}?{query}"));
    }

    #[test]
    fn callbacks_that_may_be_repeated_say_so_and_voice_does_not() {
        let app_url = AppUrl::parse("https://app.example").unwrap();
        let id = CallId::new([7; 16], false);
        let urls = WebhookUrls::new(&app_url, Some(&id));
        assert_eq!(urls.voice(), format!("https://app.example/api/twilio/voice?callId={id}"));
        for url in [urls.status(), urls.recording()] {
            assert!(url.ends_with(&format!("?callId={id}#rc=2&rp=ct,rt,5xx")), "{url}");
        }
    }

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
}
