//! `simulation --schedules 100000 [--seed N] [--threads N] [--bug NAME] [--store NAME] [--trace]`: runs
//! schedules, prints figures, and for a broken promise its seed and its trace. `--store` plays them over
//! a shipped store and a real server: `sqlite`, `redis`, `kv`, `dynamodb`. `simulation --bugs` prints the
//! table of `docs/RELIABILITY.md`: the first seed that finds each seeded bug.

use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use simulation::{Adapter, Bug, Figures, Verdict, schedule};
use stores::Backend;

/// What the command line says.
struct Options {
    schedules: u64,
    first: u64,
    threads: u64,
    bug: Option<Bug>,
    /// Instead of the model.
    store: Option<Adapter>,
    is_traced: bool,
    shows_bugs: bool,
}

/// The shipped stores by their words.
const STORES: [(&str, Backend); 4] = [
    ("sqlite", Backend::Sqlite),
    ("redis", Backend::RedisTcp),
    ("kv", Backend::KvRest),
    ("dynamodb", Backend::DynamoDbDynoxide),
];

fn store(name: &str) -> Result<Adapter, String> {
    let known = STORES.into_iter().find(|(word, _)| *word == name);
    let (_, backend) = known.ok_or(format!("--store {name}: there are {STORES:?}"))?;
    Adapter::start(backend).ok_or(format!("--store {name}: its server is not here"))
}

impl Options {
    fn play(&self, seed: u64, is_traced: bool) -> Verdict {
        match &self.store {
            Some(adapter) => schedule::run_over(adapter, seed, is_traced),
            None => schedule::run(seed, self.bug, is_traced),
        }
    }
}

fn options() -> Result<Options, String> {
    let mut options = Options {
        schedules: 1000,
        first: 1,
        threads: 2,
        bug: None,
        store: None,
        is_traced: false,
        shows_bugs: false,
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        match name.as_str() {
            "--trace" => options.is_traced = true,
            "--bugs" => options.shows_bugs = true,
            _ => {}
        }
        if matches!(name.as_str(), "--trace" | "--bugs") {
            continue;
        }
        let value = arguments.next().ok_or(format!("{name} needs a value"))?;
        let number = || value.parse().map_err(|_| format!("{name} {value}: not a number"));
        match name.as_str() {
            "--schedules" => options.schedules = number()?,
            "--seed" => options.first = number()?,
            "--threads" => options.threads = number()?,
            "--store" => options.store = Some(store(&value)?),
            "--bug" => {
                let names: Vec<&str> = Bug::ALL.iter().map(|bug| bug.name()).collect();
                let names = names.join(" ");
                let bug = Bug::parse(&value).ok_or(format!("there are the bugs {names}"))?;
                options.bug = Some(bug);
            }
            _ => return Err(format!("there is no option {name}")),
        }
    }
    Ok(options)
}

fn main() -> ExitCode {
    let options = match options() {
        Ok(options) => options,
        Err(why) => {
            eprintln!("{why}");
            return ExitCode::from(2);
        }
    };
    shared::host::silence_panics();
    if options.shows_bugs {
        return bugs(&options);
    }
    let start = Instant::now();
    let (figures, failed) = run(&options);
    let seconds = start.elapsed().as_secs_f64();
    for (what, number) in &figures {
        println!("{number:>12}  {what}");
    }
    println!(
        "{:>12}  schedules, {seconds:.1} s, {} broke a promise",
        options.schedules,
        failed.len()
    );
    let Some(seed) = failed.first() else { return ExitCode::SUCCESS };
    explain(*seed, &options);
    println!("seeds: {:?}", &failed[..failed.len().min(20)]);
    ExitCode::FAILURE
}

/// The first seed that finds each bug, as a table.
fn bugs(options: &Options) -> ExitCode {
    println!("| bug | seed | what is noticed |\n| --- | --: | --- |");
    let mut all_found = true;
    for bug in Bug::ALL.iter().copied() {
        let found = schedule::find(bug, options.first, options.schedules);
        all_found &= found.is_some();
        let (seed, what) = found
            .map_or(("none".to_owned(), String::new()), |(seed, what)| (seed.to_string(), what));
        println!("| `{bug}` | {seed} | {what} |");
    }
    if all_found { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// All schedules, and the seeds of those that broke a promise.
fn run(options: &Options) -> (Figures, Vec<u64>) {
    let next = AtomicU64::new(0);
    let work = || {
        let (mut figures, mut failed) = (Figures::new(), Vec::new());
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= options.schedules {
                return (figures, failed);
            }
            let seed = options.first.wrapping_add(number);
            let verdict = options.play(seed, options.is_traced);
            for (what, number) in verdict.figures {
                *figures.entry(what).or_default() += number;
            }
            for line in verdict.trace {
                println!("{line}");
            }
            if !verdict.violations.is_empty() {
                failed.push(seed);
            }
        }
    };
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..options.threads.max(1)).map(|_| scope.spawn(work)).collect();
        let (mut figures, mut failed) = (Figures::new(), Vec::new());
        for (more, seeds) in threads.into_iter().filter_map(|thread| thread.join().ok()) {
            for (what, number) in more {
                *figures.entry(what).or_default() += number;
            }
            failed.extend(seeds);
        }
        failed.sort_unstable();
        (figures, failed)
    })
}

/// The same schedule again, line by line.
fn explain(seed: u64, options: &Options) {
    let verdict = options.play(seed, true);
    println!("\nseed {seed}");
    for line in &verdict.trace {
        println!("{line}");
    }
    for violation in &verdict.violations {
        println!("violation: {violation}");
    }
}
