//! Rows as a server or a file has them, past the adapters: an object of rows, each an object of fields.

use std::collections::BTreeMap;
use std::path::Path;

use rusqlite::types::ValueRef;
use rusqlite::{Connection, params_from_iter};
use serde_json::{Map, Value, json};
use stores::Place;
use stores::dynamodb::ask;
use stores::resp::{self, Reply};

/// In a row of Redis: when the server may drop it. Of those of DynamoDB and SQLite it is a field.
const EXPIRES: &str = "(minutes to live)";

/// Everything that is at a place.
pub(crate) async fn dump(place: &Place) -> Value {
    match place {
        Place::File(file) => Value::Object(dump_sqlite(file).unwrap()),
        Place::Redis { port, database } => dump_redis(*port, *database).await,
        Place::DynamoDb { port, table } => dump_dynamodb(*port, table),
        other => panic!("no rows of {other:?}"),
    }
}

/// Puts rows where nothing is yet.
pub(crate) async fn load(place: &Place, rows: &Value) {
    let rows = rows.as_object().unwrap();
    match place {
        Place::File(file) => load_sqlite(file, rows).unwrap(),
        Place::Redis { port, database } => load_redis(*port, *database, rows).await,
        Place::DynamoDb { port, table } => load_dynamodb(*port, table, rows),
        other => panic!("no rows of {other:?}"),
    }
}

/// Whether a row is a lease's or a count's, which may be lost.
pub(crate) fn is_of_a_limit(row: &str) -> bool {
    let redis = ["zset cl:win:", "zset cl:slots", "hash cl:day:"];
    let dynamodb = ["WIN#", "CONC", "CNT#"];
    let sqlite = ["lease ", "day ", "day_entry ", "counter "];
    redis.iter().chain(&dynamodb).chain(&sqlite).any(|prefix| row.starts_with(prefix))
}

/// Rows of calls in a form in which those of two versions are the same where they say the same.
///
/// - Redis: the version before kept what Twilio reports in the row of the SID, and listed that row too where it
///   came first; this one keeps and lists all that in the row of the `callId` once both name each other, and
///   says so there (`linked`). Each reads the union of both. Of a SID under another call's `callId` this
///   version takes the link back, which the version before ignored.
/// - SQLite: the number of a row says nothing, nor where voice's observation is, nor the age and expiry of a
///   SID's row that is not listed.
pub(crate) fn comparable(rows: &Value) -> Value {
    let mut rows = rows.as_object().unwrap().clone();
    let taken = |rows: &mut Map<String, Value>, prefix: &str| -> Vec<Value> {
        let names: Vec<_> = rows.keys().filter(|name| name.starts_with(prefix)).cloned().collect();
        names.iter().filter_map(|name| rows.remove(name)).collect()
    };
    for field in taken(&mut rows, "field ") {
        let row = rows.get_mut(&format!("row {}", field["row"])).unwrap();
        row[field["name"].as_str().unwrap()] = field["value"].clone();
    }
    for mut row in taken(&mut rows, "row ") {
        row.as_object_mut().unwrap().remove("id");
        rows.insert(format!("row {}", row["name"].as_str().unwrap()), row);
    }
    for (prefix, link) in [("hash cl:call:", "id"), ("row call ", "call")] {
        let by_sid = rows.keys().filter(|name| name.starts_with(&format!("{prefix}CA")));
        for name in by_sid.cloned().collect::<Vec<_>>() {
            let Some(Value::String(call_id)) = rows[&name].get(link).cloned() else { continue };
            let by_id = format!("{prefix}{call_id}");
            let sid = rows.get(&by_id).and_then(|row| row["sid"].as_str());
            let row = rows[&name].as_object().unwrap().clone();
            if sid.is_some_and(|sid| !name.ends_with(sid)) {
                rows[&name].as_object_mut().unwrap().remove(link);
                continue;
            }
            let is_moved =
                |field: &str| field.contains('#') && !["v#claim", "v#twiml"].contains(&field);
            let (moved, mut left): (Map<_, _>, Map<_, _>) =
                row.into_iter().partition(|(field, _)| is_moved(field));
            left.retain(|field, _| !["created_at", "expires_at"].contains(&field.as_str()));
            rows[&name] = Value::Object(left);
            let whole = rows[&by_id].as_object_mut().unwrap();
            whole.remove("linked");
            for (field, value) in moved {
                whole.entry(field).or_insert(value);
            }
            if let Some(Value::Object(listed)) = rows.get_mut("zset cl:calls") {
                listed.remove(name.trim_start_matches("hash "));
            }
        }
    }
    Value::Object(rows)
}

