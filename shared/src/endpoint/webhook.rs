//! Requests that must come from Twilio: the signature is verified before anything else.

use bytes::Bytes;
use http::{HeaderMap, Request, header};
use tracing::warn;

use crate::call::CallId;
use crate::settings::{AppUrl, Settings};
use crate::twilio::{BadSignature, Form, Tried, Verifier, requested_url};

use super::refusal::{Reason, Refusal};
use super::{AskedPath, BODY_LIMIT, Endpoint, UnorderedQuery, UnreadableQuery};

/// The most characters of a path that are logged: a caller chooses it.
const MAX_LOGGED_PATH: usize = 120;

/// A webhook that Twilio signed.
#[derive(Debug)]
pub(super) struct Webhook {
    /// Its parameters.
    pub(super) form: Form,
    /// From the query; a call to our number has none.
    pub(super) call_id: Option<CallId>,
}

/// Accepts a webhook or refuses it. This is the first step of a webhook, and the last if it is
/// refused.
pub(super) fn verified<E: Endpoint>(
    settings: &Settings,
    request: &Request<Bytes>,
) -> Result<Webhook, Refusal> {
    let (Some(verifier), Some(app_url)) = (&settings.verifier, &settings.app_url) else {
        return Err(Refusal::misconfigured(&settings.problems));
    };
    if request.body().len() > BODY_LIMIT {
        return Err(Refusal::new(Reason::BodyTooLarge, "Twilio's webhooks are far smaller."));
    }
    let urls = requested_urls::<E>(app_url, request);
    let verify = || -> Result<Form, BadSignature> {
        let signature = signature(request.headers())?;
        if !has_media_type(request.headers(), "application/x-www-form-urlencoded") {
            any(&urls, |url| verifier.verify_body(url, request.body(), signature))?;
            return Ok(Form::default());
        }
        let form = Form::parse(request.body()).ok_or(BadSignature::Body)?;
        any(&urls, |url| verifier.verify(url, form.pairs(), signature))?;
        Ok(form)
    };
    let form = verify().map_err(|error| refusal::<E>(request, app_url, verifier, &urls, error))?;
    of_our_account(settings, &form)?;
    Ok(Webhook { form, call_id: call_id(request) })
}

/// An auth token may sign for more than one account. A body that is no form passes here, because it is
/// refused later as no callback.
fn of_our_account(settings: &Settings, form: &Form) -> Result<(), Refusal> {
    if settings.accounts.is_empty() {
        return Err(Refusal::misconfigured(&settings.problems));
    }
    let account = form.get("AccountSid");
    let is_ours = settings.accounts.iter().any(|ours| account == Some(ours.as_str()));
    if is_ours || form.pairs().is_empty() {
        return Ok(());
    }
    let why = if account.is_some() { "another AccountSid" } else { "no AccountSid" };
    Err(Refusal::new(
        Reason::AccountNotOurs,
        "Set TWILIO_ACCOUNT_SID to the account that the call belongs to, or name a sub-account in TWILIO_SUBACCOUNT_SIDS.",
    )
    .because("twilio", why))
}

/// The URLs that Twilio may have signed: ours with the query as received or, where the host lost its
/// order, with its parts in any order. A reordered query says nothing that was not signed. No URL at all
/// if the query could not be read.
fn requested_urls<E: Endpoint>(app_url: &AppUrl, request: &Request<Bytes>) -> Vec<String> {
    if request.extensions().get::<UnreadableQuery>().is_some() {
        return Vec::new();
    }
    let queries = match request.extensions().get::<UnorderedQuery>() {
        Some(query) => query.orders().into_iter().map(Some).collect(),
        None => vec![request.uri().query().map(str::to_owned)],
    };
    queries.iter().map(|query| requested_url(app_url, E::PATH, query.as_deref())).collect()
}

/// Whether one of the URLs is what was signed; if none is, why the last is not.
fn any(
    urls: &[String],
    verify: impl Fn(&str) -> Result<(), BadSignature>,
) -> Result<(), BadSignature> {
    let mut verdict = Err(BadSignature::Mismatch);
    for url in urls {
        if verdict.is_err() {
            verdict = verify(url);
        }
    }
    verdict
}

