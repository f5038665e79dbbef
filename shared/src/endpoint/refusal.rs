//! Refusals: what went wrong, in words for a person, a word for a program, and what to do.
//!
//! The caller gets the text of this file. The log gets what happened, in one line a refusal.

use std::borrow::Cow;
use std::fmt;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use serde::Serialize;
use tracing::{Level, error, info, warn};

use crate::call::{CallId, CallSid, E164};
use crate::settings::Problem;
use crate::twilio::more_info;

use super::reply::json;

macro_rules! reasons {
    ($($name:ident = $status:literal $word:literal, $error:literal;)*) => {
        /// Why a request is refused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Reason {
            $(#[doc = $error] $name,)*
        }

        impl Reason {
            /// Every reason.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The word for programs.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            /// The HTTP status: always 4xx or 5xx.
            #[must_use]
            pub fn status(self) -> StatusCode {
                let code: u16 = match self { $(Self::$name => $status,)* };
                StatusCode::from_u16(code).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
            }

            /// The sentence for a person, where there is nothing more particular to say.
            fn error(self) -> &'static str {
                match self { $(Self::$name => $error,)* }
            }
        }
    };
}

impl Reason {
    /// How much a refusal matters to the operator.
    fn level(self) -> Level {
        match self {
            // Something is broken.
            Self::InternalError
            | Self::Misconfigured
            | Self::StoreUnavailable
            | Self::TwilioUnauthorized
            | Self::TwilioUnknownOutcome
            | Self::TwilioUnreachable => Level::ERROR,
            _ => match self.status().as_u16() {
                // The request is wrong in itself, or comes at the wrong time.
                400 | 404 | 405 | 409 | 413 | 415 | 416 | 422 | 451 => Level::INFO,
                // An attack may go on, or a limit be too low.
                _ => Level::WARN,
            },
        }
    }
}

reasons! {
    InvalidJson = 400 "invalid_json", "The request is not a JSON object.";
    MissingTo = 400 "missing_to", "The number to call is missing.";
    InvalidTo = 400 "invalid_to", "The number to call is not a phone number.";
    InvalidParameter = 400 "invalid_parameter", "A parameter is invalid.";
    InvalidCallSid = 400 "invalid_call_sid", "The callSid is missing or malformed.";
    RangeRequired = 400 "range_required", "The recording is too long for one answer.";
    Unauthorized = 401 "unauthorized", "The token is missing or wrong.";
    OriginNotAllowed = 403 "origin_not_allowed", "This page may not use this service.";
    TokenNotConfigured = 403 "token_not_configured", "This needs a token, and none is configured.";
    InvalidSignature = 403 "invalid_signature", "This request was not signed by Twilio.";
    AccountNotOurs = 403 "account_not_ours", "This call belongs to another Twilio account.";
    DestinationNotAllowed = 403 "destination_not_allowed", "Calls to this region are not allowed.";
    DestinationPremium = 403 "destination_premium", "Calls to premium numbers are not allowed.";
    DestinationBlocked = 403 "destination_blocked", "Calls to this number are blocked.";
    DestinationSelf = 403 "destination_self", "This is our own number.";
    CallNotFound = 404 "call_not_found", "There is no such call.";
    RecordingNotFound = 404 "recording_not_found", "There is no recording of this call.";
    MethodNotAllowed = 405 "method_not_allowed", "This method is not supported here.";
    IdempotencyInFlight = 409 "idempotency_in_flight", "The same call is being placed right now.";
    IdempotencyUnknownOutcome = 409 "idempotency_unknown_outcome",
        "Twilio's answer to this call was lost: the phone may be ringing.";
    RecordingNotReady = 409 "recording_not_ready", "The recording is not ready yet.";
    BodyTooLarge = 413 "body_too_large", "The request is too large.";
    UnsupportedMediaType = 415 "unsupported_media_type", "The request must be JSON.";
    RangeNotSatisfiable = 416 "invalid_parameter", "The recording ends before this range.";
    IdempotencyKeyReused = 422 "idempotency_key_reused", "This key was used for a different call.";
    RateLimited = 429 "rate_limited", "Too many calls were placed from here.";
    DestinationCooldown = 429 "destination_cooldown", "This number was called a moment ago.";
    DestinationDailyLimit = 429 "destination_daily_limit", "This number was called too often today.";
    ConcurrencyLimit = 429 "concurrency_limit", "Too many calls are in progress.";
    DailyLimit = 429 "daily_limit", "The daily call limit has been reached.";
    TwilioRateLimited = 429 "twilio_rate_limited", "Twilio is rate limiting this account.";
    QuietHours = 451 "quiet_hours", "It is too early or too late to call there.";
    InternalError = 500 "internal_error", "Something went wrong on our side.";
    Misconfigured = 500 "misconfigured", "This service is not fully configured.";
    TwilioRejected = 502 "twilio_rejected", "Twilio refused to place the call.";
    TwilioUnauthorized = 502 "twilio_unauthorized", "Twilio does not accept our credentials.";
    TwilioUnreachable = 502 "twilio_unreachable", "Twilio could not be reached.";
    TwilioUnknownOutcome = 502 "twilio_unknown_outcome",
        "Twilio's answer was lost: the phone may be ringing.";
    CallingPaused = 503 "calling_paused", "No calls are placed at the moment.";
    StoreUnavailable = 503 "store_unavailable", "The record of calls cannot be reached.";
}

