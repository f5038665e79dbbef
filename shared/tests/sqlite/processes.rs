//! Many processes at once, and one that is killed.

use std::collections::HashSet;
use std::io::{BufRead, BufReader, Lines, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};

use shared::store::Store;

use crate::support::*;

const FILE: &str = "CLOSE_LOOP_TEST_CHILD_FILE";
const ROLE: &str = "CLOSE_LOOP_TEST_CHILD_ROLE";

/// This very test binary again, as a process of its own that writes into the same file.
fn spawn(file: &Path, role: &str) -> (Child, Lines<BufReader<ChildStdout>>) {
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "processes::a_child_process_writes_when_a_test_starts_it", "--nocapture"])
        .env(FILE, file)
        .env(ROLE, role)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    assert_eq!(next(&mut lines, "ready"), 0);
    (child, lines)
}

/// Skips to the next line `<label> <number>`.
fn next(lines: &mut Lines<BufReader<ChildStdout>>, label: &str) -> usize {
    let number = |line: String| line.strip_prefix(label)?.trim().parse().ok();
    lines.map_while(Result::ok).find_map(number).expect("the child stopped early")
}

fn say(label: &str, number: usize) {
    // Not `println`: the test harness may hold its own text of the line back.
    std::io::stdout().write_all(format!("\n{label} {number}\n").as_bytes()).unwrap();
}

/// Nothing unless one of the tests below started it.
#[tokio::test]
async fn a_child_process_writes_when_a_test_starts_it() {
    let (Ok(file), Ok(role)) = (std::env::var(FILE), std::env::var(ROLE)) else { return };
    say("ready", 0);
    // The parent process closes our input when all processes are ready.
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
    let store = open(Path::new(&file));
    if let Some(seed) = role.strip_prefix("deliver ") {
        say("ended", deliver(&store, &deliveries(8, seed.parse().unwrap())).await);
        return;
    }
    for number in role.parse().unwrap().. {
        store.begin(&intent(number), at(0)).await.unwrap();
        store.observe(&linked(number), &status("ringing", 1), &delivery(), at(0)).await.unwrap();
        say("written", number.try_into().unwrap());
    }
}

#[tokio::test]
async fn six_processes_that_open_a_fresh_file_at_once_end_each_call_once() {
    let folder = Folder::new();
    let mut children: Vec<_> =
        (0..6).map(|seed| spawn(&folder.file(), &format!("deliver {seed}"))).collect();
    assert!(!folder.file().exists());
    children.iter_mut().for_each(|(child, _)| drop(child.stdin.take()));
    let ended: usize = children.iter_mut().map(|(_, lines)| next(lines, "ended")).sum();
    assert_eq!(ended, 8);
    for (mut child, lines) in children {
        drop(lines.map_while(Result::ok).last());
        assert!(child.wait().unwrap().success());
    }
    assert_all_lived(&folder.open(), 8).await;
}

#[tokio::test]
async fn a_process_killed_while_it_writes_damages_nothing() {
    let folder = Folder::new();
    let mut kept = HashSet::new();
    for (start, writes) in [(1000, 1), (2000, 13), (3000, 40)] {
        let (mut child, mut lines) = spawn(&folder.file(), &start.to_string());
        drop(child.stdin.take());
        kept.extend((0..writes).map(|_| u32::try_from(next(&mut lines, "written")).unwrap()));
        child.kill().unwrap();
        child.wait().unwrap();
        let store = folder.open();
        for number in &kept {
            assert_eq!(word(&load(&store, *number).await.unwrap()), "ringing");
        }
        assert!(store.recent(u32::MAX, at(0)).await.unwrap().len() >= kept.len());
        store.begin(&intent(start - 1), at(0)).await.unwrap();
    }
    assert_eq!(kept.len(), 54);
}
