//! No host at all: `./voice` in a developer's shell. And `vercel dev`, which waits for the same line.

use std::net::SocketAddr;
use std::process::Command;

use crate::World;
use crate::process::{Process, binary, free_port};

/// Starts a function; `more` is what its environment holds beside the settings.
pub fn start(world: &World, name: &str, more: &[(&'static str, &str)]) -> (Process, SocketAddr) {
    start_by(&mut Command::new(binary(name)), world, more)
}

/// Starts a function that may have so many files and connections open.
pub fn start_with_handles(world: &World, name: &str, most: u32) -> (Process, SocketAddr) {
    let script = format!("ulimit -n {most}; exec \"$0\"");
    start_by(Command::new("sh").arg("-c").arg(script).arg(binary(name)), world, &[])
}

fn start_by(
    command: &mut Command,
    world: &World,
    more: &[(&'static str, &str)],
) -> (Process, SocketAddr) {
    let address = free_port();
    let mut environment = world.settings(&format!("http://{address}"));
    environment.push(("VERCEL_DEV_PORT", address.port().to_string()));
    environment.extend(more.iter().map(|(name, value)| (*name, (*value).to_owned())));
    let (process, line) = Process::start_heard(command, &environment, &world.log());
    assert_eq!(line, format!("Dev server listening: {}", address.port()));
    (process, address)
}
