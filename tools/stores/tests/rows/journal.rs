//! The rows of a store after every step of the scenario, kept as what each step changed (a merge patch
//! as of RFC 7396: `null` takes away).

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;

use serde_json::{Map, Value, json};

use crate::raw::is_of_a_limit;

#[derive(Clone, Debug)]
pub(crate) struct Journal {
    /// Which build made it.
    pub(crate) made_by: String,
    /// The names of the steps and what they changed. The first is the empty store.
    pub(crate) steps: Vec<(String, Value)>,
}

/// The folder of the committed rows, or another that is named.
fn path(family: &str) -> PathBuf {
    let folder = std::env::var_os("ROWS").map_or_else(
        || PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/rows"),
        PathBuf::from,
    );
    folder.join(format!("{family}.json"))
}

impl Journal {
    pub(crate) fn read(family: &str) -> Self {
        let path = path(family);
        let text = std::fs::read_to_string(&path).expect("rows that a build has recorded");
        let mut journal: Value = serde_json::from_str(&text).unwrap();
        let steps = journal["steps"].as_array_mut().unwrap().iter_mut().map(|step| {
            let (name, change) = step.as_object_mut().unwrap().into_iter().next().unwrap();
            (name.clone(), change.take())
        });
        let steps = steps.collect();
        Self { made_by: journal["made_by"].as_str().unwrap().to_owned(), steps }
    }

    pub(crate) fn write(&self, family: &str) {
        let steps: Vec<_> = self.steps.iter().map(|(name, change)| step(name, change)).collect();
        let (made_by, steps) = (json!(self.made_by), steps.join(",\n"));
        let text = format!("{{\"made_by\": {made_by}, \"steps\": [\n{steps}\n]}}\n");
        std::fs::write(path(family), text).unwrap();
    }

    /// Adds what a step has made of the rows.
    pub(crate) fn add(&mut self, name: &str, rows: &Value) {
        let change = difference(&self.rows(self.steps.len()), rows);
        self.steps.push((name.to_owned(), change));
    }

    /// The rows after so many steps.
    pub(crate) fn rows(&self, steps: usize) -> Value {
        let mut rows = json!({});
        for (_, change) in &self.steps[..steps] {
            patch(&mut rows, change);
        }
        rows
    }

    /// The rows after so many steps, and of the next one only what it changed in rows that `is_done`
    /// names; nothing unless that is a part of it.
    pub(crate) fn half(&self, steps: usize, is_done: impl Fn(&str) -> bool) -> Option<Value> {
        let (_, next) = self.steps.get(steps)?;
        let (done, left): (Map<_, _>, Map<_, _>) =
            next.as_object()?.clone().into_iter().partition(|(row, _)| is_done(row));
        let mut rows = self.rows(steps);
        patch(&mut rows, &Value::Object(done.clone()));
        (!done.is_empty() && !left.is_empty()).then_some(rows)
    }

    /// Where another build's rows are others, limits aside: a line for each field, with the first step
    /// after which it differs.
    pub(crate) fn differences(&self, other: &Self) -> String {
        let (mut report, mut told) = (String::new(), BTreeSet::new());
        for step in 1..=self.steps.len().max(other.steps.len()) {
            let name = |journal: &Self| journal.steps.get(step - 1).map(|(name, _)| name.clone());
            if name(self) != name(other) {
                let _ = writeln!(report, "step {step}: {:?}, now {:?}", name(self), name(other));
                break;
            }
            for (place, values) in differences(&self.rows(step), &other.rows(step)) {
                if told.insert(place.clone()) {
                    let step = name(self).unwrap_or_default();
                    let _ = writeln!(report, "{place}: {values} ({step})");
                }
            }
        }
        report
    }
}

/// Each row and field that differs, limits aside, and its values.
pub(crate) fn differences(before: &Value, now: &Value) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let change = difference(before, now);
    for (row, change) in change.as_object().unwrap().iter().filter(|(row, _)| !is_of_a_limit(row)) {
        let fields = change.as_object().or(before[row].as_object());
        for field in fields.into_iter().flat_map(Map::keys) {
            let values = format!("{}, now {}", before[row][field], now[row][field]);
            found.push((format!("{row}, {field}"), values));
        }
    }
    found
}

/// A line for each row.
fn step(name: &str, change: &Value) -> String {
    let rows = change.as_object().unwrap().iter();
    let rows: Vec<_> = rows.map(|(row, fields)| format!("  {}: {fields}", json!(row))).collect();
    format!("{{{}: {{\n{}\n}}}}", json!(name), rows.join(",\n"))
}

/// The merge patch that makes `new` of `old`.
fn difference(old: &Value, new: &Value) -> Value {
    let (Some(before), Some(after)) = (old.as_object(), new.as_object()) else {
        return new.clone();
    };
    let gone = before.keys().filter(|key| !after.contains_key(*key));
    let mut patch: Map<String, Value> = gone.map(|key| (key.clone(), Value::Null)).collect();
    for (key, value) in after {
        match before.get(key) {
            Some(known) if known == value => {}
            Some(known) => drop(patch.insert(key.clone(), difference(known, value))),
            None => drop(patch.insert(key.clone(), value.clone())),
        }
    }
    Value::Object(patch)
}

fn patch(rows: &mut Value, change: &Value) {
    let (Some(known), Some(change)) = (rows.as_object_mut(), change.as_object()) else {
        *rows = change.clone();
        return;
    };
    for (key, value) in change {
        if value.is_null() {
            known.remove(key);
        } else {
            patch(known.entry(key.clone()).or_insert_with(|| json!({})), value);
        }
    }
}
