//! Reading variables one by one and remembering what was wrong with each.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;

use crate::values::BaseUrl;

/// What is wrong with one variable. Never holds its value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The variable.
    pub name: String,
    /// What it must be.
    pub what: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.name, self.what)
    }
}

/// Where variables come from.
pub trait Variables {
    /// A variable's value.
    fn get(&self, name: &str) -> Option<String>;

    /// Every name that is set, where that can be told. Only used to point out likely mistakes.
    fn names(&self) -> Vec<String> {
        Vec::new()
    }
}

impl<F: Fn(&str) -> Option<String>> Variables for F {
    fn get(&self, name: &str) -> Option<String> {
        self(name)
    }
}

/// The environment as far as it has been read.
pub(super) struct Env<'a> {
    variables: &'a dyn Variables,
    /// One problem a name, in the order of the names.
    problems: BTreeMap<String, String>,
}

impl<'a> Env<'a> {
    pub(super) fn new(variables: &'a dyn Variables) -> Self {
        Self { variables, problems: BTreeMap::new() }
    }

    /// A variable that is set to something, without the white space around it: a trailing newline is
    /// invisible in a host's form. Empty counts as unset, as such forms leave it so.
    pub(super) fn get(&self, name: &str) -> Option<String> {
        let value = self.variables.get(name)?;
        Some(value.trim().to_owned()).filter(|value| !value.is_empty())
    }

    /// Whether a variable is set, to nothing.
    pub(super) fn is_blank(&self, name: &str) -> bool {
        self.variables.get(name).is_some_and(|value| value.trim().is_empty())
    }

    /// Every name that is set to something.
    pub(super) fn names(&self) -> Vec<String> {
        let mut names = self.variables.names();
        names.retain(|name| self.get(name).is_some());
        names.sort();
        names
    }

    /// Whether any of these is a problem already.
    pub(super) fn has_problem(&self, names: &[&str]) -> bool {
        names.iter().any(|name| self.problems.contains_key(*name))
    }

    pub(super) fn problem(&mut self, name: &str, what: impl Into<String>) {
        self.problems.entry(name.to_owned()).or_insert_with(|| what.into());
    }

    pub(super) fn optional<T>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        let value = self.get(name)?;
        // A shell takes them away, a host's form keeps them as part of the value.
        let is_quoted =
            |quote| value.len() > 1 && value.starts_with(quote) && value.ends_with(quote);
        let parsed = if ['"', '\''].into_iter().any(is_quoted) {
            Err("is in quotes: leave them out".to_owned())
        } else {
            parse(&value)
        };
        match parsed {
            Ok(value) => Some(value),
            Err(what) => {
                self.problem(name, what);
                None
            }
        }
    }

    pub(super) fn required<T>(
        &mut self,
        name: &str,
        parse: impl FnOnce(&str) -> Result<T, String>,
    ) -> Option<T> {
        if self.get(name).is_none() {
            self.problem(name, "is missing");
        }
        self.optional(name, parse)
    }

    /// A whole number. Out of range is a problem, and the default is taken.
    pub(super) fn number(&mut self, name: &str, default: u32, range: RangeInclusive<u32>) -> u32 {
        let parse = |text: &str| {
            let number = text.parse().ok().filter(|number| range.contains(number));
            let (low, high) = (range.start(), range.end());
            number.ok_or(format!("must be a whole number from {low} to {high}"))
        };
        self.optional(name, parse).unwrap_or(default)
    }

    /// `true 1 yes on` or `false 0 no off`, in any case. Anything else is a problem, and the default is
    /// taken.
    pub(super) fn flag(&mut self, name: &str, default: bool) -> bool {
        let parse = |text: &str| match text.to_ascii_lowercase().as_str() {
            "true" | "1" | "yes" | "on" => Ok(true),
            "false" | "0" | "no" | "off" => Ok(false),
            _ => Err("must be true or false".to_owned()),
        };
        self.optional(name, parse).unwrap_or(default)
    }

    /// Comma-separated values, each parsed.
    pub(super) fn list<T>(
        &mut self,
        name: &str,
        parse: impl Fn(&str) -> Result<T, String>,
    ) -> Vec<T> {
        let all = |text: &str| {
            let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
            parts.map(&parse).collect()
        };
        self.optional(name, all).unwrap_or_default()
    }

    /// The base of a vendor's API.
    pub(super) fn base_url(&mut self, name: &str, default: &str) -> Option<BaseUrl> {
        match self.get(name) {
            Some(_) => self.optional(name, BaseUrl::parse),
            None => BaseUrl::parse(default).ok(),
        }
    }

    /// Whether both are set. One without the other is a problem.
    pub(super) fn has_pair(&mut self, first: &str, second: &str) -> bool {
        match (self.get(first).is_some(), self.get(second).is_some()) {
            (true, false) => self.problem(second, format!("is missing beside {first}")),
            (false, true) => self.problem(first, format!("is missing beside {second}")),
            (both, _) => return both,
        }
        false
    }

    pub(super) fn into_problems(self) -> Vec<Problem> {
        self.problems.into_iter().map(|(name, what)| Problem { name, what }).collect()
    }
}

/// Parses letters, digits and `marks`, `longest` characters at most.
pub(super) fn word(
    longest: usize,
    marks: &str,
    what: &str,
) -> impl Fn(&str) -> Result<String, String> {
    move |text| {
        let is_one = |c: char| c.is_ascii_alphanumeric() || marks.contains(c);
        let is_word = text.len() <= longest && text.chars().all(is_one);
        if is_word { Ok(text.to_owned()) } else { Err(what.to_owned()) }
    }
}
