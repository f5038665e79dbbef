//! The functions: some instances of the shipped endpoints, which may die at any await.

use std::net::IpAddr;
use std::sync::{Arc, Mutex, OnceLock};

use bytes::Bytes;
use http::{Request, Response};
use shared::endpoint::{App, ClientAddress, Endpoint};
use shared::net::Http;
use shared::settings::Settings;
use tokio::task::AbortHandle;

use crate::faults::Remote;
use crate::ledger::{CURRENT, Invocation};
use crate::policy::Policy;
use crate::wire::Network;
use crate::world::{World, WrongClock, lock};

pub(crate) const APP_URL: &str = "https://app.example";
pub(crate) const ACCOUNT: &str = "AC00000000000000000000000000000001";
pub(crate) const AUTH_TOKEN: &str = "twilio-auth-token-of-the-simulation";
pub(crate) const MAKE_CALL_TOKEN: &str = "make-call-token-of-the-simulation";
pub(crate) const OUR_NUMBER: &str = "+12125550100";

/// No answer: the process died.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Gone;

/// All instances.
pub(crate) struct Functions {
    pub(crate) world: Arc<World>,
    store: Arc<Remote>,
    network: Mutex<Option<Arc<Network>>>,
    policy: Mutex<Policy>,
    instances: Vec<Instance>,
}

struct Instance {
    clock: Arc<WrongClock>,
    app: Mutex<Option<Arc<App>>>,
    running: Mutex<Vec<AbortHandle>>,
}

impl Functions {
    pub(crate) fn new(world: &Arc<World>) -> Arc<Self> {
        let instance = |_| Instance {
            clock: WrongClock::new(world),
            app: Mutex::default(),
            running: Mutex::default(),
        };
        let functions = Arc::new(Self {
            world: Arc::clone(world),
            store: Remote::new(world),
            network: Mutex::default(),
            policy: Mutex::default(),
            instances: (0..world.plan.instances).map(instance).collect(),
        });
        *lock(&functions.network) = Some(Network::new(&functions));
        functions
    }

    /// Everything holds on to everything else: this lets go.
    pub(crate) fn shut_down(&self) {
        *lock(&self.network) = None;
        for instance in &self.instances {
            *lock(&instance.app) = None;
        }
    }

    /// Any instance.
    pub(crate) fn any(&self) -> usize {
        let number = self.world.throw(|dice| dice.below(self.instances.len() as u64));
        usize::try_from(number).unwrap_or(0)
    }

    pub(crate) fn len(&self) -> usize {
        self.instances.len()
    }

    /// The process of an instance, started if none runs.
    fn app(&self, number: usize) -> Option<Arc<App>> {
        let instance = &self.instances[number];
        let mut app = lock(&instance.app);
        if app.is_none() {
            let network = lock(&self.network).clone()?;
            let policy = self.policy();
            let settings = Settings::parse(&|name: &str| policy.variable(&self.world.plan, name));
            let store = Arc::clone(&self.store);
            let world = Arc::clone(&self.world);
            let http = Http::over(client(), network);
            *app = Some(Arc::new(App::new(settings, store, http, instance.clock.clone(), world)));
        }
        app.clone()
    }

    /// Sends a request to an instance and waits for its answer.
    pub(crate) async fn ask<E: Endpoint>(
        &self,
        endpoint: E,
        number: usize,
        request: Request<Bytes>,
        invocation: Arc<Invocation>,
    ) -> Result<Response<Bytes>, Gone> {
        let app = self.app(number).ok_or(Gone)?;
        self.world.count("requests to the functions");
        let work = CURRENT
            .scope(Arc::clone(&invocation), async move { endpoint.answer(&app, request).await });
        let task = tokio::spawn(work);
        {
            let running = &mut lock(&self.instances[number].running);
            running.retain(|task| !task.is_finished());
            running.push(task.abort_handle());
        }
        match task.await {
            Ok(response) => Ok(response),
            Err(error) => {
                Invocation::set(&invocation.is_gone);
                if error.is_panic() {
                    self.world.violation(format!("{} panicked", E::NAME));
                }
                Err(Gone)
            }
        }
    }

    /// Kills the process of an instance, whatever it is doing.
    pub(crate) fn kill(&self, number: usize) {
        let instance = &self.instances[number];
        let mut running = std::mem::take(&mut *lock(&instance.running));
        running.retain(|task| !task.is_finished());
        self.world.trace(|| format!("instance {number} dies with {} requests", running.len()));
        self.world.count("fault: process killed");
        self.world.add("requests killed", running.len() as u64);
        for task in running {
            task.abort();
        }
        *lock(&instance.app) = None;
        instance.clock.step();
    }

    /// What the settings say now.
    pub(crate) fn policy(&self) -> Policy {
        *lock(&self.policy)
    }

    /// The functions are deployed with other settings. What they are doing they do to its end.
    pub(crate) fn deploy(&self, policy: Policy) {
        self.world.trace(|| format!("the settings change: {policy:?}"));
        self.world.count("settings changed");
        *lock(&self.policy) = policy;
        for instance in &self.instances {
            *lock(&instance.app) = None;
        }
    }

    /// The clock of an instance is set.
    pub(crate) fn step_clock(&self, number: usize) {
        if self.world.plan.skew > 0 {
            self.world.count("fault: clock set");
            self.instances[number].clock.step();
        }
    }
}

/// Builds requests; its own wire is never used.
fn client() -> reqwest::Client {
    static CLIENT: OnceLock<reqwest::Client> = OnceLock::new();
    #[expect(clippy::expect_used, reason = "without it there is nothing to simulate")]
    CLIENT.get_or_init(|| shared::net::client().expect("no HTTP client")).clone()
}

/// Adds what the platform says of who asks.
pub(crate) fn from(client: u8, mut request: Request<Bytes>) -> Request<Bytes> {
    let address = IpAddr::from([203, 0, 113, client]);
    request.extensions_mut().insert(ClientAddress::new(address));
    request
}
