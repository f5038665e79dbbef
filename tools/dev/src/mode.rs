//! Simulated or real: what the environment means.

use std::net::SocketAddr;

use http::Uri;

use super::Environment;
use super::host_guard::is_loopback;

/// The simulated account. Not secrets: they open nothing but a simulator on this machine.
pub const SIMULATED_ACCOUNT_SID: &str = "AC00000000000000000000000000000001";
/// Signs the simulated Twilio's webhooks.
pub const SIMULATED_AUTH_TOKEN: &str = "simulated-auth-token";
/// The simulated account's number.
pub const SIMULATED_PHONE_NUMBER: &str = "+12125550100";
/// The simulated agent.
pub const SIMULATED_AGENT_ID: &str = "agent_simulated";
/// Opens the simulated ElevenLabs.
pub const SIMULATED_API_KEY: &str = "simulated-api-key";

/// Variables that the page of a simulation may set without a token: those of README's examples.
const SIMULATED_VARIABLES: &str = "customer_name,attempt";

/// What is on the other side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// The real Twilio and ElevenLabs: phones ring, money is spent.
    Real,
    /// Fakes on the same port.
    Simulated,
}

impl Mode {
    /// Real as soon as anybody's credentials are set: half a set must be complained about, not
    /// replaced by fakes.
    #[must_use]
    pub fn of(environment: &Environment) -> Self {
        let credentials = [
            "ELEVENLABS_API_KEY",
            "TWILIO_ACCOUNT_SID",
            "TWILIO_API_KEY_SECRET",
            "TWILIO_API_KEY_SID",
            "TWILIO_AUTH_TOKEN",
            "TWILIO_AUTH_TOKEN_SECONDARY",
        ];
        if credentials.iter().any(|name| environment.get(name).is_some()) {
            Self::Real
        } else {
            Self::Simulated
        }
    }
}

/// Hosts we may seem to run on because of the shell we were started from.
const HOST_VARIABLES: [&str; 4] =
    ["AWS_LAMBDA_RUNTIME_API", "VERCEL", "VERCEL_DEV", "VERCEL_IPC_PATH"];

/// Fills in what the mode implies. Returns a token made for this run, if one was needed.
pub(crate) fn complete(
    environment: &mut Environment,
    mode: Mode,
    address: SocketAddr,
    new_token: impl FnOnce() -> String,
) -> Option<String> {
    for name in HOST_VARIABLES {
        environment.remove(name);
    }
    if mode == Mode::Real {
        // A tunnel makes this machine as reachable as a deployment.
        environment.default("ALLOW_ANONYMOUS_DIALLING", "false");
    }
    let port = address.port();
    match mode {
        Mode::Real if environment.get("MAKE_CALL_TOKEN").is_none() => {
            let token = new_token();
            environment.set("MAKE_CALL_TOKEN", token.clone());
            Some(token)
        }
        Mode::Real => None,
        Mode::Simulated => {
            let base = format!("http://{address}");
            // A site on this machine may stand in front and rewrite to us. The simulated Twilio reaches
            // no other machine.
            if !environment.get("NEXT_PUBLIC_APP_URL").is_some_and(is_here) {
                environment.set("NEXT_PUBLIC_APP_URL", base.clone());
            }
            environment.set("TWILIO_API_URL", format!("{base}/simulated/twilio"));
            environment.set("ELEVENLABS_API_URL", format!("{base}/simulated/elevenlabs"));
            environment.set("TWILIO_ACCOUNT_SID", SIMULATED_ACCOUNT_SID);
            environment.set("TWILIO_AUTH_TOKEN", SIMULATED_AUTH_TOKEN);
            environment.set("TWILIO_PHONE_NUMBER", SIMULATED_PHONE_NUMBER);
            environment.set("ELEVENLABS_AGENT_ID", SIMULATED_AGENT_ID);
            environment.set("ELEVENLABS_API_KEY", SIMULATED_API_KEY);
            let origins = format!("http://localhost:{port},{base}");
            environment.default("ALLOWED_ORIGINS", origins);
            environment.default("RECORD_CALLS", "true");
            // Nobody is rung: whoever tries it presses the button as often as they like.
            environment.default("CALL_RATE_PER_CLIENT", "1000");
            environment.default("CALL_COOLDOWN_SECONDS", "0");
            environment.default("CALL_MAX_PER_DESTINATION_PER_DAY", "1000");
            environment.default("CALL_MAX_CONCURRENT", "1000");
            environment.default("CALL_MAX_PER_DAY", "100000");
            environment.default("ANONYMOUS_MAX_CONCURRENT", "1000");
            environment.default("ANONYMOUS_MAX_PER_DAY", "100000");
            environment.default("ANONYMOUS_TIME_LIMIT_SECONDS", "900");
            environment.default("ANONYMOUS_VARIABLES", SIMULATED_VARIABLES);
            None
        }
    }
}

fn is_here(url: &str) -> bool {
    let host = |url: &Uri| url.host().map(str::to_ascii_lowercase);
    url.trim().parse().ok().as_ref().and_then(host).is_some_and(|host| is_loopback(&host))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn simulated_under(app_url: &str) -> String {
        let mut environment = Environment::from_pairs([("NEXT_PUBLIC_APP_URL", app_url)]);
        let address = SocketAddr::from(([127, 0, 0, 1], 3000));
        complete(&mut environment, Mode::Simulated, address, || unreachable!("no token is made"));
        environment.get("NEXT_PUBLIC_APP_URL").unwrap().to_owned()
    }

    #[test]
    fn the_simulated_app_has_the_address_of_a_site_on_this_machine_or_its_own() {
        for site in ["http://localhost:3001", "http://127.0.0.1:3001", "http://[::1]:3001/base"] {
            assert_eq!(simulated_under(site), site);
        }
        for elsewhere in ["", "https://app.example", "http://localhost.evil.example", "no address"]
        {
            assert_eq!(simulated_under(elsewhere), "http://127.0.0.1:3000", "{elsewhere}");
        }
    }
}
