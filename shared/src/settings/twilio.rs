//! The Twilio account.

use crate::call::AccountSid;
use crate::twilio::{Account, Credentials, Verifier};

use super::env::Env;
use super::{BaseUrl, Secret};

fn sid(text: &str) -> Result<AccountSid, String> {
    AccountSid::parse(text).map_err(|_| "must be AC and 32 hex digits".to_owned())
}

/// Whose callbacks are taken: the account's, and those of its sub-accounts that are named. Nobody's
/// where the account is not known.
pub(super) fn accounts(env: &mut Env<'_>) -> Vec<AccountSid> {
    let others = env.list("TWILIO_SUBACCOUNT_SIDS", sid);
    let ours = env.required("TWILIO_ACCOUNT_SID", sid);
    ours.map(|ours| [ours].into_iter().chain(others).collect()).unwrap_or_default()
}

/// What REST calls need.
pub(super) fn account(env: &mut Env<'_>) -> Option<Account> {
    let sid = env.required("TWILIO_ACCOUNT_SID", sid);
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
    let primary = env.required("TWILIO_AUTH_TOKEN", Secret::parse);
    let secondary = env.optional("TWILIO_AUTH_TOKEN_SECONDARY", Secret::parse);
    let tokens: Vec<Secret> = primary.into_iter().chain(secondary).collect();
    (!tokens.is_empty()).then(|| Verifier::new(tokens.iter().map(Secret::reveal)))
}

#[cfg(test)]
mod tests {
    use crate::settings::Settings;

    fn problems(pairs: &[(&str, &str)]) -> Vec<String> {
        let good = [
            ("TWILIO_ACCOUNT_SID", "AC00000000000000000000000000000001"),
            ("TWILIO_AUTH_TOKEN", "token"),
            ("TWILIO_PHONE_NUMBER", "+12125550100"),
            ("ELEVENLABS_AGENT_ID", "agent"),
            ("ELEVENLABS_API_KEY", "key"),
            ("NEXT_PUBLIC_APP_URL", "https://app.example"),
            ("STORE_URL", "sqlite:calls"),
        ];
        let settings = Settings::parse(&|name: &str| {
            let found = pairs.iter().chain(&good).find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        });
        let names = settings.problems.into_iter().map(|problem| problem.name);
        names.filter(|name| name != "STORE_URL").collect()
    }

    #[test]
    fn both_tokens_are_complained_about_at_once() {
        let wrong = [("TWILIO_AUTH_TOKEN", "a b"), ("TWILIO_AUTH_TOKEN_SECONDARY", "c d")];
        assert_eq!(problems(&wrong), ["TWILIO_AUTH_TOKEN", "TWILIO_AUTH_TOKEN_SECONDARY"]);
    }

    #[test]
    fn an_incomplete_account_does_not_make_a_simulators_localhost_wrong() {
        let wrong = [
            ("TWILIO_AUTH_TOKEN", ""),
            ("TWILIO_API_URL", "http://127.0.0.1:4010"),
            ("NEXT_PUBLIC_APP_URL", "http://localhost:3000"),
        ];
        assert_eq!(problems(&wrong), ["TWILIO_AUTH_TOKEN"]);
    }

    #[test]
    fn the_real_twilio_is_never_given_an_address_it_cannot_call() {
        let private = [
            "localhost.",
            "0.0.0.0",
            "[::]",
            "[::ffff:127.0.0.1]",
            "192.168.1.9",
            "10.0.0.1",
            "[fe80::1]",
        ];
        for host in private {
            let url = format!("https://{host}");
            assert_eq!(
                problems(&[("NEXT_PUBLIC_APP_URL", &url)]),
                ["NEXT_PUBLIC_APP_URL"],
                "{host}"
            );
        }
    }

    #[test]
    fn a_password_in_an_address_never_prints() {
        let url = "https://user:hunter2@app.example";
        assert!(problems(&[("NEXT_PUBLIC_APP_URL", url)]).is_empty());
        assert_eq!(problems(&[("TWILIO_API_URL", url)]), ["TWILIO_API_URL"]);
        let app_url = crate::settings::AppUrl::parse(url).unwrap();
        assert_eq!(format!("{app_url:?}"), "https://app.example");
        assert_eq!(app_url.base(), url);
    }
}
