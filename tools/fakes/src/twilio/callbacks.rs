//! The callbacks of one call: in order, or as badly as the faults demand.

use super::{
    call::{Call, chance},
    target::Target,
    webhook::Webhook,
};
use crate::{DeliveryKind, Fakes, Pace, TwilioFaults};
use rand::{Rng as _, rngs::StdRng, seq::SliceRandom as _};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
};

/// A queue of its own, so that an app that answers slowly does not hold up the call.
pub(crate) struct Callbacks {
    queue: mpsc::UnboundedSender<(Webhook, oneshot::Sender<()>)>,
    worker: JoinHandle<()>,
    /// Tests want one order, not a race between the call and its callbacks.
    in_step: bool,
}

impl Callbacks {
    pub(crate) fn start(fakes: &Fakes, call: &Arc<Call>, faults: &TwilioFaults) -> Self {
        let (queue, items) = mpsc::unbounded_channel();
        let seed = faults.seed.unwrap_or(fakes.config().seed);
        let worker = Worker {
            fakes: fakes.clone(),
            faults: faults.clone(),
            chance: chance(seed, call.number, 1),
        };
        Self {
            queue,
            worker: tokio::spawn(worker.run(items)),
            in_step: fakes.config().pace == Pace::Instant && !faults.reorder,
        }
    }

    /// Queues a callback.
    pub(crate) async fn send(
        &self,
        call: &Call,
        kind: DeliveryKind,
        target: &Target,
        params: Vec<(String, String)>,
    ) {
        let (done, delivered) = oneshot::channel();
        let webhook = Webhook {
            kind,
            target: target.clone(),
            params,
            token: call.token(),
            call_sid: call.sid.clone(),
        };
        if self.queue.send((webhook, done)).is_ok() && self.in_step {
            // An error means that the worker is gone, and then nobody waits for anything.
            let _ = delivered.await;
        }
    }

    /// Waits until everything is delivered or given up.
    pub(crate) async fn finish(self) {
        drop(self.queue);
        let _ = self.worker.await;
    }
}

struct Worker {
    fakes: Fakes,
    faults: TwilioFaults,
    chance: StdRng,
}

impl Worker {
    async fn run(mut self, mut items: mpsc::UnboundedReceiver<(Webhook, oneshot::Sender<()>)>) {
        let mut held = Vec::new();
        while let Some((webhook, done)) = items.recv().await {
            if self.faults.reorder {
                held.push(webhook);
            } else {
                self.deliver(&webhook).await;
            }
            // Nobody listens at the demo's pace.
            let _ = done.send(());
        }
        held.shuffle(&mut self.chance);
        for webhook in held {
            self.deliver(&webhook).await;
        }
    }

    async fn deliver(&mut self, webhook: &Webhook) {
        // Both dice are always thrown: one fault must not change what another one hits.
        let dropped = self.chance.random::<f64>() < self.faults.drop;
        let doubled = self.chance.random::<f64>() < self.faults.duplicate;
        if self.faults.callback_delay_ms > 0 {
            tokio::time::sleep(Duration::from_millis(self.faults.callback_delay_ms)).await;
        }
        if dropped {
            webhook.drop_silently(&self.fakes);
            return;
        }
        for _ in 0..=u8::from(doubled) {
            // Best effort is all that Twilio promises: a failure has no consequence.
            let _ = webhook.deliver(&self.fakes).await;
        }
    }
}
