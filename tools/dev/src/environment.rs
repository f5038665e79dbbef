//! Variables from three places: what the mode lays over, the process, and `.env`.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::ErrorKind;

use shared::settings::Variables;

/// A set of variables. Nothing is written back into the process: that is unsafe once threads run.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// The process's variables, and those of `.env` in the working directory that it does not set.
    /// Never a parent folder's: credentials somebody keeps elsewhere must not make phones ring here.
    ///
    /// Errors name the entry of `.env` that cannot be read, not its content.
    pub fn from_process() -> Result<Self, String> {
        let mut variables = match std::fs::read_to_string(".env") {
            Ok(text) => parse(&text)?,
            Err(error) if error.kind() == ErrorKind::NotFound => BTreeMap::new(),
            Err(_) => return Err(".env cannot be read".to_owned()),
        };
        // A variable that is not UTF-8 is none of ours.
        let utf8 = |(name, value): (OsString, OsString)| {
            Some((name.into_string().ok()?, value.into_string().ok()?))
        };
        variables.extend(std::env::vars_os().filter_map(utf8));
        Ok(Self(variables))
    }

    /// From pairs, for tests.
    pub fn from_pairs<'a>(pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Self {
        Self(pairs.into_iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect())
    }

    /// A variable that is set to something.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.trim().is_empty())
    }

    /// Sets a variable, whatever it was.
    pub fn set(&mut self, name: &str, value: impl Into<String>) {
        self.0.insert(name.to_owned(), value.into());
    }

    /// Sets a variable that is not set.
    pub fn default(&mut self, name: &str, value: impl Into<String>) {
        if self.get(name).is_none() {
            self.set(name, value);
        }
    }

    /// Forgets a variable.
    pub fn remove(&mut self, name: &str) {
        self.0.remove(name);
    }
}

impl Variables for Environment {
    fn get(&self, name: &str) -> Option<String> {
        self.0.get(name).cloned()
    }

    fn names(&self) -> Vec<String> {
        self.0.keys().cloned().collect()
    }
}

/// The entries of a `.env`. The format replaces `$name` by other variables, which would silently
/// change a secret that holds a `$`: it must stand in single quotes, which switch that off.
fn parse(text: &str) -> Result<BTreeMap<String, String>, String> {
    let is_replaced = |line: &&str| {
        let value = line.split_once('=').map_or("", |(_, value)| value.trim());
        !line.trim_start().starts_with('#') && value.contains('$') && !value.starts_with('\'')
    };
    if let Some(line) = text.lines().find(is_replaced) {
        let name = line.split('=').next().unwrap_or_default().trim();
        return Err(format!(".env: put the value of {name} in single quotes, it holds a $"));
    }
    let mut variables = BTreeMap::new();
    for (number, entry) in dotenvy::from_read_iter(text.as_bytes()).enumerate() {
        let (name, value) =
            entry.map_err(|_| format!(".env: entry {} cannot be read", number + 1))?;
        variables.insert(name, value);
    }
    Ok(variables)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dollar_is_taken_literally_in_single_quotes_and_refused_elsewhere() {
        let quoted = parse("# costs $5\nTWILIO_AUTH_TOKEN='pa$$word'\nA=b\n").unwrap();
        assert_eq!(quoted["TWILIO_AUTH_TOKEN"], "pa$$word");
        let refused = parse("TWILIO_AUTH_TOKEN=pa$$word\n").unwrap_err();
        assert!(refused.contains("TWILIO_AUTH_TOKEN") && !refused.contains("word"), "{refused}");
    }
}
