//! Every input that is kept, again: what was found once stays found.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use fuzz::{TARGETS, Target};

/// A seed set: an input of a longer run belongs here only if it found something.
const CORPUS_LIMIT: u64 = 128 * 1024;

/// Targets tell one network of the process what to answer.
static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());

fn run(target: Target, input: &[u8]) {
    let _turn = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    (target.run)(input);
}

fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus")
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).map(|entries| entries.flatten().map(|entry| entry.path()));
    entries.map(Iterator::collect).unwrap_or_default()
}

#[test]
fn every_target_survives_its_corpus() {
    for target in TARGETS {
        let inputs = files(&corpus().join(target.name));
        assert!(inputs.len() >= 3, "{} has no corpus", target.name);
        for input in inputs {
            // A panic is reported with this line above it.
            println!("{}", input.display());
            run(*target, &fs::read(&input).unwrap());
        }
    }
}

#[test]
fn every_target_survives_what_is_cut_short() {
    for target in TARGETS {
        for input in files(&corpus().join(target.name)).iter().take(20) {
            let bytes = fs::read(input).unwrap();
            for end in (0..bytes.len()).step_by(1 + bytes.len() / 16) {
                println!("{} up to {end}", input.display());
                run(*target, &bytes[..end]);
            }
        }
    }
}

#[test]
fn the_corpus_belongs_to_the_targets_and_stays_small() {
    let mut size = 0;
    for folder in files(&corpus()) {
        let name = folder.file_name().unwrap().to_str().unwrap();
        assert!(fuzz::target(name).is_some(), "no target reads corpus/{name}");
        size += files(&folder).iter().map(|file| file.metadata().unwrap().len()).sum::<u64>();
    }
    assert!(size < CORPUS_LIMIT, "{size} bytes");
}
