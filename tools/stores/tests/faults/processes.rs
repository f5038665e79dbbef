//! Processes that share a SQLite file and are killed while they write.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};

use stores::calls::*;
use stores::{Folder, Place, open_at};

const FILE: &str = "CLOSE_LOOP_STORES_CHILD_FILE";
const FIRST: &str = "CLOSE_LOOP_STORES_CHILD_FIRST";

/// This very test binary again, as a process of its own that writes until it is killed.
fn spawn(file: &Path, first: u32) -> (Child, Lines<BufReader<ChildStdout>>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "processes::a_child_process_writes_when_a_test_starts_it", "--nocapture"])
        .env(FILE, file)
        .env(FIRST, first.to_string())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines();
    (child, lines)
}

/// The number of the next call that was acknowledged.
fn written(lines: &mut Lines<BufReader<ChildStdout>>) -> Option<u32> {
    let number = |line: String| line.strip_prefix("written ")?.parse().ok();
    lines.map_while(Result::ok).find_map(number)
}

/// Nothing unless the test below started it.
#[tokio::test]
async fn a_child_process_writes_when_a_test_starts_it() {
    let (Ok(file), Ok(first)) = (std::env::var(FILE), std::env::var(FIRST)) else { return };
    let store = open_at(&Place::File(PathBuf::from(file)), RETENTION_DAYS);
    for number in first.parse().unwrap().. {
        store.begin(&intent(number), at(0)).await.unwrap();
        for seen in [accepted(), status("ringing", 1), status("completed", 3)] {
            store.observe(&linked(number), &seen, &delivery(), at(0)).await.unwrap();
        }
        // Not `println`: the test harness may hold its own text of the line back.
        std::io::stdout().write_all(format!("\nwritten {number}\n").as_bytes()).unwrap();
    }
}

#[tokio::test]
async fn twenty_processes_killed_while_they_write_damage_nothing() {
    let folder = Folder::new();
    let file = folder.path().join("calls.sqlite");
    let place = Place::File(file.clone());
    let mut kept = BTreeSet::new();
    for round in 0..10_u32 {
        // Two at a time: the survivor must not wait for the dead one's lock.
        let mut pair = [round * 2_000 + 1, round * 2_000 + 1_001].map(|first| spawn(&file, first));
        for (_, lines) in &mut pair {
            kept.extend((0..=round * 3 % 17).map(|_| written(lines).unwrap()));
        }
        for (child, lines) in &mut pair {
            child.kill().unwrap();
            child.wait().unwrap();
            // What it had said before it died was acknowledged too.
            kept.extend(std::iter::from_fn(|| written(lines)));
        }
        let store = open_at(&place, RETENTION_DAYS);
        for number in &kept {
            let record = load(&*store, *number).await.unwrap();
            assert_eq!((record.observations.len(), word(&record).as_str()), (4, "completed"));
        }
        for record in store.recent(u32::MAX, at(0)).await.unwrap() {
            assert!(record.intent().is_some(), "half a call: {record:?}");
        }
        store.begin(&intent(round + 900_000), at(0)).await.unwrap();
    }
    assert!(kept.len() >= 100);
}
