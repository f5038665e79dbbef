//! HTTP Basic authentication of the REST interface.

use super::errors::TwilioError;
use crate::Config;
use axum::http::{HeaderMap, header};
use base64::{Engine as _, engine::general_purpose::STANDARD};

/// Checks the credentials first and the account in the path after them, as Twilio does: an
/// unauthenticated client learns nothing about accounts.
pub(crate) fn check(
    config: &Config,
    headers: &HeaderMap,
    account_sid: &str,
) -> Result<(), TwilioError> {
    let Some((user, password)) = basic(headers) else {
        return Err(TwilioError::authenticate());
    };
    let account = user == config.account_sid && password == config.auth_token;
    let key =
        config.api_key.as_ref().is_some_and(|(sid, secret)| user == *sid && password == *secret);
    if !account && !key {
        return Err(TwilioError::authenticate());
    }
    if account_sid != config.account_sid {
        return Err(TwilioError::not_found(&format!("/2010-04-01/Accounts/{account_sid}")));
    }
    Ok(())
}

fn basic(headers: &HeaderMap) -> Option<(String, String)> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (user, password) = decoded.split_once(':')?;
    Some((user.to_owned(), password.to_owned()))
}
