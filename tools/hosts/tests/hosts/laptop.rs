//! The server of `cargo dev`, over SQLite.

use dev::{Environment, Setup};
use fakes::Pace;
use stores::Folder;

use crate::deployment::{Deployment, SEED, Site, TOKEN, VARIABLES, front};
use crate::vercel::Functions;
use crate::wire::Server;

impl Deployment {
    /// Everything on one port of this process.
    pub(crate) async fn laptop() -> Self {
        Self::laptop_with([("MAKE_CALL_TOKEN", TOKEN)]).await
    }

    /// The same with these settings in place of the token.
    pub(crate) async fn laptop_with<'a>(
        settings: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Self {
        let (listener, address) = front().await;
        let folder = Folder::new();
        let store = format!("sqlite:{}", folder.path().join("calls.sqlite").display());
        let mut environment = Environment::from_pairs(VARIABLES.into_iter().chain(settings));
        environment.set("STORE_URL", store);
        let setup = Setup {
            environment,
            pace: Pace::Instant,
            seed: SEED,
            new_token: Box::new(|| TOKEN.to_owned()),
        };
        let server = dev::Server::new(listener, setup).await.unwrap();
        let fakes = server.fakes.clone().unwrap();
        // Its guard against DNS rebinding admits loopback and the app only, so another name of this
        // machine is as foreign as a Host can be.
        let site = Site {
            name: "laptop",
            address,
            fakes,
            simulated: address,
            serves_files: true,
            foreign_host: "localhost:1",
        };
        let server = Server::run(async move { server.run().await.unwrap() });
        Self { site, functions: Functions::default(), _running: Box::new((server, folder)) }
    }
}
