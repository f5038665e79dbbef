//! The bootstraps of `cargo lambda build` under AWS's own emulator, behind an API Gateway of ours,
//! over a DynamoDB-compatible server.

mod emulator;
mod gateway;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use stores::{Backend, Place};

use crate::deployment::{Deployment, World, front};
use crate::parts::part;
use crate::vercel::Functions;
use crate::wire::Server;

use emulator::Emulator;

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
    pub async fn lambda() -> Option<Self> {
        let bootstraps = part("HOSTS_BOOTSTRAPS")?;
        let emulator = part("AWS_LAMBDA_RIE")?;
        let store = Backend::DynamoDbDynoxide.start_or_skip()?;
        let (listener, address) = front().await;
        let (site, world) = World::start("lambda", address, store).await;
        let space = world.store.space();
        let Place::DynamoDb { port, table } = space.place() else { unreachable!("asked for it") };
        let mut settings = site.settings();
        settings.extend([
            ("AWS_ACCESS_KEY_ID", "test".to_owned()),
            ("AWS_ENDPOINT_URL_DYNAMODB", format!("http://127.0.0.1:{port}")),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256".to_owned()),
            ("AWS_LAMBDA_FUNCTION_TIMEOUT", "30".to_owned()),
            ("AWS_REGION", "us-east-1".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
            ("STORE_URL", format!("dynamodb:{table}")),
        ]);
        let mut emulators = BTreeMap::new();
        for path in FUNCTIONS {
            let (_, name) = path.rsplit_once('/').unwrap();
            let bootstrap = bootstraps.join(name).join("bootstrap");
            let log = world.folder.path().join(name);
            let emulator = Emulator::start(&emulator, &bootstrap, &settings, Path::new(&log)).await;
            emulators.insert(path, emulator);
        }
        let emulators = Arc::new(emulators);
        let server = Server::start(listener, move |request| {
            let emulators = Arc::clone(&emulators);
            async move { gateway::answer(&emulators, request).await }
        });
        Some(Self { site, functions: Functions::default(), _running: Box::new((server, world)) })
    }
}
