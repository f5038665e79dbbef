//! The environment.

use shared::settings::{Settings, Variables};

use crate::world::COMPLETE;

/// Lines of `NAME=value` over a complete environment; `NAME` alone takes one away.
pub(crate) fn settings(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let changes = text.split('\n').map(|line| line.split_once('=').unwrap_or((line, "")));
    let settings = Settings::parse(&Environment(changes.chain(COMPLETE).collect()));
    for problem in &settings.problems {
        // No message of ours has this word, so it is a value's.
        assert!(!problem.what.contains(MARK), "{problem}");
    }
    let _ = settings.for_dialling();
    let printed = format!("{settings:?}");
    let (secret, public): (Vec<_>, Vec<_>) =
        text.split('\n').partition(|line| SECRETS.iter().any(|name| line.starts_with(name)));
    for (name, value) in secret.iter().filter_map(|line| line.split_once('=')) {
        let value = value.trim();
        let is_told = value.contains(MARK) && !public.iter().any(|line| line.contains(value));
        assert!(!is_told || !printed.contains(value), "{name} prints");
    }
}

/// Stands in the values of seeds.
const MARK: &str = "s3cr3t";

const SECRETS: [&str; 7] = [
    "ELEVENLABS_API_KEY",
    "KV_REST_API_TOKEN",
    "MAKE_CALL_TOKEN",
    "MAKE_CALL_TOKEN_SECONDARY",
    "TWILIO_API_KEY_SECRET",
    "TWILIO_AUTH_TOKEN",
    "TWILIO_AUTH_TOKEN_SECONDARY",
];

struct Environment<'a>(Vec<(&'a str, &'a str)>);

impl Variables for Environment<'_> {
    fn get(&self, name: &str) -> Option<String> {
        let found = self.0.iter().find(|(known, _)| *known == name);
        found.map(|(_, value)| (*value).to_owned())
    }

    fn names(&self) -> Vec<String> {
        // An operating system has no such names.
        let names = self.0.iter().map(|(name, _)| *name);
        names.filter(|name| !name.contains(MARK)).map(str::to_owned).collect()
    }
}
