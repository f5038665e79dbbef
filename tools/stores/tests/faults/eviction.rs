//! A Redis that throws keys away when its memory is full.

use std::sync::Arc;

use shared::store::{Nonce, Store, StoreError};
use stores::calls::*;
use stores::kv_rest::KvRest;
use stores::resp::{Connection, Reply};
use stores::suite::keys::request;
use stores::{Place, RedisServer, TOKEN, open_at, skip};

const EVICTING: [&str; 4] = ["--maxmemory", "10mb", "--maxmemory-policy", "volatile-lru"];

/// A server, and stores over both roads to it.
struct Evicting {
    redis: RedisServer,
    stores: [Arc<dyn Store>; 2],
    _shim: KvRest,
}

fn start(arguments: &[&str]) -> Option<Evicting> {
    let redis = RedisServer::start_set(arguments).map_err(|why| skip(&why)).ok()?;
    let shim = KvRest::start(0, redis.port(), 0, TOKEN);
    let places = [Place::Redis { port: redis.port(), database: 0 }, Place::KvRest(shim.port())];
    let stores = places.map(|place| open_at(&place, RETENTION_DAYS));
    Some(Evicting { redis, stores, _shim: shim })
}

async fn say(redis: &RedisServer, line: &str) -> Reply {
    let mut connection = Connection::open(redis.port(), 0).await.unwrap();
    let words = line.split(' ').map(|word| word.as_bytes().to_vec()).collect();
    connection.ask(&[words]).await.unwrap().remove(0)
}

/// Everything that comes before a phone rings.
async fn before_a_dial(store: &dyn Store, number: u8) -> [Result<(), StoreError>; 4] {
    let (mine, call) = (Nonce::new([number; 16]), our_id(number.into()));
    [
        store.claim_key(&request("key", number), at(0)).await.map(|_| ()),
        store.acquire_slot(&call, 9, at(900), at(0)).await.map(|_| ()),
        store.acquire_day("day", 9, &mine, at(0)).await.map(|_| ()),
        store.begin(&intent(number.into()), at(0)).await,
    ]
}

#[tokio::test]
async fn a_redis_that_evicts_keys_lets_nothing_be_dialled_and_everything_else_goes_on() {
    let Some(Evicting { redis, stores, _shim }) = start(&EVICTING) else { return };
    for (store, number) in stores.iter().zip(1..) {
        for refused in before_a_dial(&**store, number).await {
            let why = refused.unwrap_err().to_string();
            assert!(why.contains("volatile-lru"), "{why}");
            assert!(why.ends_with("set maxmemory-policy noeviction"), "{why}");
        }
        let (call, seen) = (linked(number.into()), status("ringing", 1));
        store.observe(&call, &seen, &delivery(), at(0)).await.unwrap();
        store.claim(&call, &Nonce::new([1; 16]), at(0)).await.unwrap();
        store.answer(&call, "<Response/>", &answered(), at(0)).await.unwrap();
        assert_eq!(word(&load(&**store, number.into()).await.unwrap()), "in-progress");
    }
    say(&redis, "CONFIG SET maxmemory-policy noeviction").await;
    for (store, number) in stores.iter().zip(1..) {
        for passed in before_a_dial(&**store, number).await {
            passed.unwrap();
        }
    }
}

/// What it is all about: of all who show one key, never two dial.
#[tokio::test]
async fn a_key_is_not_claimed_again_though_the_memory_was_full_in_between() {
    let Some(Evicting { redis, stores: [store, _], _shim }) = start(&EVICTING) else { return };
    let mut claimed = 0;
    for owner in 1..=2 {
        let mine = request("key", owner);
        let row = store.claim_key(&mine, at(0)).await;
        claimed += u32::from(row.is_ok_and(|row| row.claim.owner == mine.owner));
        let filler = "x".repeat(100_000);
        for number in 0..300 {
            say(&redis, &format!("SET filler-{number} {filler} EX 1000")).await;
        }
        let Reply::Bulk(Some(info)) = say(&redis, "INFO stats").await else { panic!("no INFO") };
        assert!(
            !String::from_utf8_lossy(&info).contains("evicted_keys:0\r"),
            "nothing was evicted"
        );
    }
    assert!(claimed <= 1, "dialled {claimed} times");
}

#[tokio::test]
async fn a_redis_that_may_not_be_asked_is_trusted() {
    let Some(Evicting { redis, stores, _shim }) = start(&[]) else { return };
    let denied = say(&redis, "ACL SETUSER default -info -config").await;
    assert_eq!(denied, Reply::Simple("OK".to_owned()));
    for (store, number) in stores.iter().zip(1..) {
        for passed in before_a_dial(&**store, number).await {
            passed.unwrap();
        }
    }
}
