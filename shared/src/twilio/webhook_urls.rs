//! The URLs we hand to Twilio, and the URL a request of Twilio's was sent to.

use crate::call::CallId;
use crate::values::AppUrl;

/// Two more tries on connection failure, read timeout and 5xx, so that a short outage of the store
/// loses no callback (`twilio.md` 3.1). A fragment: Twilio neither sends nor signs it.
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

/// The URL Twilio signed: the configured base, the endpoint's own path and the raw query. Of what
/// the request says of itself only the query counts: `Host` is the caller's word, and the path may
/// have gained a stage or lost a prefix on its way.
#[must_use]
pub fn requested_url(app_url: &AppUrl, path: &str, query: Option<&str>) -> String {
    let base = app_url.base();
    query.map_or_else(|| format!("{base}{path}"), |query| format!("{base}{path}?{query}"))
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
