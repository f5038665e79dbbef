//! Requests that must come from Twilio: the signature is judged before anything else.

use bytes::Bytes;
use http::{HeaderMap, Request};
use tracing::warn;

use crate::call::CallId;
use crate::settings::{AppUrl, Settings};
use crate::twilio::{BadSignature, Form, Tried, Verifier, requested_url};

use super::refusal::{Reason, Refusal};
use super::{BODY_LIMIT, Endpoint, UnorderedQuery, has_media_type};

/// A webhook that Twilio signed.
#[derive(Debug)]
pub(super) struct Webhook {
    /// Its parameters.
    pub(super) form: Form,
    /// From the query; calls that rang us have none.
    pub(super) call_id: Option<CallId>,
}

/// Believes a webhook or refuses it. Nothing has happened before this, and nothing does if it fails.
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
    match verify() {
        Ok(form) => Ok(Webhook { form, call_id: call_id(request) }),
        Err(error) => {
            log_refusal::<E>(app_url, verifier, &urls, error);
            Err(Refusal::new(
                Reason::InvalidSignature,
                "Check that NEXT_PUBLIC_APP_URL is exactly the address Twilio calls, and TWILIO_AUTH_TOKEN its account's token.",
            ))
        }
    }
}

/// The URLs Twilio may have signed: ours, with the query as received or, where the host lost its
/// order, in any. Whoever reorders a signed query says nothing that was not signed.
fn requested_urls<E: Endpoint>(app_url: &AppUrl, request: &Request<Bytes>) -> Vec<String> {
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
        verdict = verify(url);
        if verdict.is_ok() {
            break;
        }
    }
    verdict
}

/// Enough to see what is set wrong, and nothing to forge with: the query, the parameters and the
/// signature stay out. The usual cause is a NEXT_PUBLIC_APP_URL that is not the address Twilio calls.
fn log_refusal<E: Endpoint>(
    app_url: &AppUrl,
    verifier: &Verifier,
    urls: &[String],
    error: BadSignature,
) {
    let tried = Tried::new(urls.first().map_or("", String::as_str));
    warn!(
        service = "twilio",
        status = 403,
        endpoint = E::NAME,
        %error,
        // Without the user info.
        origin = ?app_url,
        path = format!("{}{}", app_url.path(), E::PATH),
        %tried,
        queryOrders = urls.len(),
        bodyHash = tried.has_body_hash(),
        tokens = verifier.tokens(),
        "webhook refused"
    );
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
