//! `cargo run -p stores --bin kv-rest -- [--port N] [--token T] [--redis-port N]`
//!
//! Upstash's REST interface on 127.0.0.1 over a redis-server of its own, until the input closes.
//! Says where it is in one line of JSON.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "a tool for tests")]

use std::io::Read as _;

use stores::kv_rest::KvRest;
use stores::{RedisServer, TOKEN};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let option = |name: &str| {
        let at = arguments.iter().position(|argument| argument == name)?;
        Some(arguments.get(at + 1).expect("a value after each option").clone())
    };
    let number = |name: &str| option(name).map(|text| text.parse::<u16>().expect("a port"));
    let token = option("--token").unwrap_or_else(|| TOKEN.to_owned());
    let own = match number("--redis-port") {
        Some(_) => None,
        None => match RedisServer::start() {
            Ok(redis) => Some(redis),
            Err(missing) => {
                eprintln!("{missing}");
                std::process::exit(3);
            }
        },
    };
    let redis_port =
        own.as_ref().map_or_else(|| number("--redis-port").unwrap(), RedisServer::port);
    let shim = KvRest::start(number("--port").unwrap_or(0), redis_port, 0, &token);
    println!("{{\"url\":\"{}\",\"token\":\"{token}\"}}", shim.url());
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}
