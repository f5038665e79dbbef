//! Twilio's error bodies.

use axum::{
    Json,
    http::{StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use serde_json::json;

/// A refusal: HTTP status, Twilio's code, and what is wrong.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct TwilioError {
    pub(crate) status: StatusCode,
    pub(crate) code: u32,
    pub(crate) message: String,
}

impl TwilioError {
    /// HTTP 400, as nearly all refusals of a call.
    pub(crate) fn bad_request(code: u32, message: impl Into<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, code, message: message.into() }
    }

    pub(crate) fn authenticate() -> Self {
        Self { status: StatusCode::UNAUTHORIZED, code: 20003, message: "Authenticate".into() }
    }

    pub(crate) fn not_found(path: &str) -> Self {
        Self {
            status: StatusCode::NOT_FOUND,
            code: 20404,
            message: format!("The requested resource {path} was not found"),
        }
    }

    pub(crate) fn too_many_requests() -> Self {
        Self {
            status: StatusCode::TOO_MANY_REQUESTS,
            code: 20429,
            message: "Too Many Requests".into(),
        }
    }

    pub(crate) fn internal() -> Self {
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            code: 20500,
            message: "Internal Server Error".into(),
        }
    }

    /// What a fault asks for: the code with Twilio's title for it.
    pub(crate) fn rejected(code: u32, to: &str) -> Self {
        let message = match code {
            10001 => "Account is not active".into(),
            10004 => "Call concurrency limit exceeded".into(),
            10005 => "Voice calling has been disabled for this account".into(),
            20005 => "Account not active".into(),
            21202 => "'To' number is a premium number".into(),
            21210 => "'From' phone number not verified".into(),
            21211 => format!("The 'To' number {to} is not a valid phone number."),
            21212 => "Invalid 'From' Number".into(),
            21214 => "'To' phone number cannot be reached".into(),
            21215 => geo_permission(to),
            21216 => "API: Call blocked by Twilio".into(),
            21217 => "Phone number does not appear to be valid".into(),
            21218 => "Invalid ApplicationSid".into(),
            21219 => format!(
                "The number {to} is unverified. Trial accounts may only make calls to verified numbers."
            ),
            21263 => "Invalid Answering Machine Detection Parameters".into(),
            573_002 => "The 'From' number isn't assigned to this verified Voice recipient".into(),
            573_005 => "Destination number has not completed verification".into(),
            _ => format!("The simulated Twilio was asked to refuse this call with {code}."),
        };
        Self::bad_request(code, message)
    }
}

/// The wording of 21215.
pub(crate) fn geo_permission(to: &str) -> String {
    format!(
        "Account not authorized to call {to}. Perhaps you need to enable some international permissions: https://www.twilio.com/console/voice/calls/geo-permissions/low-risk"
    )
}

impl IntoResponse for TwilioError {
    fn into_response(self) -> Response {
        let body = Json(json!({
            "code": self.code,
            "message": self.message,
            "more_info": format!("https://www.twilio.com/docs/errors/{}", self.code),
            "status": self.status.as_u16(),
        }));
        let mut response = (self.status, body).into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            let realm = header::HeaderValue::from_static("Basic realm=\"Twilio API\"");
            response.headers_mut().insert(header::WWW_AUTHENTICATE, realm);
        }
        response
    }
}

/// Any path below an account that the simulator does not know.
pub(crate) async fn not_found(uri: Uri) -> TwilioError {
    TwilioError::not_found(uri.path())
}