/// Refuses, and logs what an operator needs to find the wrong setting, usually a NEXT_PUBLIC_APP_URL that is not the
/// address Twilio calls. The query, the parameters and the signature stay out: they could be replayed.
fn refusal<E: Endpoint>(
    request: &Request<Bytes>,
    app_url: &AppUrl,
    verifier: &Verifier,
    urls: &[String],
    error: BadSignature,
) -> Refusal {
    let asked = request.extensions().get::<AskedPath>().map(|asked| asked.0.as_str());
    let path: String =
        asked.unwrap_or_else(|| request.uri().path()).chars().take(MAX_LOGGED_PATH).collect();
    let tried = Tried::new(urls.first().map_or("", String::as_str));
    warn!(
        service = "twilio",
        status = 403,
        reason = Reason::InvalidSignature.as_str(),
        endpoint = E::NAME,
        %error,
        // Without the user info.
        origin = ?app_url,
        path,
        %tried,
        ordersTried = urls.len(),
        bodyHash = tried.has_body_hash(),
        tokens = verifier.tokens(),
        "webhook refused"
    );
    let message = "Check that NEXT_PUBLIC_APP_URL is exactly the address Twilio calls, and TWILIO_AUTH_TOKEN its account's token.";
    Refusal::new(Reason::InvalidSignature, message).logged()
}

fn signature(headers: &HeaderMap) -> Result<&str, BadSignature> {
    let mut all = headers.get_all("x-twilio-signature").iter();
    let (Some(only), None) = (all.next(), all.next()) else { return Err(BadSignature::Header) };
    only.to_str().map_err(|_| BadSignature::Header)
}

/// Our own id in the query. It is signed, so anything else there is not our URL.
fn call_id(request: &Request<Bytes>) -> Option<CallId> {
    let query = Form::parse(request.uri().query()?.as_bytes())?;
    CallId::parse(query.get("callId")?).ok()
}

/// Whether the body is said to be of this media type, whatever its parameters.
pub(super) fn has_media_type(headers: &HeaderMap, media_type: &str) -> bool {
    headers
        .get(header::CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|value| value.split(';').next())
        .is_some_and(|given| given.trim().eq_ignore_ascii_case(media_type))
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::super::Status;
    use super::*;

    /// Of the settings and of the requests.
    const SECRETS: [&str; 8] = [
        "owner",
        "hunter2",
        "primary-token",
        "secondary-token",
        "c2lnbmF0dXJl",
        "12125550123",
        "CA11",
        "query",
    ];

    /// A log that can be read.
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    fn settings() -> Settings {
        Settings::parse(&|name: &str| {
            let value = match name {
                "NEXT_PUBLIC_APP_URL" => "https://owner:hunter2@app.example:8443/Prod",
                "TWILIO_AUTH_TOKEN" => "primary-token",
                "TWILIO_AUTH_TOKEN_SECONDARY" => "secondary-token",
                _ => return None,
            };
            Some(value.to_owned())
        })
    }

    /// The lines that one refused request writes.
    fn logged(media_type: &str, uri: &str) -> Vec<serde_json::Value> {
        let log = Log::default();
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt()
            .json()
            .flatten_event(true)
            .with_writer(move || writer.clone())
            .finish();
        let request = Request::post(uri)
            .header("content-type", media_type)
            .header("x-twilio-signature", "c2lnbmF0dXJl")
            .body(Bytes::from("CallSid=CA11&From=%2B12125550123"))
            .unwrap();
        let refusal = tracing::subscriber::with_default(subscriber, || {
            verified::<Status>(&settings(), &request).unwrap_err()
        });
        assert_eq!(refusal.reason, Reason::InvalidSignature);
        let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        for secret in SECRETS {
            assert!(!text.contains(secret), "{secret} is in {text}");
        }
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[test]
    fn a_refusal_is_one_line_that_says_what_was_tried_and_nothing_to_forge_with() {
        let lines = logged("application/x-www-form-urlencoded", "/api/twilio/status?callId=query");
        let [line] = lines.as_slice() else { panic!("{} lines", lines.len()) };
        assert_eq!(line["error"], "x-twilio-signature does not fit the configured url and tokens");
        assert_eq!(line["origin"], "https://app.example:8443");
        assert_eq!(line["path"], "/api/twilio/status");
        assert_eq!(
            line["tried"],
            "with the configured port, without a port; user info kept, user info dropped"
        );
        assert_eq!((&line["tokens"], &line["bodyHash"]), (&2.into(), &false.into()));
    }

    #[test]
    fn a_body_that_is_no_form_says_whether_its_hash_was_there() {
        for (uri, has_hash) in [("/s?x=query", false), ("/s?bodySHA256=query", true)] {
            let lines = logged("application/json", uri);
            assert_eq!(lines[0]["bodyHash"], has_hash, "{uri}");
            assert_eq!(lines[0]["path"], "/s", "as it was asked for");
            assert_eq!(lines[0]["error"], BadSignature::Body.to_string());
        }
    }
}