async fn redis(connection: &mut resp::Connection, words: &[&str]) -> Reply {
    let command = words.iter().map(|word| word.as_bytes().to_vec()).collect();
    let reply = connection.ask(&[command]).await.unwrap().remove(0);
    assert!(!matches!(reply, Reply::Error(_)), "{words:?}: {reply:?}");
    reply
}

fn texts(reply: Reply) -> Vec<String> {
    let text = |reply| match reply {
        Reply::Bulk(Some(bytes)) => String::from_utf8(bytes).unwrap(),
        other => panic!("{other:?}"),
    };
    let Reply::Array(Some(items)) = reply else { panic!("{reply:?}") };
    items.into_iter().map(text).collect()
}

async fn dump_redis(port: u16, database: u32) -> Value {
    let mut connection = resp::Connection::open(port, database).await.unwrap();
    let mut rows = Map::new();
    for key in texts(redis(&mut connection, &["KEYS", "*"]).await) {
        let Reply::Simple(kind) = redis(&mut connection, &["TYPE", &key]).await else { panic!() };
        let fields = match kind.as_str() {
            "hash" => redis(&mut connection, &["HGETALL", &key]).await,
            "zset" => redis(&mut connection, &["ZRANGE", &key, "0", "-1", "WITHSCORES"]).await,
            other => panic!("{key} is a {other}, which this cannot keep"),
        };
        let fields = texts(fields);
        let fields = fields.chunks(2).map(|pair| (pair[0].clone(), json!(pair[1])));
        let mut fields: Map<_, _> = fields.collect();
        if let Reply::Integer(seconds @ 0..) = redis(&mut connection, &["TTL", &key]).await {
            fields.insert(EXPIRES.to_owned(), json!((seconds + 59) / 60));
        }
        rows.insert(format!("{kind} {key}"), Value::Object(fields));
    }
    Value::Object(rows)
}

async fn load_redis(port: u16, database: u32, rows: &Map<String, Value>) {
    let mut commands = Vec::new();
    for (row, fields) in rows {
        let (kind, key) = row.split_once(' ').unwrap();
        for (field, value) in fields.as_object().unwrap() {
            match (kind, value) {
                ("hash", Value::String(text)) => commands.push(vec!["HSET", key, field, text]),
                ("zset", Value::String(score)) => commands.push(vec!["ZADD", key, score, field]),
                // Once there is a key.
                (_, Value::Number(_)) => {}
                other => panic!("{other:?}"),
            }
        }
    }
    let minutes = rows.iter().filter_map(|(row, fields)| Some((row, fields[EXPIRES].as_u64()?)));
    let seconds: Vec<_> = minutes.map(|(row, minutes)| (row, (minutes * 60).to_string())).collect();
    for (row, seconds) in &seconds {
        commands.push(vec!["EXPIRE", row.split_once(' ').unwrap().1, seconds]);
    }
    let bytes = |words: Vec<&str>| words.into_iter().map(|word| word.as_bytes().to_vec()).collect();
    let commands: Vec<_> = commands.into_iter().map(bytes).collect();
    // All at once: the server syncs its file once for each batch.
    let mut connection = resp::Connection::open(port, database).await.unwrap();
    let replies = connection.ask(&commands).await.unwrap();
    assert!(replies.iter().all(|reply| *reply == Reply::Integer(1)), "{replies:?}");
}

fn dynamodb(port: u16, operation: &str, body: &Value) -> Value {
    // A busy machine may let one run out of time.
    let answer = (0..5).find_map(|_| ask(port, operation, body));
    let (status, answer) = answer.expect("DynamoDB answers");
    assert_eq!(status, 200, "{answer}");
    serde_json::from_str(&answer).unwrap()
}

