//! The server of `cargo dev`, over SQLite.

use local::{Environment, Setup};
use simulators::Pace;
use stores::Folder;

use crate::deployment::{Deployment, SEED, Site, TOKEN, front};
use crate::vercel::Functions;
use crate::wire::Server;

impl Deployment {
    /// Everything on one port of this process.
    pub async fn laptop() -> Self {
        let (listener, address) = front().await;
        let folder = Folder::new();
        let store = format!("sqlite:{}", folder.path().join("calls.sqlite").display());
        let setup = Setup {
            environment: Environment::from_pairs([
                ("MAKE_CALL_TOKEN", TOKEN),
                ("STORE_URL", &store),
            ]),
            pace: Pace::Instant,
            seed: SEED,
            new_token: Box::new(|| TOKEN.to_owned()),
        };
        let server = local::Server::new(listener, setup).await.unwrap();
        let simulators = server.simulators.clone().unwrap();
        // Its guard against DNS rebinding admits loopback and the app only, so another name of this
        // machine is as foreign as a Host can be.
        let site = Site {
            name: "laptop",
            address,
            simulators,
            simulated: address,
            serves_files: true,
            foreign_host: "localhost:1",
        };
        let server = Server::run(async move { server.run().await.unwrap() });
        Self { site, functions: Functions::default(), _running: Box::new((server, folder)) }
    }
}
