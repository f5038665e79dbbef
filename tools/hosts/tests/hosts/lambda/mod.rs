//! The bootstraps of `cargo lambda build` under AWS's own emulator, behind an API Gateway of ours,
//! over a DynamoDB-compatible server.

mod gateway;

use std::collections::BTreeMap;
use std::sync::Arc;

use hosts::lambda::Emulator;
use stores::{Backend, Place};
use tokio::task::block_in_place;

use crate::deployment::{Deployment, World, front, part};
use crate::vercel::Functions;
use crate::wire::Server;

/// By the path of each.
const FUNCTIONS: [&str; 5] = [
    "/api/elevenlabs/get-transcript",
    "/api/twilio/make-call",
    "/api/twilio/recording",
    "/api/twilio/status",
    "/api/twilio/voice",
];

impl Deployment {
    /// `None` if a part is missing: `HOSTS_BOOTSTRAPS`, the folder with a `<name>/bootstrap` for each
    /// function; `AWS_LAMBDA_RIE`, the emulator; or the DynamoDB-compatible server.
    pub(crate) async fn lambda() -> Option<Self> {
        let bootstraps = part("HOSTS_BOOTSTRAPS")?;
        let emulator = part("AWS_LAMBDA_RIE")?;
        let store = Backend::DynamoDbDynoxide.start_or_skip()?;
        let (listener, address) = front().await;
        let (site, world) = World::start("lambda", address, store).await;
        let space = world.store.space();
        let Place::DynamoDb { port, table } = space.place() else { unreachable!("asked for it") };
        let mut settings = site.settings();
        settings.extend([
            ("AWS_ENDPOINT_URL_DYNAMODB", format!("http://127.0.0.1:{port}")),
            ("STORE_URL", format!("dynamodb:{table}")),
        ]);
        let mut emulators = BTreeMap::new();
        for path in FUNCTIONS {
            let (_, name) = path.rsplit_once('/').unwrap();
            let bootstrap = bootstraps.join(name).join("bootstrap");
            let log = world.folder.path().join(name);
            let start = || Emulator::with(&emulator, &bootstrap, &settings, &log);
            emulators.insert(path, block_in_place(start));
        }
        let emulators = Arc::new(emulators);
        let server = Server::start(listener, move |request| {
            let emulators = Arc::clone(&emulators);
            async move { gateway::answer(&emulators, request).await }
        });
        Some(Self { site, functions: Functions::default(), _running: Box::new((server, world)) })
    }
}
