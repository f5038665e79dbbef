//! What a scenario is played against.

use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use fakes::{Config, Fakes, Pace};
use hosts::vercel::Function;
use stores::{Folder, Missing, skip};
use tokio::net::TcpListener;
use tokio::task::block_in_place;

use crate::vercel::Functions;
use crate::wire::Server;

/// What everybody who dials and reads shows.
pub(crate) const TOKEN: &str = "a-token-of-sixteen";

/// What the agent is told: a variable for every call, and one that a campaign's request fills.
pub(crate) const VARIABLES: [(&str, &str); 2] = [
    ("CAMPAIGN_VARIABLES", "leadName=_prospect_name_,campaignName=_product_name_"),
    ("DYNAMIC_VARIABLES", r#"{"_agent_name_":"Alex","_prospect_name_":"there"}"#),
];

/// All chance is the same everywhere, so that differences are the hosts' own.
pub(crate) const SEED: u64 = 4;

/// A deployed application as its callers see it.
pub(crate) struct Site {
    /// Whose results these are.
    pub(crate) name: &'static str,
    /// Where it listens: `NEXT_PUBLIC_APP_URL` is `http://` and this.
    pub(crate) address: SocketAddr,
    /// Twilio and ElevenLabs.
    pub(crate) fakes: Fakes,
    /// Where they listen, below `/simulated`.
    pub(crate) simulated: SocketAddr,
    /// Whether the files of `public/` are served too, a spoken apology among them.
    pub(crate) serves_files: bool,
    /// A name in `Host` that is not the app's, and that whoever stands in front lets pass.
    pub(crate) foreign_host: &'static str,
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Site").field("name", &self.name).field("address", &self.address).finish()
    }
}

/// A site and everything that keeps it running.
pub(crate) struct Deployment {
    /// As its callers see it.
    pub(crate) site: Site,
    /// Those that are told to end before they are ended.
    pub(crate) functions: Functions,
    /// Servers, processes and folders, which end with it.
    pub(crate) _running: Box<dyn Send>,
}

impl Deployment {
    /// Ends it as its host would, and makes sure that every function goes in peace.
    pub(crate) fn stop(self) {
        block_in_place(|| self.functions.values().for_each(Function::end));
    }
}

/// What stands around deployed functions: the other sides, a store, and a folder for logs.
#[derive(Debug)]
pub(crate) struct World {
    _fakes: Server,
    pub(crate) store: stores::Running,
    pub(crate) folder: Folder,
}

impl World {
    /// The fakes on a port of their own, for functions that will answer at `app`.
    pub(crate) async fn start(
        name: &'static str,
        app: SocketAddr,
        store: stores::Running,
    ) -> (Site, Self) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let simulated = listener.local_addr().unwrap();
        let fakes = Fakes::new(Config {
            account_sid: dev::SIMULATED_ACCOUNT_SID.to_owned(),
            auth_token: dev::SIMULATED_AUTH_TOKEN.to_owned(),
            api_key: None,
            phone_number: dev::SIMULATED_PHONE_NUMBER.to_owned(),
            agent_id: dev::SIMULATED_AGENT_ID.to_owned(),
            xi_api_key: dev::SIMULATED_API_KEY.to_owned(),
            base_url: format!("http://{simulated}/simulated"),
            pace: Pace::Instant,
            seed: SEED,
        });
        let router = axum::Router::new().nest("/simulated", fakes.router());
        let server = Server::serve(listener, router);
        let site = Site {
            name,
            address: app,
            fakes,
            simulated,
            // An API Gateway has nothing but the functions behind it.
            serves_files: name != "lambda",
            foreign_host: "evil.example",
        };
        (site, Self { _fakes: server, store, folder: Folder::new() })
    }
}

impl Site {
    /// The variables of its functions, without the store's.
    pub(crate) fn settings(&self) -> Vec<(&'static str, String)> {
        let simulated = format!("http://{}/simulated", self.simulated);
        let mut settings = vec![
            ("ELEVENLABS_AGENT_ID", dev::SIMULATED_AGENT_ID.to_owned()),
            ("ELEVENLABS_API_KEY", dev::SIMULATED_API_KEY.to_owned()),
            ("ELEVENLABS_API_URL", format!("{simulated}/elevenlabs")),
            ("MAKE_CALL_TOKEN", TOKEN.to_owned()),
            ("NEXT_PUBLIC_APP_URL", format!("http://{}", self.address)),
            ("RECORD_CALLS", "true".to_owned()),
            ("TWILIO_ACCOUNT_SID", dev::SIMULATED_ACCOUNT_SID.to_owned()),
            ("TWILIO_API_URL", format!("{simulated}/twilio")),
            ("TWILIO_AUTH_TOKEN", dev::SIMULATED_AUTH_TOKEN.to_owned()),
            ("TWILIO_PHONE_NUMBER", dev::SIMULATED_PHONE_NUMBER.to_owned()),
        ];
        settings.extend(VARIABLES.map(|(name, value)| (name, value.to_owned())));
        settings
    }
}

/// A port of its own for whoever stands in front, known before anybody answers there.
pub(crate) async fn front() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

/// The file or folder that a variable names, which `.ci/hosts` built or installed; `None` is said
/// loudly, and fails in CI.
pub(crate) fn part(variable: &str) -> Option<PathBuf> {
    let path = std::env::var_os(variable).map(PathBuf::from).filter(|path| path.exists());
    if path.is_none() {
        skip(&Missing(format!("{variable} names nothing that exists: .ci/hosts sets it")));
    }
    path
}