fn dump_dynamodb(port: u16, table: &str) -> Value {
    let mut answer = dynamodb(port, "Scan", &json!({"TableName": table, "ConsistentRead": true}));
    assert_eq!(answer.get("LastEvaluatedKey"), None, "more than one page");
    let mut rows = Map::new();
    for item in answer["Items"].as_array_mut().unwrap() {
        let key = item.as_object_mut().unwrap().remove("pk").unwrap();
        rows.insert(key["S"].as_str().unwrap().to_owned(), item.take());
    }
    Value::Object(rows)
}

fn load_dynamodb(port: u16, table: &str, rows: &Map<String, Value>) {
    for (key, item) in rows {
        let mut item = item.clone();
        item["pk"] = json!({ "S": key });
        dynamodb(port, "PutItem", &json!({"TableName": table, "Item": item}));
    }
}

/// Before the name of a table or an index, whose row is the statement that makes it.
const MADE: &str = "CREATE ";
const VERSION: &str = "PRAGMA user_version";

fn dump_sqlite(file: &Path) -> rusqlite::Result<Map<String, Value>> {
    let connection = Connection::open(file)?;
    let mut rows = Map::new();
    let version: u32 = connection.query_row(VERSION, [], |row| row.get(0))?;
    rows.insert(VERSION.to_owned(), json!({ "n": version }));
    let made = "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL";
    for made in select(&connection, made)? {
        let name = made["name"].as_str().unwrap_or_default();
        let kind = made["type"].as_str().unwrap_or_default();
        rows.insert(format!("{MADE}{kind} {name}"), json!({ "sql": made["sql"] }));
        if kind != "table" {
            continue;
        }
        let keys = format!("SELECT name FROM pragma_table_info('{name}') WHERE pk > 0 ORDER BY pk");
        let keys = select(&connection, &keys)?;
        for fields in select(&connection, &format!("SELECT * FROM \"{name}\""))? {
            let keys = keys.iter().filter_map(|key| fields.get(key["name"].as_str()?));
            let keys: Vec<String> = keys.map(|key| key.to_string().replace('"', "")).collect();
            rows.insert(format!("{name} {}", keys.join(" ")), Value::Object(fields));
        }
    }
    Ok(rows)
}

/// Rows as objects; what is NULL is left out.
fn select(connection: &Connection, sql: &str) -> rusqlite::Result<Vec<Map<String, Value>>> {
    let mut statement = connection.prepare(sql)?;
    let columns: Vec<String> = statement.column_names().map(str::to_owned).collect();
    let rows = statement.query_map([], |row| {
        let mut fields = Map::new();
        for (index, column) in columns.iter().enumerate() {
            let value = match row.get_ref(index)? {
                ValueRef::Null => continue,
                ValueRef::Integer(number) => json!(number),
                ValueRef::Text(text) => json!(str::from_utf8(text)?),
                other => panic!("{column} is {other:?}, which this cannot keep"),
            };
            fields.insert(column.clone(), value);
        }
        Ok(fields)
    })?;
    rows.collect()
}

fn load_sqlite(file: &Path, rows: &Map<String, Value>) -> rusqlite::Result<()> {
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    let mut connection = Connection::open(file)?;
    let transaction = connection.transaction()?;
    transaction.pragma_update(None, "defer_foreign_keys", true)?;
    // In the order of names: tables come after their indexes there.
    let made: BTreeMap<_, _> = rows.iter().filter(|(name, _)| name.starts_with(MADE)).collect();
    for (_, made) in made.into_iter().rev() {
        transaction.execute_batch(made["sql"].as_str().unwrap())?;
    }
    for (name, fields) in rows.iter().filter(|(name, _)| !name.starts_with(MADE)) {
        if name == VERSION {
            transaction.pragma_update(
                None,
                "user_version",
                fields["n"].as_u64().unwrap() as u32,
            )?;
            continue;
        }
        let (table, fields) = (name.split(' ').next().unwrap(), fields.as_object().unwrap());
        let columns: Vec<&str> = fields.keys().map(String::as_str).collect();
        let values = fields.values().map(|value| match value {
            Value::Number(number) => rusqlite::types::Value::Integer(number.as_i64().unwrap()),
            text => rusqlite::types::Value::Text(text.as_str().unwrap().to_owned()),
        });
        let marks = vec!["?"; columns.len()].join(", ");
        let sql = format!("INSERT INTO {table} ({}) VALUES ({marks})", columns.join(", "));
        transaction.execute(&sql, params_from_iter(values))?;
    }
    transaction.commit()
}
