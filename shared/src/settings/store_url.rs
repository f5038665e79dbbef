//! Where calls are kept.

use std::path::PathBuf;

use super::Host;
use super::env::Env;

/// A store this build can open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StoreUrl {
    /// `sqlite:PATH`.
    Sqlite(PathBuf),
}

/// The embedded store of a developer's machine, relative to the working directory.
const LOCAL_FILE: &str = ".close-loop/calls.sqlite";

pub(super) fn store(env: &mut Env<'_>, host: Host) -> Option<StoreUrl> {
    if env.get("STORE_URL").is_some() {
        return env.optional("STORE_URL", store_url);
    }
    if host.is_deployed() {
        env.problem("STORE_URL", "is missing: a deployed function keeps nothing of its own");
        return None;
    }
    if !cfg!(feature = "sqlite") {
        env.problem(
            "STORE_URL",
            "is missing, and this build has no embedded store (feature sqlite)",
        );
        return None;
    }
    Some(StoreUrl::Sqlite(PathBuf::from(LOCAL_FILE)))
}

fn store_url(text: &str) -> Result<StoreUrl, String> {
    match text.strip_prefix("sqlite:") {
        Some(path) if !path.is_empty() && cfg!(feature = "sqlite") => {
            Ok(StoreUrl::Sqlite(PathBuf::from(path)))
        }
        Some(_) if cfg!(feature = "sqlite") => Err("must name a file after sqlite:".to_owned()),
        Some(_) => {
            Err("asks for SQLite, which this build does not carry (feature sqlite)".to_owned())
        }
        None => Err("must be sqlite:PATH: this version has no other store yet".to_owned()),
    }
}
