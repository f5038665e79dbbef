//! `cargo run --profile fast -p stores --bin stores-long -- [--calls 10000] [--backend NAME]`
//!
//! The long run: 200 writers tell every store of many calls, shuffled and doubled, and every call is
//! held against the pure fold. Prints a table for `docs/RELIABILITY.md`; fails on any mismatch.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a tool for tests")]

use std::process::ExitCode;
use std::time::Duration;

use stores::Backend;
use stores::workload::{Report, Workload};

const WRITERS: usize = 200;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let option = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        Some(arguments.get(at + 1).expect("a value after each option").clone())
    };
    let calls = option("--calls").map_or(10_000, |text| text.parse().expect("a number of calls"));
    let wanted = option("--backend").unwrap_or_default().to_lowercase();
    println!(
        "| store | calls | deliveries | mismatches | ends seen | retries | errors | s | deliveries/s |"
    );
    println!("| --- | --: | --: | --: | --: | --: | --: | --: | --: |");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let mut is_sound = true;
    for backend in Backend::all() {
        if !backend.name().to_lowercase().contains(&wanted) {
            continue;
        }
        let Some(running) = backend.start_or_skip() else { continue };
        let store = running.space().opened();
        let _inside = runtime.enter();
        let report = runtime.block_on(Workload::new(calls, 7).run_through(
            store.instances(),
            WRITERS,
            PATIENCE,
            async |_| (),
        ));
        print(backend, &report);
        let ends = report.transitions == report.calls;
        is_sound &= ends && report.mismatches == 0 && report.errors == 0;
    }
    if is_sound { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// How long a writer asks again that got an error, as Twilio does: a machine may be too busy to answer
/// 200 of them in time.
const PATIENCE: Duration = Duration::from_secs(120);

fn print(backend: Backend, report: &Report) {
    let Report { calls, deliveries, mismatches, transitions, errors, retries, wall } = report;
    let seconds = wall.as_secs_f64();
    #[allow(clippy::cast_precision_loss, reason = "millions at most")]
    let rate = *deliveries as f64 / seconds;
    println!(
        "| {} | {calls} | {deliveries} | {mismatches} | {transitions} | {retries} | {errors} | {seconds:.1} | {rate:.0} |",
        backend.name()
    );
}
