//! The life of a call, from queued to over.

use super::{
    call::Call,
    callbacks::Callbacks,
    fetch, fields,
    patterns::Pattern,
    stream,
    twiml::{self, Verb},
    validation::Event,
};
use crate::{DeliveryKind, Fakes, Pace, TwilioFaults, fakes::lock};
use std::sync::Arc;

/// A call on the wire: what every part of its life needs.
pub(crate) struct Line {
    pub(crate) fakes: Fakes,
    pub(crate) call: Arc<Call>,
    pub(crate) callbacks: Callbacks,
    pub(crate) voice_twice: bool,
}

/// Lives a call. Returns when all its callbacks are delivered or given up.
pub(crate) async fn live(fakes: &Fakes, call: &Arc<Call>, faults: &TwilioFaults) {
    if call.options.test {
        // Test credentials never fire callbacks.
        return;
    }
    let line = Line {
        fakes: fakes.clone(),
        call: Arc::clone(call),
        callbacks: Callbacks::start(fakes, call, faults),
        voice_twice: faults.voice_twice,
    };
    if line.ring().await {
        line.talk().await;
    }
    line.callbacks.finish().await;
}

impl Line {
    pub(crate) fn pace(&self) -> Pace {
        self.fakes.config().pace
    }

    /// True: somebody answered. Else the call is over.
    async fn ring(&self) -> bool {
        if self.call.options.inbound {
            self.call.set_status("ringing");
            self.call.pass(self.pace(), 1.0).await;
            return self.answer().await;
        }
        self.progress(Event::Initiated, "initiated").await;
        if !self.call.pass(self.pace(), 0.5).await {
            return self.end("canceled", "487").await;
        }
        if self.call.pattern == Pattern::Failed {
            return self.end("failed", "404").await;
        }
        self.call.set_status("ringing");
        self.progress(Event::Ringing, "ringing").await;
        let patience = f64::from(self.call.options.timeout);
        let rings = if self.call.pattern == Pattern::NoAnswer {
            // A spectator need not wait for the whole minute; the clock moves by it all the same.
            let shown = patience.min(4.0);
            self.call.advance(patience - shown);
            shown
        } else {
            patience.min(2.0)
        };
        if !self.call.pass(self.pace(), rings).await {
            return self.end("canceled", "487").await;
        }
        match self.call.pattern {
            Pattern::Busy => self.end("busy", "486").await,
            Pattern::NoAnswer => self.end("no-answer", "487").await,
            Pattern::Canceled => self.end("canceled", "487").await,
            _ => self.answer().await,
        }
    }

    async fn answer(&self) -> bool {
        {
            let mut state = lock(&self.call.state);
            state.status = "in-progress";
            state.answered = Some(state.elapsed);
        }
        self.progress(Event::Answered, "in-progress").await;
        if self.call.options.record {
            self.recording("in-progress").await;
        }
        true
    }

    async fn talk(&self) {
        let twiml = self.twiml().await;
        if self.call.pattern == Pattern::HangsUp {
            self.call.advance(0.4);
        } else {
            match twiml {
                Some(verbs) => self.execute(verbs).await,
                // "We are sorry, an application error has occurred."
                None => {
                    self.call.pass(self.pace(), 4.0).await;
                }
            }
            if self.call.pattern == Pattern::Long {
                self.call.advance((300.0 - self.call.talked()).max(0.0));
            }
        }
        if let Some(limit) = self.call.options.time_limit {
            self.call.advance((f64::from(limit) - self.call.talked()).min(0.0));
        }
        if self.call.is_recorded() {
            // 16101: too short to be kept.
            let seconds = self.call.talked();
            let kept = if seconds < 1.0 { 0 } else { seconds.ceil() as u32 };
            lock(&self.call.state).recorded = Some(kept);
        }
        self.end("completed", "200").await;
        if let Some(seconds) = self.recorded() {
            self.recording(if seconds > 0 { "completed" } else { "absent" }).await;
        }
    }

    fn recorded(&self) -> Option<u32> {
        lock(&self.call.state).recorded
    }

    /// Detects the machine, fetches the TwiML and reads it; `None` is Twilio's application error.
    async fn twiml(&self) -> Option<Vec<Verb>> {
        let detection = self.call.options.machine_detection.as_ref();
        let machine = self.call.pattern == Pattern::Voicemail;
        let result = detection.map(|detection| fields::answered_by(detection, machine));
        if let Some((who, _)) = result {
            lock(&self.call.state).answered_by = Some(who);
        }
        let asynchronous = detection.is_some_and(|detection| detection.asynchronous);
        let mut extra = Vec::new();
        if let Some(result) = result.filter(|_| !asynchronous) {
            // The silence that a person hears with synchronous detection.
            self.call.pass(self.pace(), 1.5).await;
            extra = fields::detected(result);
        }
        let twiml = match (&self.call.options.url, &self.call.options.twiml) {
            (Some(url), _) => fetch::fetch(self, url, extra).await,
            (None, Some(twiml)) => twiml::parse(twiml),
            (None, None) => None,
        };
        let callback = detection.and_then(|detection| detection.callback.as_ref());
        if let (true, Some(result), Some(callback)) = (asynchronous, result, callback) {
            let fields = fields::amd(self.fakes.config(), &self.call, result);
            self.callbacks.send(&self.call, DeliveryKind::Amd, callback, fields).await;
        }
        twiml
    }

    async fn execute(&self, verbs: Vec<Verb>) {
        for verb in verbs {
            let seconds = match verb {
                // About 15 characters a second.
                Verb::Say { text } => (text.trim().chars().count() as f64 / 15.0).max(1.0),
                Verb::Pause { length } => f64::from(length),
                Verb::Hangup => return,
                Verb::Record(recording) => {
                    lock(&self.call.state).recording = Some(recording);
                    self.recording("in-progress").await;
                    0.0
                }
                Verb::Stream(stream) => {
                    if !stream::run(self, &stream).await {
                        return;
                    }
                    0.0
                }
            };
            if !self.call.pass(self.pace(), seconds).await {
                return;
            }
        }
    }

    async fn progress(&self, event: Event, status: &str) {
        self.status_callback(event, status, None).await;
    }

    /// The one terminal callback. Always false, for [`Self::ring`].
    async fn end(&self, status: &'static str, sip: &str) -> bool {
        self.call.end(status);
        self.status_callback(Event::Completed, status, Some(sip)).await;
        false
    }

    async fn status_callback(&self, event: Event, status: &str, sip: Option<&str>) {
        let options = &self.call.options;
        if let Some(target) = options.status.as_ref().filter(|_| options.events.contains(&event)) {
            let fields = fields::status(self.fakes.config(), &self.call, status, sip);
            self.callbacks.send(&self.call, DeliveryKind::Status, target, fields).await;
        }
    }

    async fn recording(&self, status: &str) {
        let options = &self.call.options;
        let begun = lock(&self.call.state).recording.clone();
        let (target, events) = match begun {
            Some(recording) => (recording.status, recording.events),
            None => (options.recording.clone(), options.recording_events.clone()),
        };
        if let Some(target) = target.filter(|_| events.iter().any(|event| event == status)) {
            let started = self.call.started();
            let fields = fields::recording(self.fakes.config(), &self.call, status, started);
            self.callbacks.send(&self.call, DeliveryKind::Recording, &target, fields).await;
        }
    }
}
