//! Builds the expressions of one conditional write.
//!
//! Every attribute goes through a placeholder: `ttl` and `owner` are reserved words, and the keys of
//! observations have a `#` in them.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;

use super::item::{CALL, GPK, GSK, LISTED, TTL, UNTIL, key, millis, sortable, text, ttl_seconds};
use crate::call::Timestamp;
use crate::store::{Listing, Put, Value, When};

/// One write to one item: what to change, and on which conditions.
#[derive(Clone, Debug)]
pub(super) struct Update {
    /// The item's `pk`.
    pub(super) key: String,
    set: Vec<String>,
    remove: Vec<String>,
    add: Vec<String>,
    conditions: Vec<String>,
    names: Vec<String>,
    values: Vec<AttributeValue>,
}

impl Update {
    /// A write that changes nothing yet.
    pub(super) fn of(key: impl Into<String>) -> Self {
        Self {
            key: key.into(),
            set: Vec::new(),
            remove: Vec::new(),
            add: Vec::new(),
            conditions: Vec::new(),
            names: Vec::new(),
            values: Vec::new(),
        }
    }

    /// A write to one row.
    pub(super) fn of_put(put: &Put, now: Timestamp) -> Self {
        let mut update = Self::of(key(&put.row));
        for (field, value) in &put.once {
            update = update.set_once(field, attribute(value));
        }
        for (field, value) in &put.set {
            update = update.set(field, attribute(value));
        }
        for field in &put.remove {
            update = update.remove(field);
        }
        update = update.listed(put.listing);
        if let (Some(until), false) = (put.expires_at, matches!(put.listing, Listing::Older(..))) {
            let (seconds, until) = (ttl_seconds(until), millis(until));
            update = if put.is_new {
                update.set(TTL, seconds).set(UNTIL, until)
            } else {
                update.set_once(TTL, seconds).set_once(UNTIL, until)
            };
        }
        // An item that has expired would be extended instead of replaced.
        let alive = if put.is_new { "@ <= ?" } else { "@ > ?" };
        update = update.when(&format!("attribute_not_exists(@) OR {alive}"), UNTIL, millis(now));
        for (field, condition) in &put.when {
            update = match condition {
                When::Absent => update.when("attribute_not_exists(@)", field, None),
                When::Is(value) => update.when("@ = ?", field, attribute(value)),
                When::AbsentOrIs(value) => {
                    update.when("attribute_not_exists(@) OR @ = ?", field, attribute(value))
                }
            };
        }
        update
    }

    fn listed(self, listing: Listing) -> Self {
        let name = self.key.strip_prefix(CALL).unwrap_or(&self.key);
        let age = |at| text(format!("{}#{name}", sortable(at)));
        match listing {
            Listing::Unchanged => self,
            Listing::Listed(at) => {
                let age = age(at);
                self.set_once(GPK, text(LISTED)).set_once(GSK, age)
            }
            Listing::Older(at, until) => {
                let age = age(at);
                let update = self.set(GPK, text(LISTED)).set(GSK, age);
                update.set(TTL, ttl_seconds(until)).set(UNTIL, millis(until))
            }
            Listing::Unlisted => self.remove(GPK),
        }
    }

    /// Sets an attribute.
    pub(super) fn set(mut self, attribute: &str, value: AttributeValue) -> Self {
        let change = self.fill("@ = ?", attribute, Some(value));
        self.set.push(change);
        self
    }

    /// Sets an attribute that is not there yet; the first value wins.
    pub(super) fn set_once(mut self, attribute: &str, value: AttributeValue) -> Self {
        let change = self.fill("@ = if_not_exists(@, ?)", attribute, Some(value));
        self.set.push(change);
        self
    }

    /// Adds to a number; one that is not there counts as 0.
    pub(super) fn add(mut self, attribute: &str, amount: i64) -> Self {
        let change = self.fill("@ ?", attribute, Some(AttributeValue::N(amount.to_string())));
        self.add.push(change);
        self
    }

