//! Who may read the file, and what becomes of what has expired.
#![cfg(unix)]

use std::os::unix::fs::{DirBuilderExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use super::*;
use crate::call::{CallId, CallRef, Fact, Observation};
use crate::store::{KeyClaim, Store as _, Window};

/// A folder of a test's own, gone at its end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("close-loop-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

fn mode(path: &Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

fn at(millis: i64) -> Timestamp {
    Timestamp::from_millis(1_795_341_600_000 + millis)
}

/// The modes of the folder and of the three files, while the store is open and has written.
async fn modes(file: &Path) -> [u32; 4] {
    let store = Sqlite::open(file, 1).unwrap();
    store.release_slot(&CallId::new([1; 16], false)).await.unwrap();
    let beside = |suffix: &str| PathBuf::from(format!("{}{suffix}", file.display()));
    let files = ["", "-wal", "-shm"].map(|suffix| mode(&beside(suffix)));
    [mode(file.parent().unwrap()), files[0], files[1], files[2]]
}

#[tokio::test]
async fn only_the_owner_may_read_the_file() {
    let folder = Folder::new("fresh");
    assert_eq!(
        modes(&folder.0.join(".close-loop/calls.sqlite")).await,
        [0o700, 0o600, 0o600, 0o600]
    );
}

#[tokio::test]
async fn a_file_that_others_may_read_is_tightened_and_a_folder_that_is_not_ours_is_left_alone() {
    let folder = Folder::new("open");
    for (name, expected) in [(".close-loop", 0o700), ("data", 0o755)] {
        let inner = folder.0.join(name);
        std::fs::DirBuilder::new().mode(0o755).create(&inner).unwrap();
        std::fs::set_permissions(&inner, std::fs::Permissions::from_mode(0o755)).unwrap();
        let file = inner.join("calls.sqlite");
        for suffix in ["", "-wal", "-shm"] {
            let file = format!("{}{suffix}", file.display());
            std::fs::write(&file, "").unwrap();
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
        }
        assert_eq!(modes(&file).await, [expected, 0o600, 0o600, 0o600], "{name}");
    }
}

/// How many rows there are of everything that expires.
async fn rows(store: &Sqlite) -> [u32; 5] {
    let count = |tx: &Transaction<'_>, table: &str| {
        tx.query_row(&format!("SELECT count(*) FROM {table}"), [], |row| row.get(0))
    };
    let read = store.reading(move |tx| {
        let mut rows = [0; 5];
        let tables = [
            "row WHERE name LIKE 'call %'",
            "row WHERE name LIKE 'key %'",
            "lease",
            "day",
            "day_entry",
        ];
        for (row, table) in rows.iter_mut().zip(tables) {
            *row = count(tx, table)?;
        }
        Ok(rows)
    });
    read.await.unwrap()
}

/// Takes one of everything under names that no other number has.
async fn take_all(store: &Sqlite, number: u8, now: Timestamp) {
    let call_id = CallId::new([number; 16], false);
    let (name, owner) = (number.to_string(), Nonce::new([number; 16]));
    let hour = Duration::from_secs(3600);
    let window = Window { limit: 1, length: hour, spacing: Duration::ZERO };
    let seen = Observation { at: now, fact: Fact::DialUnknown };
    let call = CallRef::Ours(call_id.clone());
    store.observe(&call, &seen, &owner, now).await.unwrap();
    let claim =
        KeyClaim { key: name.clone(), fingerprint: String::new(), owner: owner.clone(), call_id };
    store.claim_key(&claim, now).await.unwrap();
    store.acquire_window(&name, window, &owner, now).await.unwrap();
    store.acquire_day(&name, 1, &owner, now).await.unwrap();
}

#[tokio::test]
async fn what_has_expired_is_swept_though_its_name_is_never_used_again() {
    let folder = Folder::new("swept");
    let store = Sqlite::open(&folder.0.join("calls.sqlite"), 1).unwrap();
    for number in 1..=3 {
        take_all(&store, number, at(0)).await;
    }
    assert_eq!(rows(&store).await, [3; 5]);
    let two_days = 2 * 24 * 60 * 60 * 1000;
    take_all(&store, 9, at(two_days)).await;
    assert_eq!(rows(&store).await, [1; 5]);
}

#[tokio::test]
async fn a_sweep_is_bounded_and_goes_on_a_minute_later() {
    let folder = Folder::new("bounded");
    let store = Sqlite::open(&folder.0.join("calls.sqlite"), 1).unwrap();
    let fill = store.write(None, |tx| {
        for number in 0..sweep::MOST + 7 {
            tx.execute("INSERT INTO lease VALUES (?1, '', 0)", [number])?;
        }
        Ok(())
    });
    fill.await.unwrap();
    for (millis, left) in [(0, 7), (59_999, 7), (60_000, 0)] {
        let slot = CallId::new([1; 16], false);
        store.acquire_slot(&slot, 1, at(millis + 1000), at(millis)).await.unwrap();
        assert_eq!(rows(&store).await[2], left + 1, "after {millis} ms");
    }
}
