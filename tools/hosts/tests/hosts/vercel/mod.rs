//! The functions of `vercel build` under Vercel's launcher protocol, over a real Redis, behind a
//! router of ours; and `vercel dev`, which is Vercel's own.

mod dev;
mod router;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use bytes::Bytes;
use hosts::vercel::Function;
use http::Request;
use serde_json::Value;
use stores::{Backend, Place, Space};
use tokio::net::TcpListener;
use tokio::task::block_in_place;

use crate::deployment::{Deployment, Site, World, front, part};
use crate::wire::{self, Server};

use router::Router;

/// By the path that each answers.
pub(crate) type Functions = Arc<BTreeMap<String, Function>>;

impl Deployment {
    /// `None` if a part is missing: `HOSTS_VERCEL_OUTPUT`, what `vercel build` left in
    /// `.vercel/output`, or redis-server.
    pub(crate) async fn vercel() -> Option<Self> {
        let (listener, address) = front().await;
        Self::vercel_at(listener, address, Site::settings).await
    }

    /// The same behind this listener, for callers who know it as `app`, with settings of their own.
    pub(crate) async fn vercel_at(
        listener: TcpListener,
        app: SocketAddr,
        settings: impl FnOnce(&Site) -> Vec<(&'static str, String)>,
    ) -> Option<Self> {
        let output = part("HOSTS_VERCEL_OUTPUT")?;
        let store = Backend::RedisTcp.start_or_skip()?;
        let (site, world) = World::start("vercel", app, store).await;
        let mut settings = settings(&site);
        settings.push(("STORE_URL", redis_url(&world.store.space())));
        let mut functions = BTreeMap::new();
        for path in vercel_functions(&output) {
            let folder = output.join("functions").join(format!("{path}.func"));
            let function = block_in_place(|| start(&folder, &settings, world.folder.path()));
            let ping =
                Request::get("/_vercel/ping").header("host", "x").body(Bytes::new()).unwrap();
            assert_eq!(wire::ask(function.address, ping).await.unwrap().body(), "OK");
            functions.insert(format!("/{path}"), function);
        }
        let functions = Arc::new(functions);
        let router = Arc::new(Router::new(&output, Arc::clone(&functions)));
        let server = Server::start(listener, move |request| {
            let router = Arc::clone(&router);
            async move { router.answer(request).await }
        });
        Some(Self { site, functions, _running: Box::new((server, world)) })
    }
}

/// One `.func` folder, started. What belongs to it lies in `work`, in the temporary folder: a unix
/// socket's path must be short.
fn start(folder: &Path, settings: &[(&'static str, String)], work: &Path) -> Function {
    let config = fs::read(folder.join(".vc-config.json")).unwrap();
    let config: Value = serde_json::from_slice(&config).unwrap();
    assert_eq!(config["runtime"], "executable", "{config}");
    let mut command = Command::new(folder.join(config["handler"].as_str().unwrap()));
    let name = folder.file_stem().unwrap().to_str().unwrap();
    let socket = work.join(format!("{name}.sock"));
    Function::with(command.current_dir(folder), name, settings, &socket, &work.join(name))
}

fn redis_url(space: &Space) -> String {
    let Place::Redis { port, database } = space.place() else { unreachable!("asked for it") };
    format!("redis://127.0.0.1:{port}/{database}")
}

/// What a build would deploy as functions: the paths of its `.func` folders.
pub(crate) fn vercel_functions(output: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    walk(&output.join("functions"), &mut |path, name| match name.strip_suffix(".func") {
        Some(name) => {
            found.insert(name.to_owned());
            false
        }
        None => {
            assert!(path.is_dir(), "{name} is neither a function nor a folder");
            true
        }
    });
    found
}

/// Every file below a folder, with its content.
pub(crate) fn files_below(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut found = BTreeMap::new();
    walk(folder, &mut |path, name| {
        if path.is_file() {
            found.insert(name.to_owned(), fs::read(path).unwrap());
        }
        true
    });
    found
}

/// Visits everything below a folder with its name relative to it; goes into the folders for which
/// the visitor says so.
fn walk(folder: &Path, visit: &mut dyn FnMut(&Path, &str) -> bool) {
    let mut open = vec![PathBuf::new()];
    while let Some(inner) = open.pop() {
        for entry in fs::read_dir(folder.join(&inner)).unwrap() {
            let name = inner.join(entry.unwrap().file_name());
            let path = folder.join(&name);
            if visit(&path, name.to_str().unwrap()) && path.is_dir() {
                open.push(name);
            }
        }
    }
}
