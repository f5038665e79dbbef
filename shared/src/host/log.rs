//! The log: one JSON object a line on stderr.

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{Layer as _, Registry};

/// Starts logging, `info` and up unless `directives` (`RUST_LOG`) say otherwise. Only the first call
/// of a process counts.
///
/// Whatever they say, the libraries below us stay at `info`: their debug output holds addresses,
/// which may be signed, and headers, which hold credentials.
pub fn json_log<W>(writer: W, directives: Option<&str>)
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let asked: Targets = directives
        .and_then(|text| text.parse().ok())
        .unwrap_or_else(|| Targets::new().with_default(LevelFilter::INFO));
    let careful = tracing_subscriber::filter::filter_fn(|metadata| {
        *metadata.level() <= tracing::Level::INFO || is_ours(metadata.target())
    });
    let lines = tracing_subscriber::fmt::layer()
        .json()
        .flatten_event(true)
        // On Lambda the span holds the invocation's requestId.
        .with_current_span(true)
        .with_span_list(false)
        .with_writer(writer)
        .with_filter(asked)
        .with_filter(careful);
    // A second subscriber in one process (tests) is refused, and the first stays.
    let _ = Registry::default().with(lines).try_init();
}

fn is_ours(target: &str) -> bool {
    let root = target.split("::").next().unwrap_or_default();
    matches!(root, "shared" | "dev" | "fakes" | "close_loop")
}

/// Replaces the default panic message, which could hold what a caller sent, by one log line with
/// the place alone.
pub fn silence_panics() {
    std::panic::set_hook(Box::new(|info| {
        let place = info.location().map(ToString::to_string).unwrap_or_default();
        tracing::error!(place, "panicked");
    }));
}
