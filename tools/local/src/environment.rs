//! Variables from three places: what the mode lays over, the process, and `.env`.

use std::collections::BTreeMap;

/// A set of variables. Nothing is written back into the process: that is unsafe once threads run.
#[derive(Clone, Default)]
pub struct Environment(BTreeMap<String, String>);

impl Environment {
    /// The process's variables, and those of `.env` in the working directory that it does not set.
    ///
    /// Errors name the line of `.env` that cannot be read, not its content.
    pub fn from_process() -> Result<Self, String> {
        let mut variables = BTreeMap::new();
        match dotenvy::dotenv_iter() {
            Ok(lines) => {
                for (number, line) in lines.enumerate() {
                    let (name, value) =
                        line.map_err(|_| format!(".env: entry {} cannot be read", number + 1))?;
                    variables.insert(name, value);
                }
            }
            Err(error) if error.not_found() => {}
            Err(_) => return Err(".env cannot be read".to_owned()),
        }
        variables.extend(std::env::vars());
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
