//! `vercel dev --local`: Vercel's own router, which builds what is asked for and starts a process of
//! its own for each request.

use std::net::SocketAddr;
use std::process::Command;
use std::time::Duration;

use hosts::{Process, free_port};
use stores::Backend;
use tokio::task::block_in_place;

use crate::deployment::{Deployment, Site, World, front, part};

use super::{Functions, redis_url};

/// The first start looks around in the project.
const READY: Duration = Duration::from_secs(120);

/// Its builder needs cargo and node, and says nothing useful where it does not find them.
const INHERITED: [&str; 6] =
    ["CARGO_HOME", "CARGO_TARGET_DIR", "HOME", "PATH", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN"];

impl Deployment {
    /// `None` if a part is missing: `HOSTS_VERCEL_PROJECT`, a copy of the repository; `HOSTS_VERCEL_CLI`, the
    /// program; or redis-server.
    pub(crate) async fn vercel_dev() -> Option<Self> {
        // It binds by itself, so the port is only likely to be free.
        let (_, address) = front().await;
        Self::vercel_dev_at(address, address, Site::settings).await
    }

    /// The same listening at `address` for callers who know it as `app`, with settings of their own.
    pub(crate) async fn vercel_dev_at(
        address: SocketAddr,
        app: SocketAddr,
        settings: impl FnOnce(&Site) -> Vec<(&'static str, String)>,
    ) -> Option<Self> {
        let project = part("HOSTS_VERCEL_PROJECT")?;
        let program = part("HOSTS_VERCEL_CLI")?;
        let store = Backend::RedisTcp.start_or_skip()?;
        let (site, world) = World::start("vercel dev", app, store).await;
        let mut settings = settings(&site);
        settings.push(("STORE_URL", redis_url(&world.store.space())));
        settings.push(("VERCEL_TELEMETRY_DISABLED", "1".to_owned()));
        for name in INHERITED {
            settings.extend(std::env::var(name).map(|value| (name, value)));
        }
        let mut command = Command::new(program);
        command.args(["dev", "--local", "--yes", "--listen", &address.to_string()]);
        for queue in ["--queue-port", "--schedules-port", "--runtime-cache-port"] {
            command.args([queue, &free_port().port().to_string()]);
        }
        let log = world.folder.path().join("vercel-dev");
        let process = block_in_place(|| {
            let mut process = Process::start(command.current_dir(&project), &settings, &log);
            process.wait_for("Ready!", READY);
            process
        });
        Some(Self { site, functions: Functions::default(), _running: Box::new((process, world)) })
    }
}
