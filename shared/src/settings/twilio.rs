//! The Twilio account.

use crate::call::AccountSid;
use crate::twilio::{Account, Credentials, Verifier};

use super::env::Env;
use super::{BaseUrl, Secret};

/// What REST calls need.
pub(super) fn account(env: &mut Env<'_>) -> Option<Account> {
    let sid = env.required("TWILIO_ACCOUNT_SID", |text| {
        AccountSid::parse(text).map_err(|_| "must be AC and 32 hex digits".to_owned())
    });
    let token = env.required("TWILIO_AUTH_TOKEN", Secret::parse);
    let api_url = match env.get("TWILIO_API_URL") {
        Some(_) => env.optional("TWILIO_API_URL", BaseUrl::parse),
        None => BaseUrl::parse("https://api.twilio.com").ok(),
    };
    let credentials = match api_key(env) {
        Some((sid, secret)) => Some(Credentials::ApiKey { sid, secret }),
        None => token.map(Credentials::AuthToken),
    };
    Some(Account { sid: sid?, credentials: credentials?, api_url: api_url? })
}

/// Both halves or none.
fn api_key(env: &mut Env<'_>) -> Option<(String, Secret)> {
    let sid = env.optional("TWILIO_API_KEY_SID", |text| {
        let hex = text.strip_prefix("SK").filter(|hex| hex.len() == 32);
        match hex.filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit())) {
            Some(_) => Ok(text.to_owned()),
            None => Err("must be SK and 32 hex digits".to_owned()),
        }
    });
    let secret = env.optional("TWILIO_API_KEY_SECRET", Secret::parse);
    let given = |env: &Env<'_>, name| env.get(name).is_some();
    match (given(env, "TWILIO_API_KEY_SID"), given(env, "TWILIO_API_KEY_SECRET")) {
        (true, false) => {
            env.problem("TWILIO_API_KEY_SECRET", "is missing beside TWILIO_API_KEY_SID")
        }
        (false, true) => {
            env.problem("TWILIO_API_KEY_SID", "is missing beside TWILIO_API_KEY_SECRET")
        }
        _ => {}
    }
    sid.zip(secret)
}

/// What checks webhooks: always auth tokens, whatever signs REST calls in.
pub(super) fn verifier(env: &mut Env<'_>) -> Option<Verifier> {
    let primary = env.required("TWILIO_AUTH_TOKEN", Secret::parse)?;
    let secondary = env.optional("TWILIO_AUTH_TOKEN_SECONDARY", Secret::parse);
    Some(Verifier::new([Some(&primary), secondary.as_ref()].into_iter().flatten()))
}
