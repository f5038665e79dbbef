//! The accounts at Twilio and ElevenLabs, and the address at which Twilio reaches us.

use crate::call::{AccountSid, E164};
use crate::elevenlabs::{Connect, ElevenLabs};
use crate::twilio::{Account, Credentials, Verifier};
use crate::values::{AppUrl, BaseUrl, Secret};

use super::env::Env;

fn account_sid(text: &str) -> Result<AccountSid, String> {
    AccountSid::parse(text).map_err(|_| "must be AC and 32 hex digits".to_owned())
}

/// Whose callbacks are taken: the account's, and those of its sub-accounts that are named. Without the
/// account, none.
pub(super) fn accounts(env: &mut Env<'_>) -> Vec<AccountSid> {
    let others = env.list("TWILIO_SUBACCOUNT_SIDS", account_sid);
    let ours = env.required("TWILIO_ACCOUNT_SID", account_sid);
    ours.map(|ours| [ours].into_iter().chain(others).collect()).unwrap_or_default()
}

/// What REST calls need.
pub(super) fn account(env: &mut Env<'_>) -> Option<Account> {
    let sid = env.required("TWILIO_ACCOUNT_SID", account_sid);
    let token = env.required("TWILIO_AUTH_TOKEN", Secret::parse);
    let api_url = env.base_url("TWILIO_API_URL", "https://api.twilio.com");
    let key_sid = env.optional("TWILIO_API_KEY_SID", |text| {
        let hex = text.strip_prefix("SK").filter(|hex| hex.len() == 32);
        match hex.filter(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit())) {
            Some(_) => Ok(text.to_owned()),
            None => Err("must be SK and 32 hex digits".to_owned()),
        }
    });
    let key_secret = env.optional("TWILIO_API_KEY_SECRET", Secret::parse);
    env.has_pair("TWILIO_API_KEY_SID", "TWILIO_API_KEY_SECRET");
    let credentials = match key_sid.zip(key_secret) {
        Some((sid, secret)) => Some(Credentials::ApiKey { sid, secret }),
        None => token.map(Credentials::AuthToken),
    };
    Some(Account { sid: sid?, credentials: credentials?, api_url: api_url? })
}

/// What checks webhooks: always auth tokens, whatever signs REST calls in.
pub(super) fn verifier(env: &mut Env<'_>) -> Option<Verifier> {
    let primary = env.required("TWILIO_AUTH_TOKEN", Secret::parse);
    let secondary = env.optional("TWILIO_AUTH_TOKEN_SECONDARY", Secret::parse);
    let tokens: Vec<Secret> = primary.into_iter().chain(secondary).collect();
    (!tokens.is_empty()).then(|| Verifier::new(tokens.iter().map(Secret::reveal)))
}

pub(super) fn phone_number(env: &mut Env<'_>) -> Option<E164> {
    env.required("TWILIO_PHONE_NUMBER", |text| {
        E164::parse(text)
            .map_err(|wrong| format!("must be a phone number such as +12125550100: {wrong}"))
    })
}

/// The real Twilio must be able to call it; a simulated one reaches this machine.
pub(super) fn app_url(env: &mut Env<'_>) -> Option<AppUrl> {
    let api_url = env.get("TWILIO_API_URL").and_then(|text| BaseUrl::parse(&text).ok());
    let is_twilios = api_url.is_none_or(|api_url| api_url.is_twilios());
    env.required("NEXT_PUBLIC_APP_URL", |text| {
        let app_url = AppUrl::parse(text)?;
        if is_twilios {
            app_url.check_public()?;
        }
        Ok(app_url)
    })
}

pub(super) fn elevenlabs(env: &mut Env<'_>) -> Option<ElevenLabs> {
    // Visible ASCII, like a secret, though it is none.
    let agent_id =
        env.required("ELEVENLABS_AGENT_ID", Secret::parse).map(|id| id.reveal().to_owned());
    let api_key = env.required("ELEVENLABS_API_KEY", Secret::parse);
    let api_url = env.base_url("ELEVENLABS_API_URL", "https://api.elevenlabs.io");
    let connect = env.optional("ELEVENLABS_CONNECT", |text| match text {
        "register-call" => Ok(Connect::RegisterCall),
        "signed-url" => Ok(Connect::SignedUrl),
        _ => Err("must be register-call or signed-url".to_owned()),
    });
    Some(ElevenLabs {
        agent_id: agent_id?,
        api_key: api_key?,
        api_url: api_url?,
        connect: connect.unwrap_or_default(),
    })
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
        let app_url = crate::values::AppUrl::parse(url).unwrap();
        assert_eq!(format!("{app_url:?}"), "https://app.example");
        assert_eq!(app_url.base(), url);
    }
}
