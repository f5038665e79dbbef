//! Opening the file, which is the one thing SQLite does not make safe for several processes.

use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::{Connection, ErrorCode, TransactionBehavior};

use crate::store::StoreError;

/// How long a writer waits for another process: less than an endpoint waits for it.
const BUSY_TIMEOUT: Duration = Duration::from_secs(2);

/// Each brings the schema from its index to the next version, which stands in `user_version`.
const MIGRATIONS: [&str; 4] = [CALLS, LIMITS, DAYS, ROWS];

const CALLS: &str = "
    CREATE TABLE call (
        id         INTEGER PRIMARY KEY,
        call_id    TEXT UNIQUE,
        call_sid   TEXT UNIQUE,
        created_at INTEGER NOT NULL,
        expires_at INTEGER NOT NULL
    );
    CREATE INDEX call_created_at ON call (created_at DESC, id DESC);
    CREATE INDEX call_expires_at ON call (expires_at);
    CREATE TABLE observation (
        call INTEGER NOT NULL REFERENCES call (id) ON DELETE CASCADE,
        key  TEXT NOT NULL,
        body TEXT NOT NULL,
        PRIMARY KEY (call, key)
    ) WITHOUT ROWID;
    CREATE TABLE answer (
        call  INTEGER PRIMARY KEY REFERENCES call (id) ON DELETE CASCADE,
        owner TEXT NOT NULL,
        twiml TEXT
    );";

