//! What comes as a webhook.

use bytes::Bytes;
use http::{HeaderValue, Request, Response, StatusCode, Uri};
use sha2::{Digest as _, Sha256};
use shared::call::{CallId, CallRef, Observation, Timestamp};
use shared::endpoint::{Recording, Status, Voice};
use shared::store::Record;
use shared::twilio::{Form, Tried, Verifier, VoiceRequest, recording_callback, status_callback};
use vendors::sign;

use crate::input::{lines, or};
use crate::record::assert_kept;
use crate::text::assert_twiml;
use crate::world::{ACCOUNT_SID, APP_URL, AUTH_TOKEN, SECOND_TOKEN, WITHOUT_AGENT, ask};

const FORM: &str = "application/x-www-form-urlencoded";

/// A form, read as every kind of callback.
pub(crate) fn form(data: &[u8]) {
    let Some(form) = Form::parse(data) else { return };
    let now = Timestamp::from_millis(0);
    for call_id in [None, Some(CallId::new([7; 16], true))] {
        let seen = [
            status_callback(&form, call_id.clone(), now),
            recording_callback(&form, call_id.clone(), now),
        ];
        for (call, seen) in seen.into_iter().flatten() {
            assert_observed(&call, &seen);
        }
        if let Ok(voice) = VoiceRequest::parse(&form, call_id) {
            assert!(voice.call.call_sid().is_some());
        }
    }
}

/// `bodySHA256`.
fn body_hash(body: &[u8]) -> String {
    Sha256::digest(body).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn assert_observed(call: &CallRef, seen: &Observation) {
    let key = seen.key();
    let is_key = |c: char| c.is_ascii_alphanumeric() || "#-_".contains(c);
    assert!(key.chars().all(is_key) && key.len() <= 200, "{key}");
    assert_kept(seen);
    let record = Record {
        call_id: call.call_id().cloned(),
        call_sid: call.call_sid().cloned(),
        observations: vec![seen.clone()],
    };
    let _ = record.fold();
}

/// A signature, a URL, and a body: nobody signed them.
pub(crate) fn signature(data: &[u8]) {
    let ([header, url], body) = lines(data);
    let verifier = Verifier::new([AUTH_TOKEN, SECOND_TOKEN]);
    let form = Form::parse(body).unwrap_or_default();
    assert!(verifier.verify(url, form.pairs(), header).is_err(), "somebody can sign");
    assert!(verifier.verify_body(url, body, header).is_err(), "somebody can sign");
    let told = Tried::new(url).to_string();
    assert!(told.len() < 120 && told.is_ascii());
    // Twilio itself drops the fragment.
    let sent = url.split('#').next().unwrap_or_default();
    let header = sign(SECOND_TOKEN, sent, form.pairs());
    assert_eq!(verifier.verify(url, form.pairs(), &header), Ok(()));
}

/// A whole request that Twilio signed: endpoint, query, media type, body.
pub(crate) fn webhook(data: &[u8]) {
    let ([endpoint, query, media_type], body) = lines(data);
    let endpoint = match endpoint {
        "voice" => "voice",
        "recording" => "recording",
        _ => "status",
    };
    let media_type = or(media_type, FORM);
    let Ok(content_type) = HeaderValue::from_str(media_type) else { return };
    let is_form =
        media_type.split(';').next().is_some_and(|it| it.trim().eq_ignore_ascii_case(FORM));
    // Twilio adds the hash to the query of what is no form.
    let hash = if is_form { String::new() } else { format!("bodySHA256={}&", body_hash(body)) };
    let Ok(uri) = format!("/api/twilio/{endpoint}?{hash}{query}").parse::<Uri>() else { return };
    let url = format!("{APP_URL}{uri}");
    let form = if is_form { Form::parse(body).unwrap_or_default() } else { Form::default() };
    let signature = sign(AUTH_TOKEN, &url, form.pairs());

    let send = |signature: &str| {
        let mut request = Request::new(Bytes::copy_from_slice(body));
        *request.method_mut() = http::Method::POST;
        *request.uri_mut() = uri.clone();
        request.headers_mut().insert(http::header::CONTENT_TYPE, content_type.clone());
        if let Ok(signature) = HeaderValue::from_str(signature) {
            request.headers_mut().insert("x-twilio-signature", signature);
        }
        match endpoint {
            "voice" => ask(Voice, &WITHOUT_AGENT, request),
            "recording" => ask(Recording, &WITHOUT_AGENT, request),
            _ => ask(Status, &WITHOUT_AGENT, request),
        }
    };
    assert_answered(endpoint, is_form, &form, &send(&signature));
    let forged = signature.replacen(char::is_alphanumeric, "+", 1);
    assert_eq!(send(&forged).status(), StatusCode::FORBIDDEN);
}

/// What is signed for our account is never turned away, and voice always has TwiML.
fn assert_answered(endpoint: &str, is_form: bool, form: &Form, response: &Response<Bytes>) {
    let status = response.status();
    if !form.pairs().is_empty() && form.get("AccountSid") != Some(ACCOUNT_SID) {
        return assert_eq!(status, StatusCode::FORBIDDEN);
    }
    if endpoint == "voice" {
        assert_eq!(status, StatusCode::OK);
        assert_twiml(std::str::from_utf8(response.body()).unwrap_or_default());
        return;
    }
    let of_a_call = is_form && status_callback(form, None, Timestamp::from_millis(0)).is_ok();
    let expected = if of_a_call { StatusCode::NO_CONTENT } else { StatusCode::BAD_REQUEST };
    assert_eq!(status, expected);
}
