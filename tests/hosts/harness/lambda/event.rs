//! Events as AWS's front ends deliver them (their documented shapes; nothing here is a real id).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use crate::webhook::{FORM, form, sign};

/// Who stands in front of the function.
#[derive(Clone, Copy, Debug)]
pub(super) enum Front {
    FunctionUrl,
    HttpApi,
    /// The older kind, under its stage `/Prod`.
    RestApi,
}

impl Front {
    pub(super) fn host(self) -> &'static str {
        match self {
            Self::FunctionUrl => "abc123.lambda-url.us-east-1.on.aws",
            Self::HttpApi | Self::RestApi => "abc123.execute-api.us-east-1.amazonaws.com",
        }
    }

    /// `NEXT_PUBLIC_APP_URL` of a deployment behind it.
    pub(super) fn app_url(self) -> String {
        let stage = if matches!(self, Self::RestApi) { "/Prod" } else { "" };
        format!("https://{}{stage}", self.host())
    }

    /// The page asks.
    pub(super) fn get(self, path: &str, query: &str, authorization: &str) -> Value {
        self.event("GET", path, query, &[("authorization", authorization)], None)
    }

    /// Twilio calls.
    pub(super) fn webhook(
        self,
        path: &str,
        query: &str,
        fields: &Vec<(&'static str, &'static str)>,
    ) -> Value {
        let signature = sign(&format!("{}{path}?{query}", self.app_url()), fields);
        let headers = [("content-type", FORM), ("x-twilio-signature", signature.as_str())];
        self.event("POST", path, query, &headers, Some(form(fields)))
    }

    fn event(
        self,
        method: &str,
        path: &str,
        query: &str,
        headers: &[(&str, &str)],
        body: Option<String>,
    ) -> Value {
        let mut all = vec![("host", self.host()), ("x-forwarded-proto", "https")];
        all.extend(headers);
        match self {
            Self::FunctionUrl | Self::HttpApi => self.v2(method, path, query, &all, body),
            Self::RestApi => self.v1(method, path, query, &all, body),
        }
    }

    /// The query as it came; bodies always encoded.
    fn v2(
        self,
        method: &str,
        path: &str,
        query: &str,
        headers: &[(&str, &str)],
        body: Option<String>,
    ) -> Value {
        let route = match self {
            Self::HttpApi => format!("{method} {path}"),
            _ => "$default".to_owned(),
        };
        json!({
            "version": "2.0", "routeKey": route, "rawPath": path, "rawQueryString": query,
            "headers": object(headers, |value| json!(value)),
            "queryStringParameters": object(&pairs(query), |value| json!(value)),
            "requestContext": {
                "accountId": "123456789012", "apiId": "abc123", "domainName": self.host(),
                "domainPrefix": "abc123", "requestId": "Jr3kPhQ5IAMEPqw=", "routeKey": route,
                "stage": "$default", "time": "22/Nov/2026:10:00:00 +0000",
                "timeEpoch": 1_795_341_600_000_u64,
                "http": {
                    "method": method, "path": path, "protocol": "HTTP/1.1",
                    "sourceIp": "203.0.113.9", "userAgent": "TwilioProxy/1.1"
                }
            },
            "body": body.as_ref().map(|body| STANDARD.encode(body)),
            "isBase64Encoded": body.is_some()
        })
    }

    /// The query taken apart; text bodies as they are.
    fn v1(
        self,
        method: &str,
        path: &str,
        query: &str,
        headers: &[(&str, &str)],
        body: Option<String>,
    ) -> Value {
        json!({
            "resource": path, "path": path, "httpMethod": method,
            "headers": object(headers, |value| json!(value)),
            "multiValueHeaders": object(headers, |value| json!([value])),
            "queryStringParameters": object(&pairs(query), |value| json!(value)),
            "multiValueQueryStringParameters": object(&pairs(query), |value| json!([value])),
            "pathParameters": null, "stageVariables": null,
            "requestContext": {
                "accountId": "123456789012", "apiId": "abc123", "domainName": self.host(),
                "httpMethod": method, "path": format!("/Prod{path}"), "protocol": "HTTP/1.1",
                "identity": {"sourceIp": "203.0.113.9", "userAgent": "TwilioProxy/1.1"},
                "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef", "resourceId": "a1b2c3",
                "requestTimeEpoch": 1_795_341_600_000_u64, "resourcePath": path, "stage": "Prod"
            },
            "body": body, "isBase64Encoded": false
        })
    }
}

fn pairs(query: &str) -> Vec<(&str, &str)> {
    query.split('&').filter_map(|pair| pair.split_once('=')).collect()
}

fn object(pairs: &[(&str, &str)], value: impl Fn(&str) -> Value) -> Value {
    let members = pairs.iter().map(|(name, text)| ((*name).to_owned(), value(text)));
    Value::Object(members.collect::<Map<_, _>>())
}
