//! Whether the server may throw keys away.
//!
//! A Redis whose memory is full drops keys, unless its policy is `noeviction`: then an idempotency
//! key is gone and its call is dialled again. So the first dial of a process reads the policy. If
//! keys may be evicted, nothing is dialled. Callbacks, voice and reads do not ask for the policy.

use std::sync::atomic::Ordering;

use super::Redis;
use super::reply::{Reply, is_not_allowed};
use super::transport::Command;
use crate::store::StoreError;

const SAFE: &str = "noeviction";
/// The line of `INFO`, and the setting of `CONFIG`.
const LINE: &str = "maxmemory_policy:";
const SETTING: &str = "maxmemory-policy";

impl Redis {
    /// Refuses where keys may be evicted. A server that does not tell is warned of, once.
    pub(super) async fn keeps_keys(&self) -> Result<(), StoreError> {
        if self.is_known_to_keep_keys.load(Ordering::Relaxed) {
            return Ok(());
        }
        match self.policy().await? {
            Some(policy) if policy == SAFE => {}
            Some(policy) => {
                return Err(StoreError::new(format_args!(
                    "redis: {SETTING} is {}, so idempotency keys and limits may be evicted: set {SETTING} {SAFE}",
                    printable(&policy)
                )));
            }
            None => tracing::warn!(
                service = "store",
                "this Redis does not tell its {SETTING}: make sure that it is {SAFE}, or a call may be dialled twice"
            ),
        }
        self.is_known_to_keep_keys.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// The policy, if the server tells. `INFO` is allowed on many servers where `CONFIG` is not.
    async fn policy(&self) -> Result<Option<String>, StoreError> {
        if let Some(Reply::Text(info)) = self.ask(["INFO", "memory"]).await?
            && let Some(policy) = info.lines().find_map(|line| line.strip_prefix(LINE))
        {
            return Ok(Some(policy.trim().to_owned()));
        }
        let Some(Reply::List(pair)) = self.ask(["CONFIG", "GET", SETTING]).await? else {
            return Ok(None);
        };
        pair.into_iter().nth(1).map_or(Ok(None), Reply::text)
    }

    /// One command, which this user may not be allowed to give.
    async fn ask<const N: usize>(&self, words: [&str; N]) -> Result<Option<Reply>, StoreError> {
        match self.run_one(Command::new(words)).await {
            Ok(reply) => Ok(Some(reply)),
            Err(error) if is_not_allowed(&error) => Ok(None),
            Err(error) => Err(error),
        }
    }
}

/// A policy as Redis names them; anything else could be anything.
fn printable(policy: &str) -> &str {
    let is_name = policy.len() <= 20 && policy.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
    if is_name { policy } else { "an unknown one" }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::io::Write;
    use std::sync::{Arc, Mutex};

    use super::super::reply::refused;
    use super::super::transport::{Replies, Transport};
    use super::*;

    /// Answers from a list, and keeps what it was asked.
    #[derive(Clone, Default)]
    struct Script {
        answers: Arc<Mutex<VecDeque<Result<Reply, StoreError>>>>,
        asked: Arc<Mutex<Vec<String>>>,
    }

    impl Script {
        fn redis(answers: Vec<Result<Reply, StoreError>>) -> (Self, Redis) {
            let script = Self::default();
            *script.answers.lock().unwrap() = answers.into();
            (script.clone(), Redis::over(script, 30))
        }

        fn asked(&self) -> Vec<String> {
            std::mem::take(&mut self.asked.lock().unwrap())
        }
    }

    impl Transport for Script {
        fn run(&self, commands: Vec<Command>) -> Replies<'_> {
            let words = commands.iter().map(|Command(words)| words.join(" "));
            self.asked.lock().unwrap().extend(words);
            let answer = self.answers.lock().unwrap().pop_front().unwrap();
            Box::pin(std::future::ready(answer.map(|reply| vec![reply])))
        }
    }

    fn text(text: &str) -> Result<Reply, StoreError> {
        Ok(Reply::Text(text.to_owned()))
    }

    fn info(policy: &str) -> Result<Reply, StoreError> {
        text(&format!("# Memory\r\nmaxmemory:10485760\r\nmaxmemory_policy:{policy}\r\nx:1\r\n"))
    }

    #[tokio::test]
    async fn a_server_that_evicts_nothing_is_asked_once() {
        let (script, redis) = Script::redis(vec![info("noeviction")]);
        for asked in [&["INFO memory"][..], &[], &[]] {
            redis.keeps_keys().await.unwrap();
            assert_eq!(script.asked(), asked);
        }
    }

    #[tokio::test]
    async fn a_server_that_evicts_is_refused_until_it_is_set_right() {
        let (_, redis) =
            Script::redis(vec![info("allkeys-lfu"), info("\u{1b}secret"), info("noeviction")]);
        let error = redis.keeps_keys().await.unwrap_err().to_string();
        assert!(error.contains("is allkeys-lfu,"), "{error}");
        assert!(error.ends_with("set maxmemory-policy noeviction"), "{error}");
        assert!(!redis.keeps_keys().await.unwrap_err().to_string().contains("secret"));
        redis.keeps_keys().await.unwrap();
    }

    #[tokio::test]
    async fn config_tells_where_info_does_not() {
        let pair = |policy| Ok(Reply::List(vec![text(SETTING).unwrap(), text(policy).unwrap()]));
        for silence in [Err(refused("NOPERM", "")), text("# Memory")] {
            let (script, redis) = Script::redis(vec![silence, pair("volatile-ttl")]);
            assert!(redis.keeps_keys().await.is_err());
            assert_eq!(script.asked(), ["INFO memory", "CONFIG GET maxmemory-policy"]);
        }
    }

    #[tokio::test]
    async fn a_server_that_fails_is_no_server_that_does_not_tell() {
        let (_, redis) =
            Script::redis(vec![Err(StoreError::new("redis: timeout")), info("noeviction")]);
        assert_eq!(redis.keeps_keys().await.unwrap_err().to_string(), "redis: timeout");
        redis.keeps_keys().await.unwrap();
    }

    /// A log that can be read.
    #[derive(Clone, Default)]
    struct Log(Arc<Mutex<Vec<u8>>>);

    impl Write for Log {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_server_that_does_not_tell_is_warned_of_once() {
        let (log, empty) = (Log::default(), Ok(Reply::List(Vec::new())));
        let (script, redis) = Script::redis(vec![Err(refused("ERR", "")), empty]);
        let writer = log.clone();
        let subscriber = tracing_subscriber::fmt().with_writer(move || writer.clone()).finish();
        let _guard = tracing::subscriber::set_default(subscriber);
        for _ in 0..3 {
            redis.keeps_keys().await.unwrap();
        }
        let text = String::from_utf8(log.0.lock().unwrap().clone()).unwrap();
        assert_eq!((text.lines().count(), script.asked().len()), (1, 2), "{text}");
        assert!(text.contains("make sure that it is noeviction"), "{text}");
    }
}
