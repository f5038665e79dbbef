//! Whatever comes from outside, as bytes that somebody made up.
//!
//! Each target is a function of bytes that must not panic, hang, or break what it asserts. The bytes
//! are text as far as possible: the first lines say how a request comes, the rest is its body. So
//! seeds can be written by hand and read by people.
//!
//! `tests/replay.rs` replays `corpus/` on stable with every `cargo test`; `run` mutates it with
//! libFuzzer, by coverage.
//!
//! | target | bytes |
//! |---|---|
//! | `form` | form bodies, as callbacks of every kind |
//! | `signature` | URL, signature header and body of requests nobody signed |
//! | `webhook` | whole requests to voice, status and recording, correctly signed |
//! | `dial` | whole requests to make-call |
//! | `page` | whole requests of a page: queries, origins, tokens, ranges |
//! | `twiml` | ElevenLabs' TwiML; sentences and parameters for ours |
//! | `answer` | Twilio's and ElevenLabs' answers, through make-call, voice and recording |
//! | `body` | bodies in pieces, as a server hands them over |
//! | `lambda` | Lambda's events |
//! | `settings` | the environment |
//! | `word` | everything that is parsed from one word or header |
//! | `record` | observations as the stores keep them |
//! | `redis` | Upstash's answers over HTTP |
//! | `dynamodb` | items as DynamoDB answers them |

mod answer;
mod blank;
mod body;
mod event;
mod input;
mod page;
mod record;
mod settings;
mod store;
mod text;
mod vendor;
mod webhook;
mod wire;
mod word;
mod world;

/// One kind of bytes.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// Also the folder below `corpus/`.
    pub name: &'static str,
    /// Panics where something is wrong.
    pub run: fn(&[u8]),
}

macro_rules! targets {
    ($($name:ident: $run:path,)*) => {
        /// Every kind of bytes.
        pub const TARGETS: &[Target] = &[$(Target { name: stringify!($name), run: $run }),*];
    };
}

targets! {
    answer: answer::answer,
    body: body::body,
    dial: page::dial,
    dynamodb: store::dynamodb,
    form: webhook::form,
    lambda: event::lambda,
    page: page::page,
    record: record::record,
    redis: store::redis,
    settings: settings::settings,
    signature: webhook::signature,
    twiml: text::twiml,
    webhook: webhook::webhook,
    word: word::word,
}

/// The target of this name.
#[must_use]
pub fn target(name: &str) -> Option<Target> {
    TARGETS.iter().copied().find(|target| target.name == name)
}
