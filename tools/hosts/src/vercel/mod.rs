//! The functions of `vercel build` under Vercel's launcher protocol, over a real Redis, behind a
//! router of ours; and `vercel dev`, which is Vercel's own.

mod dev;
mod function;
mod router;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use stores::{Backend, Place, Space};
use tokio::net::TcpListener;

use crate::deployment::{Deployment, Site, World, front};
use crate::parts::part;
use crate::wire::Server;

use function::Function;
use router::Router;

/// By the path that each answers.
pub(crate) type Functions = Arc<BTreeMap<String, Function>>;

impl Deployment {
    /// `None` if a part is missing: `HOSTS_VERCEL_OUTPUT`, what `vercel build` left in
    /// `.vercel/output`, or redis-server.
    pub async fn vercel() -> Option<Self> {
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
            let function = Function::start(&folder, &settings, world.folder.path()).await;
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

fn redis_url(space: &Space) -> String {
    let Place::Redis { port, database } = space.place() else { unreachable!("asked for it") };
    format!("redis://127.0.0.1:{port}/{database}")
}

/// What a build would deploy as functions: the paths of its `.func` folders.
#[must_use]
pub fn vercel_functions(output: &Path) -> BTreeSet<String> {
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
#[must_use]
pub fn files_below(folder: &Path) -> BTreeMap<String, Vec<u8>> {
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