    /// Removes an attribute; one that is not there is no error.
    pub(super) fn remove(mut self, attribute: &str) -> Self {
        let change = self.fill("@", attribute, None);
        self.remove.push(change);
        self
    }

    /// A condition in which `@` stands for the attribute and `?` for the value. All must hold.
    pub(super) fn when(
        mut self,
        condition: &str,
        attribute: &str,
        value: impl Into<Option<AttributeValue>>,
    ) -> Self {
        let condition = self.fill(condition, attribute, value.into());
        self.conditions.push(condition);
        self
    }

    fn fill(&mut self, template: &str, attribute: &str, value: Option<AttributeValue>) -> String {
        let known = self.names.iter().position(|name| name == attribute);
        let index = known.unwrap_or_else(|| {
            self.names.push(attribute.to_owned());
            self.names.len() - 1
        });
        let filled = template.replace('@', &format!("#a{index}"));
        let Some(value) = value else { return filled };
        self.values.push(value);
        filled.replace('?', &format!(":v{}", self.values.len() - 1))
    }

    /// `SET ... REMOVE ... ADD ...`
    pub(super) fn expression(&self) -> Option<String> {
        let clauses = [("SET", &self.set), ("REMOVE", &self.remove), ("ADD", &self.add)];
        let clauses: Vec<String> = clauses
            .iter()
            .filter(|(_, changes)| !changes.is_empty())
            .map(|(word, changes)| format!("{word} {}", changes.join(", ")))
            .collect();
        (!clauses.is_empty()).then(|| clauses.join(" "))
    }

    /// All conditions, each in brackets.
    pub(super) fn condition(&self) -> Option<String> {
        let conditions: Vec<String> =
            self.conditions.iter().map(|condition| format!("({condition})")).collect();
        (!conditions.is_empty()).then(|| conditions.join(" AND "))
    }

    /// What the placeholders of attributes stand for.
    pub(super) fn names(&self) -> HashMap<String, String> {
        let names = self.names.iter().enumerate();
        names.map(|(index, name)| (format!("#a{index}"), name.clone())).collect()
    }

    /// What the placeholders of values stand for; DynamoDB refuses an empty map.
    pub(super) fn values(&self) -> Option<HashMap<String, AttributeValue>> {
        let values = self.values.iter().enumerate();
        let values: HashMap<_, _> =
            values.map(|(index, value)| (format!(":v{index}"), value.clone())).collect();
        (!values.is_empty()).then_some(values)
    }
}

fn attribute(value: &Value) -> AttributeValue {
    match value {
        Value::Text(value) => text(value),
        Value::Number(number) => AttributeValue::N(number.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_attribute_goes_through_a_placeholder_and_is_named_once() {
        let update = Update::of("CALL#1")
            .set_once("e#000#initiated", text("body"))
            .set("ttl", text("1"))
            .remove("gpk")
            .add("n", 1)
            .when("attribute_not_exists(@) OR @ = ?", "ttl", text("2"))
            .when("attribute_not_exists(@) OR @ > ?", UNTIL, millis(Timestamp::from_millis(5)));
        assert_eq!(
            update.expression().unwrap(),
            "SET #a0 = if_not_exists(#a0, :v0), #a1 = :v1 REMOVE #a2 ADD #a3 :v2"
        );
        assert_eq!(
            update.condition().unwrap(),
            "(attribute_not_exists(#a1) OR #a1 = :v3) AND (attribute_not_exists(#a4) OR #a4 > :v4)"
        );
        let names = update.names();
        assert_eq!(names.len(), 5);
        assert_eq!((names["#a0"].as_str(), names["#a4"].as_str()), ("e#000#initiated", "until"));
        assert_eq!(update.values().unwrap()[":v4"], AttributeValue::N("5".to_owned()));
    }
}
