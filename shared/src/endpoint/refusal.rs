//! Refusals: what went wrong, in words for a person, a word for a program, and what to do.
//!
//! The *external* text stands here and goes to the caller; what really happened goes to the log at
//! the place that handles it, once.

use std::borrow::Cow;

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use serde::Serialize;

use crate::call::CallId;
use crate::settings::Problem;
use crate::twilio::more_info;

use super::answer::json;

macro_rules! reasons {
    ($($name:ident = $status:literal $word:literal, $error:literal;)*) => {
        /// Why a request is refused (`interface.md` section 1).
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

reasons! {
    InvalidJson = 400 "invalid_json", "The request is not a JSON object.";
    MissingTo = 400 "missing_to", "The number to call is missing.";
    InvalidTo = 400 "invalid_to", "The number to call is not a phone number.";
    InvalidParameter = 400 "invalid_parameter", "A parameter is not what it should be.";
    InvalidCallSid = 400 "invalid_call_sid", "The callSid is missing or malformed.";
    Unauthorized = 401 "unauthorized", "The token is missing or wrong.";
    OriginNotAllowed = 403 "origin_not_allowed", "This page may not use this service.";
    TokenNotConfigured = 403 "token_not_configured", "This needs a token, and none is configured.";
    InvalidSignature = 403 "invalid_signature", "This request was not signed by Twilio.";
    AccountNotOurs = 403 "account_not_ours", "This call belongs to another Twilio account.";
    DestinationNotAllowed = 403 "destination_not_allowed", "This region is not called.";
    DestinationPremium = 403 "destination_premium", "Premium numbers are not called.";
    DestinationBlocked = 403 "destination_blocked", "This number is not called.";
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
    ConcurrencyLimit = 429 "concurrency_limit", "Too many calls are going on.";
    DailyLimit = 429 "daily_limit", "No more calls are placed today.";
    TwilioRateLimited = 429 "twilio_rate_limited", "Twilio has too many requests at once.";
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
    /// Why.
    pub reason: Reason,
    error: Cow<'static, str>,
    message: Cow<'static, str>,
    code: Option<u32>,
    call_id: Option<CallId>,
    /// Boxed because it is rare and large.
    header: Option<Box<(header::HeaderName, HeaderValue)>>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    success: bool,
    error: &'a str,
    reason: &'a str,
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    details: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    call_id: Option<&'a str>,
}

impl Refusal {
    /// `message` says what to do.
    pub fn new(reason: Reason, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            reason,
            error: reason.error().into(),
            message: message.into(),
            code: None,
            call_id: None,
            header: None,
        }
    }

    /// Names every variable that is missing or malformed, never a value.
    #[must_use]
    pub fn misconfigured(problems: &[Problem]) -> Self {
        let all: Vec<String> = problems.iter().map(ToString::to_string).collect();
        Self::new(Reason::Misconfigured, format!("Set the environment right: {}.", all.join("; ")))
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
        self.error = error.into();
        self
    }

    /// Twilio's code; Twilio's page about it goes with it.
    #[must_use]
    pub fn with_code(mut self, code: u32) -> Self {
        self.code = Some(code);
        self
    }

    /// By which the caller can follow a call whose outcome is unknown.
    #[must_use]
    pub fn with_call_id(mut self, call_id: CallId) -> Self {
        self.call_id = Some(call_id);
        self
    }

    /// One header more.
    #[must_use]
    pub fn with_header(mut self, name: header::HeaderName, value: HeaderValue) -> Self {
        self.header = Some(Box::new((name, value)));
        self
    }
}

impl From<Refusal> for Response<Bytes> {
    fn from(refusal: Refusal) -> Self {
        let body = Body {
            success: false,
            error: &refusal.error,
            reason: refusal.reason.as_str(),
            message: &refusal.message,
            code: refusal.code,
            details: refusal.code.map(more_info),
            call_id: refusal.call_id.as_ref().map(CallId::as_str),
        };
        let mut response = json(refusal.reason.status(), &body);
        if let Some(header) = refusal.header {
            let (name, value) = *header;
            response.headers_mut().insert(name, value);
        }
        response
    }
}
