//! Putting it all on one port.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn;
use fakes::{Config, Fakes, Pace};
use shared::endpoint::App;
use shared::settings::Settings;
use shared::store::with_timeout;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

use super::ending::{patience, terminated};
use super::host_guard::{HostGuard, check};
use super::{Environment, Mode, functions, mode, page};

/// What a server is made from.
pub struct Setup {
    /// Variables as the user set them.
    pub environment: Environment,
    /// How fast simulated people pick up.
    pub pace: Pace,
    /// Where the fakes' chance comes from.
    pub seed: u64,
    /// A token for real mode, should one be needed.
    pub new_token: Box<dyn FnOnce() -> String + Send>,
}

/// A server that listens but does not answer yet.
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    /// Simulated or real.
    pub mode: Mode,
    /// The functions' common state.
    pub app: Arc<App>,
    /// The other sides, in simulated mode.
    pub fakes: Option<Fakes>,
    /// The token that was made for this run.
    pub made_token: Option<String>,
    listener: TcpListener,
    router: Router,
}

/// Why there is no server.
#[derive(Debug)]
pub enum StartError {
    /// Real mode, and the settings do not suffice to dial. One line a variable.
    Misconfigured(Vec<String>),
    /// Anything else.
    Other(String),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Misconfigured(problems) => {
                write!(
                    f,
                    "set these variables right (.env or environment):\n  {}",
                    problems.join("\n  ")
                )
            }
            Self::Other(why) => f.write_str(why),
        }
    }
}

impl Server {
    /// Puts the parts together behind a listener on this machine.
    pub async fn new(listener: TcpListener, setup: Setup) -> Result<Self, StartError> {
        let other = |error: &dyn fmt::Display| StartError::Other(error.to_string());
        let address = listener.local_addr().map_err(|error| other(&error))?;
        let mut environment = setup.environment;
        let mode = Mode::of(&environment);
        let made_token = mode::complete(&mut environment, mode, address, setup.new_token);
        let app = shared::host::app(Settings::parse(&environment));
        let app = Arc::new(app.map_err(|error| other(&error))?);
        if mode == Mode::Real && !app.settings.problems.is_empty() {
            let problems = app.settings.problems.iter().map(ToString::to_string).collect();
            return Err(StartError::Misconfigured(problems));
        }
        let recent = with_timeout(app.store.recent(1, app.clock.now())).await;
        if let Err(error) = recent {
            return Err(StartError::Other(format!("the store cannot be used: {error}")));
        }
        let fakes = (mode == Mode::Simulated).then(|| simulate(address, setup.pace, setup.seed));
        let guard = HostGuard::new(environment.get("NEXT_PUBLIC_APP_URL"));
        let mut router =
            functions::router(&app).merge(page::router().map_err(|error| other(&error))?);
        if let Some(fakes) = &fakes {
            router = router.nest("/simulated", fakes.router());
        }
        let router =
            router.layer(from_fn(move |request, next| check(guard.clone(), request, next)));
        Ok(Self { address, mode, app, fakes, made_token, listener, router })
    }

    /// Answers until the process is told to end, and finishes what is in flight then.
    pub async fn run(self) -> std::io::Result<()> {
        let service = self.router.into_make_service_with_connect_info::<SocketAddr>();
        let (tell, told) = oneshot::channel();
        let ending = async {
            terminated().await;
            let _ = tell.send(());
        };
        let late = async {
            let _ = told.await;
            patience().await;
        };
        tokio::select! {
            served = axum::serve(self.listener, service).with_graceful_shutdown(ending) => served,
            () = late => Ok(()),
        }
    }
}

fn simulate(address: SocketAddr, pace: Pace, seed: u64) -> Fakes {
    Fakes::new(Config {
        account_sid: mode::SIMULATED_ACCOUNT_SID.to_owned(),
        auth_token: mode::SIMULATED_AUTH_TOKEN.to_owned(),
        api_key: None,
        phone_number: mode::SIMULATED_PHONE_NUMBER.to_owned(),
        agent_id: mode::SIMULATED_AGENT_ID.to_owned(),
        xi_api_key: mode::SIMULATED_API_KEY.to_owned(),
        base_url: format!("http://{address}/simulated"),
        pace,
        seed,
    })
}
