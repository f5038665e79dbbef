//! The handle that everything shares.

use crate::{
    Config, CreatedCall, Delivery, ElevenLabsRequest, Faults, Notification, control,
    elevenlabs::{self, Conversations},
    twilio::{self, call::Call, life, validation::CallOptions},
};
use axum::Router;
use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
};

/// How many requests to ElevenLabs are remembered: a page that shows a transcript asks for days.
const REQUESTS_KEPT: usize = 10_000;

/// A simulated Twilio and a simulated ElevenLabs with one memory. A clone is the same pair.
#[derive(Clone)]
pub struct Fakes {
    inner: Arc<Inner>,
}

struct Inner {
    config: Config,
    faults: Mutex<Faults>,
    calls: Mutex<Vec<Arc<Call>>>,
    next_call: AtomicU64,
    attempts: AtomicUsize,
    looks: AtomicUsize,
    recording_looks: AtomicUsize,
    created: Mutex<Vec<CreatedCall>>,
    deliveries: Mutex<Vec<Delivery>>,
    elevenlabs_requests: Mutex<VecDeque<ElevenLabsRequest>>,
    conversations: Conversations,
}

/// A lock that a panic elsewhere does not turn into a second panic: the data are plain lists.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Fakes {
    /// Two services that have seen nothing yet.
    #[must_use]
    pub fn new(mut config: Config) -> Self {
        config.base_url.truncate(config.base_url.trim_end_matches('/').len());
        Self {
            inner: Arc::new(Inner {
                conversations: Conversations::new(config.seed),
                config,
                faults: Mutex::default(),
                calls: Mutex::default(),
                next_call: AtomicU64::new(0),
                attempts: AtomicUsize::new(0),
                looks: AtomicUsize::new(0),
                recording_looks: AtomicUsize::new(0),
                created: Mutex::default(),
                deliveries: Mutex::default(),
                elevenlabs_requests: Mutex::default(),
            }),
        }
    }

    /// All routes, relative to `base_url`: `/twilio/...`, `/elevenlabs/...`, `/control`.
    pub fn router(&self) -> Router {
        self.router_without_control().merge(control::router(self))
    }

    /// The two services alone, for an app whose faults no visitor may set.
    pub fn router_without_control(&self) -> Router {
        Router::new()
            .nest("/twilio", twilio::router(self))
            .nest("/elevenlabs", elevenlabs::router(self))
    }

    /// What is to go wrong at present.
    #[must_use]
    pub fn faults(&self) -> Faults {
        lock(&self.inner.faults).clone()
    }

    /// Replaces all faults. Calls that exist keep the callback faults they were created under.
    pub fn set_faults(&self, faults: Faults) {
        *lock(&self.inner.faults) = faults;
    }

    /// Every webhook that the simulated Twilio sent or meant to send, in order.
    #[must_use]
    pub fn deliveries(&self) -> Vec<Delivery> {
        lock(&self.inner.deliveries).clone()
    }

    /// The REST requests that the simulated ElevenLabs saw, refused ones too; of very many the
    /// latest.
    #[must_use]
    pub fn elevenlabs_requests(&self) -> Vec<ElevenLabsRequest> {
        lock(&self.inner.elevenlabs_requests).iter().cloned().collect()
    }

    /// Every call that a `POST Calls.json` created, in order.
    #[must_use]
    pub fn calls_created(&self) -> Vec<CreatedCall> {
        lock(&self.inner.created).clone()
    }

    /// How many `POST Calls.json` were seen, refused ones too.
    #[must_use]
    pub fn calls_attempted(&self) -> usize {
        self.inner.attempts.load(Ordering::SeqCst)
    }

    /// How many `GET Calls/{CallSid}.json` were seen.
    #[must_use]
    pub fn calls_looked_up(&self) -> usize {
        self.inner.looks.load(Ordering::SeqCst)
    }

    pub(crate) fn look(&self) {
        self.inner.looks.fetch_add(1, Ordering::SeqCst);
    }

    /// How many `GET Calls/{CallSid}/Recordings.json` were seen.
    #[must_use]
    pub fn recordings_looked_up(&self) -> usize {
        self.inner.recording_looks.load(Ordering::SeqCst)
    }

    pub(crate) fn look_for_recordings(&self) {
        self.inner.recording_looks.fetch_add(1, Ordering::SeqCst);
    }

    /// What Twilio's debugger would list for a call.
    #[must_use]
    pub fn notifications(&self, call_sid: &str) -> Vec<Notification> {
        self.call(call_sid).map(|call| lock(&call.state).notifications.clone()).unwrap_or_default()
    }

    /// Waits until a call is over and all its callbacks are delivered or given up. Returns at once
    /// for a call that does not exist.
    pub async fn settled(&self, call_sid: &str) {
        if let Some(call) = self.call(call_sid) {
            call.settled().await;
        }
    }

    /// Waits until every call is over, those included that begin in the meantime.
    pub async fn all_settled(&self) {
        let mut seen = 0;
        loop {
            let calls: Vec<_> = lock(&self.inner.calls).iter().skip(seen).cloned().collect();
            if calls.is_empty() {
                return;
            }
            seen += calls.len();
            for call in calls {
                call.settled().await;
            }
        }
    }

    /// A person rings our number: Twilio fetches `voice_url`, and tells `status_callback` when the call
    /// is over. Gives the CallSid. Must be called inside a tokio runtime.
    pub fn ring_in(&self, from: &str, voice_url: &str, status_callback: Option<&str>) -> String {
        let options =
            CallOptions::inbound(from, &self.config().phone_number, voice_url, status_callback);
        let call = self.add_call(options);
        let sid = call.sid.clone();
        self.start(call);
        sid
    }

    pub(crate) fn config(&self) -> &Config {
        &self.inner.config
    }

    pub(crate) fn conversations(&self) -> &Conversations {
        &self.inner.conversations
    }

    pub(crate) fn count_attempt(&self) {
        self.inner.attempts.fetch_add(1, Ordering::SeqCst);
    }

    pub(crate) fn add_call(&self, options: CallOptions) -> Arc<Call> {
        let number = self.inner.next_call.fetch_add(1, Ordering::SeqCst);
        let call = Arc::new(Call::new(self.config(), number, options));
        lock(&self.inner.calls).push(Arc::clone(&call));
        call
    }

    pub(crate) fn remember_created(&self, sid: String, params: Vec<(String, String)>) {
        lock(&self.inner.created).push(CreatedCall { sid, params });
    }

    /// Lets a call live its life in a task of its own.
    pub(crate) fn start(&self, call: Arc<Call>) {
        let fakes = self.clone();
        let faults = self.faults().twilio;
        tokio::spawn(async move {
            life::live(&fakes, &call, &faults).await;
            call.settle();
        });
    }

    pub(crate) fn call(&self, sid: &str) -> Option<Arc<Call>> {
        lock(&self.inner.calls).iter().find(|call| call.sid == sid).cloned()
    }

    /// Newest first, as Twilio lists them.
    pub(crate) fn calls(&self) -> Vec<Arc<Call>> {
        lock(&self.inner.calls).iter().rev().cloned().collect()
    }

    /// Notes a webhook before it is sent; the place is for [`Self::answer_delivery`].
    pub(crate) fn begin_delivery(&self, delivery: Delivery) -> usize {
        let mut deliveries = lock(&self.inner.deliveries);
        deliveries.push(delivery);
        deliveries.len() - 1
    }

    pub(crate) fn answer_delivery(&self, place: usize, status: u16, body: &str) {
        if let Some(delivery) = lock(&self.inner.deliveries).get_mut(place) {
            delivery.status = Some(status);
            delivery.response_body = body.to_owned();
        }
    }

    pub(crate) fn remember_elevenlabs_request(&self, request: ElevenLabsRequest) {
        let mut requests = lock(&self.inner.elevenlabs_requests);
        if requests.len() == REQUESTS_KEPT {
            requests.pop_front();
        }
        requests.push_back(request);
    }
}