const LIMITS: &str = "
    ALTER TABLE observation ADD COLUMN delivery TEXT NOT NULL DEFAULT '';
    CREATE TABLE lease (
        name  TEXT NOT NULL,
        owner TEXT NOT NULL,
        until INTEGER NOT NULL,
        PRIMARY KEY (name, owner)
    ) WITHOUT ROWID;
    CREATE TABLE counter (
        name       TEXT PRIMARY KEY,
        n          INTEGER NOT NULL,
        expires_at INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE TABLE key (
        name        TEXT PRIMARY KEY,
        fingerprint TEXT NOT NULL,
        owner       TEXT NOT NULL,
        call_id     TEXT NOT NULL,
        claimed_at  INTEGER NOT NULL,
        is_unknown  INTEGER NOT NULL DEFAULT 0,
        expires_at  INTEGER NOT NULL
    ) WITHOUT ROWID;";

/// What took the place of `counter`, and what the sweep looks for.
const DAYS: &str = "
    CREATE TABLE day (
        name TEXT NOT NULL,
        hour INTEGER NOT NULL,
        n    INTEGER NOT NULL,
        PRIMARY KEY (name, hour)
    ) WITHOUT ROWID;
    CREATE TABLE day_entry (
        name  TEXT NOT NULL,
        entry TEXT NOT NULL,
        at    INTEGER NOT NULL,
        PRIMARY KEY (name, entry)
    ) WITHOUT ROWID;
    CREATE INDEX day_entry_at ON day_entry (at);
    CREATE INDEX lease_until ON lease (until);
    CREATE INDEX key_expires_at ON key (expires_at);";

/// Calls and keys as rows of fields. A call with both names becomes two rows that lead to each other; leases
/// and days stay where they are.
const ROWS: &str = "
    CREATE TABLE row (
        id         INTEGER PRIMARY KEY,
        name       TEXT NOT NULL UNIQUE,
        created_at INTEGER,
        expires_at INTEGER,
        is_listed  INTEGER NOT NULL DEFAULT 0
    );
    CREATE INDEX row_created_at ON row (created_at DESC, id DESC) WHERE is_listed;
    CREATE INDEX row_expires_at ON row (expires_at);
    CREATE TABLE field (
        row   INTEGER NOT NULL REFERENCES row (id) ON DELETE CASCADE,
        name  TEXT NOT NULL,
        value TEXT NOT NULL,
        PRIMARY KEY (row, name)
    ) WITHOUT ROWID;

    INSERT INTO row (name, created_at, expires_at, is_listed)
        SELECT 'call ' || ifnull(call_id, call_sid), created_at, expires_at, 1 FROM call ORDER BY id;
    INSERT INTO row (name, expires_at)
        SELECT 'call ' || call_sid, expires_at FROM call WHERE call_id IS NOT NULL AND call_sid IS NOT NULL;
    CREATE TEMP TABLE half AS
        SELECT call.id AS call, call_id, call_sid,
            (SELECT id FROM row WHERE name = 'call ' || ifnull(call_id, call_sid)) AS first,
            (SELECT id FROM row WHERE name = 'call ' || ifnull(call_sid, call_id)) AS second
        FROM call;
    INSERT INTO field SELECT first, 'sid', call_sid FROM half WHERE first <> second;
    INSERT INTO field SELECT first, 'linked', '1' FROM half WHERE first <> second;
    INSERT INTO field SELECT second, 'call', call_id FROM half WHERE first <> second;
    INSERT INTO field SELECT first, key, substr(delivery, 1, 8) || '|' || body
        FROM observation JOIN half ON half.call = observation.call;
    INSERT INTO field SELECT second, 'claim', owner
        FROM answer JOIN half ON half.call = answer.call WHERE owner <> '';
    INSERT INTO field SELECT second, 'twiml', twiml
        FROM answer JOIN half ON half.call = answer.call WHERE twiml IS NOT NULL;
    DROP TABLE half;

    INSERT INTO row (name, expires_at) SELECT 'key ' || name, expires_at FROM key;
    INSERT INTO field SELECT id, 'fingerprint', fingerprint FROM key JOIN row ON row.name = 'key ' || key.name;
    INSERT INTO field SELECT id, 'owner', owner FROM key JOIN row ON row.name = 'key ' || key.name;
    INSERT INTO field SELECT id, 'call_id', call_id FROM key JOIN row ON row.name = 'key ' || key.name;
    INSERT INTO field SELECT id, 'claimed_at', claimed_at FROM key JOIN row ON row.name = 'key ' || key.name;
    INSERT INTO field SELECT id, 'unknown', '1' FROM key JOIN row ON row.name = 'key ' || key.name
        WHERE is_unknown;
    DROP TABLE answer;
    DROP TABLE observation;
    DROP TABLE call;
    DROP TABLE key;
    DROP TABLE counter;";

/// Opens or creates the file, its folder and its tables.
pub(super) fn open(path: &Path) -> Result<Connection, StoreError> {
    private::prepare(path).map_err(StoreError::new)?;
    let mut connection = Connection::open(path).map_err(|error| store_error(&error))?;
    prepare(&mut connection).map_err(|error| store_error(&error))?;
    let version: u32 = connection
        .pragma_query_value(None, "user_version", |row| row.get(0))
        .map_err(|error| store_error(&error))?;
    if version as usize > MIGRATIONS.len() {
        return Err(StoreError::new("the file was written by a newer version"));
    }
    Ok(connection)
}

/// SQLite's own words, which name tables and columns; anything else could quote what is in them.
pub(super) fn store_error(error: &rusqlite::Error) -> StoreError {
    match error {
        rusqlite::Error::SqliteFailure(..) => StoreError::new(error),
        _ => StoreError::new("SQLite gave a row that cannot be read"),
    }
}

fn prepare(connection: &mut Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    write_ahead(connection)?;
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    let tx = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let version: u32 = tx.pragma_query_value(None, "user_version", |row| row.get(0))?;
    for (migration, next) in MIGRATIONS.iter().zip(1_u32..).skip(version as usize) {
        tx.execute_batch(migration)?;
        tx.pragma_update(None, "user_version", next)?;
    }
    tx.commit()
}

/// SQLite does not ask its busy handler when the journal mode changes, so of many processes that
/// open a fresh file at once one may fail (1 of 1,600 in a test): we wait ourselves.
fn write_ahead(connection: &Connection) -> rusqlite::Result<()> {
    let start = Instant::now();
    loop {
        match connection.pragma_update(None, "journal_mode", "WAL") {
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && start.elapsed() < BUSY_TIMEOUT =>
            {
                std::thread::sleep(Duration::from_millis(2));
            }
            result => return result,
        }
    }
}

/// The file holds phone numbers and what was said to people: it is its owner's alone.
#[cfg(unix)]
mod private {
    use std::fs::{DirBuilder, OpenOptions, Permissions, metadata, set_permissions};
    use std::io::Result;
    use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
    use std::path::{Path, PathBuf};

    /// The folder of our own, which nothing else uses.
    const FOLDER: &str = ".close-loop";

    /// Makes the folder and the file, and tightens what is there. SQLite gives the files beside it the
    /// same mode.
    pub(super) fn prepare(path: &Path) -> Result<()> {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
            if folder.file_name().is_some_and(|name| name == FOLDER) {
                tighten(folder, 0o700);
            }
        }
        OpenOptions::new().create(true).append(true).mode(0o600).open(path)?;
        for suffix in ["", "-wal", "-shm"] {
            let mut file = path.as_os_str().to_owned();
            file.push(suffix);
            tighten(&PathBuf::from(file), 0o600);
        }
        Ok(())
    }

    /// Some file systems know no modes: that must not stop a developer's machine.
    fn tighten(path: &Path, mode: u32) {
        let Ok(found) = metadata(path) else { return };
        if found.permissions().mode() & 0o777 & !mode == 0 {
            return;
        }
        if let Err(error) = set_permissions(path, Permissions::from_mode(mode)) {
            tracing::warn!(service = "store", %error, "others on this machine may read the SQLite file");
        }
    }
}

#[cfg(not(unix))]
mod private {
    pub(super) fn prepare(path: &std::path::Path) -> std::io::Result<()> {
        path.parent().map_or(Ok(()), std::fs::create_dir_all)
    }
}
