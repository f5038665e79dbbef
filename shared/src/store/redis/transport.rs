//! What the adapter needs of a connection.

use std::pin::Pin;

use super::reply::Reply;
use crate::store::StoreError;

/// A command and its arguments. Numbers are text in both transports.
pub(super) struct Command(pub(super) Vec<String>);

impl Command {
    pub(super) fn new<const N: usize>(words: [&str; N]) -> Self {
        Self(words.map(str::to_owned).into())
    }

    /// A script without a shebang: the one form that Upstash and every Redis take.
    pub(super) fn eval(script: &str, keys: Vec<String>, arguments: Vec<String>) -> Self {
        let words = ["EVAL".to_owned(), script.to_owned(), keys.len().to_string()];
        Self(words.into_iter().chain(keys).chain(arguments).collect())
    }
}

pub(super) type Replies<'a> =
    Pin<Box<dyn Future<Output = Result<Vec<Reply>, StoreError>> + Send + 'a>>;

/// A way to send commands to the database: Redis' own protocol, or REST.
pub(super) trait Transport: Send + Sync {
    /// Runs these commands in one round trip, several of them as one transaction. An error of any
    /// is an error of all.
    fn run(&self, commands: Vec<Command>) -> Replies<'_>;
}