/// A refusal, complete with what to do.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// The word and the status.
    pub reason: Reason,
    /// Boxed because it is large, and every `Result` has room for a refusal.
    body: Box<Body>,
}

/// The answer's JSON, and beside it what the log gets.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    /// Always false: the original app's pages read it.
    success: bool,
    /// The sentence for a person: the reason's, or a more particular one.
    error: Cow<'static, str>,
    /// The word for programs.
    reason: &'static str,
    /// What to do.
    message: Cow<'static, str>,
    /// `message` again, under the name that the original app's pages read.
    suggestion: Cow<'static, str>,
    /// Twilio's code.
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<u32>,
    /// Twilio's page about the code.
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<String>,
    /// The call whose outcome is unknown, for the caller to follow.
    #[serde(skip_serializing_if = "Option::is_none")]
    call_id: Option<CallId>,
    /// One header beyond JSON's.
    #[serde(skip)]
    header: Option<(header::HeaderName, HeaderValue)>,
    /// For the log alone: the call that a read asked for.
    #[serde(skip)]
    call_sid: Option<CallSid>,
    /// For the log alone: the number to call, masked.
    #[serde(skip)]
    to: Option<String>,
    /// For the log alone: which service failed, and how.
    #[serde(skip)]
    cause: Option<(&'static str, String)>,
    /// Whether the log has a line about it already.
    #[serde(skip)]
    is_logged: bool,
}

impl Refusal {
    /// `message` says what to do.
    pub fn new(reason: Reason, message: impl Into<Cow<'static, str>>) -> Self {
        let (error, message) = (reason.error().into(), message.into());
        let suggestion = message.clone();
        let word = reason.as_str();
        let body = Body { error, reason: word, message, suggestion, ..Body::default() };
        Self { reason, body: Box::new(body) }
    }

    /// Names every variable that is missing or malformed, never a value.
    #[must_use]
    pub fn misconfigured(problems: &[Problem]) -> Self {
        let all: Vec<String> = problems.iter().map(ToString::to_string).collect();
        Self::new(
            Reason::Misconfigured,
            format!("Fix these environment variables: {}.", all.join("; ")),
        )
    }

    /// Says what is allowed.
    #[must_use]
    pub fn method_not_allowed(allow: &'static str) -> Self {
        Self::new(Reason::MethodNotAllowed, format!("Use {allow}."))
            .with_header(header::ALLOW, HeaderValue::from_static(allow))
    }

    /// A more particular sentence than the reason's own.
    #[must_use]
    pub fn with_error(mut self, error: impl Into<Cow<'static, str>>) -> Self {
        self.body.error = error.into();
        self
    }

    /// Twilio's code, where it gave one.
    #[must_use]
    pub(super) fn with_code(mut self, code: Option<u32>) -> Self {
        (self.body.code, self.body.details) = (code, code.map(more_info));
        self
    }

    /// The call whose outcome is unknown.
    #[must_use]
    pub fn with_call_id(mut self, call_id: CallId) -> Self {
        self.body.call_id = Some(call_id);
        self
    }

    /// One header more.
    #[must_use]
    pub fn with_header(mut self, name: header::HeaderName, value: HeaderValue) -> Self {
        self.body.header = Some((name, value));
        self
    }

    /// For the log: the number that the request was to ring.
    #[must_use]
    pub(super) fn about(mut self, to: &E164) -> Self {
        self.body.to = Some(to.masked());
        self
    }

    /// For the log: the call that was asked for.
    #[must_use]
    pub(super) fn about_call(mut self, call_sid: Option<&CallSid>) -> Self {
        self.body.call_sid = call_sid.cloned();
        self
    }

    /// For the log: which service failed, and how.
    #[must_use]
    pub(super) fn because(mut self, service: &'static str, why: impl fmt::Display) -> Self {
        self.body.cause = Some((service, why.to_string()));
        self
    }

    /// The log has a line about it already.
    #[must_use]
    pub(super) fn logged(mut self) -> Self {
        self.body.is_logged = true;
        self
    }

    /// The answer to a request that is refused, and one line about it in the log.
    pub(super) fn answer(self, endpoint: &'static str) -> Response<Bytes> {
        if !self.body.is_logged {
            self.log(endpoint);
        }
        self.into()
    }

    fn log(&self, endpoint: &'static str) {
        let body = &self.body;
        let (service, why) = match &body.cause {
            Some((service, why)) => (*service, Some(why.as_str())),
            None => ("close-loop", None),
        };
        // One line in three levels: tracing fixes the level of a line where it is written.
        macro_rules! line {
            ($level:ident) => {
                $level!(
                    service,
                    status = self.reason.status().as_u16(),
                    reason = body.reason,
                    endpoint,
                    why,
                    code = body.code,
                    callId = body.call_id.as_ref().map(CallId::as_str),
                    callSid = body.call_sid.as_ref().map(CallSid::as_str),
                    to = body.to,
                    "request refused: {}",
                    body.error
                )
            };
        }
        match self.reason.level() {
            Level::ERROR => line!(error),
            Level::WARN => line!(warn),
            _ => line!(info),
        }
    }
}

impl From<Refusal> for Response<Bytes> {
    fn from(refusal: Refusal) -> Self {
        let mut response = json(refusal.reason.status(), &refusal.body);
        response.headers_mut().extend(refusal.body.header);
        response
    }
}
