//! Events as AWS's front ends deliver them (their documented shapes; nothing here is a real id).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use crate::webhook::{FORM, Fields, form, sign};

type Headers<'a> = Vec<(&'a str, &'a str)>;

/// Who stands in front of the function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Front {
    /// A function URL.
    FunctionUrl,
    /// API Gateway's HTTP API, payload 2.0.
    HttpApi,
    /// Under a stage of its own, `/Prod`.
    HttpApiWithStage,
    /// An Application Load Balancer.
    LoadBalancer,
    /// With multi-value headers switched on.
    LoadBalancerMulti,
    /// The older kind, always under a stage.
    RestApi,
}

impl Front {
    /// All of them.
    pub const ALL: [Self; 6] = [
        Self::FunctionUrl,
        Self::HttpApi,
        Self::HttpApiWithStage,
        Self::LoadBalancer,
        Self::LoadBalancerMulti,
        Self::RestApi,
    ];

    fn host(self) -> &'static str {
        match self {
            Self::FunctionUrl => "abc123.lambda-url.us-east-1.on.aws",
            Self::LoadBalancer | Self::LoadBalancerMulti => "app.example",
            _ => "abc123.execute-api.us-east-1.amazonaws.com",
        }
    }

    fn stage(self) -> Option<&'static str> {
        matches!(self, Self::HttpApiWithStage | Self::RestApi).then_some("Prod")
    }

    /// `NEXT_PUBLIC_APP_URL` of a deployment behind it.
    #[must_use]
    pub fn app_url(self) -> String {
        let stage = self.stage().map(|stage| format!("/{stage}")).unwrap_or_default();
        format!("https://{}{stage}", self.host())
    }

    /// The page asks.
    #[must_use]
    pub fn get(self, path: &str, query: &str, authorization: &str) -> Value {
        self.event("GET", path, query, &[("authorization", authorization)], None)
    }

    /// A client asks what [`Self::get`] would bring.
    #[must_use]
    pub fn head(self, path: &str, query: &str, authorization: &str) -> Value {
        self.event("HEAD", path, query, &[("authorization", authorization)], None)
    }

    /// The page sends.
    #[must_use]
    pub fn post(self, path: &str, authorization: &str, body: &Value) -> Value {
        let headers = [("authorization", authorization), ("content-type", "application/json")];
        self.event("POST", path, "", &headers, Some(body.to_string().as_bytes()))
    }

    /// Twilio calls.
    #[must_use]
    pub fn webhook(self, path: &str, query: &str, fields: &Fields) -> Value {
        self.webhook_to(&self.app_url(), path, query, fields)
    }

    /// Twilio calls under another public address than the front end's own.
    #[must_use]
    pub fn webhook_to(self, app: &str, path: &str, query: &str, fields: &Fields) -> Value {
        let signature = sign(&format!("{app}{path}?{query}"), fields);
        self.signed(path, query, &signature, form(fields).as_bytes())
    }

    /// Something that says it is Twilio's.
    #[must_use]
    pub fn signed(self, path: &str, query: &str, signature: &str, body: &[u8]) -> Value {
        let headers = [("content-type", FORM), ("x-twilio-signature", signature)];
        self.event("POST", path, query, &headers, Some(body))
    }

    fn event(
        self,
        method: &str,
        path: &str,
        query: &str,
        headers: &[(&str, &str)],
        body: Option<&[u8]>,
    ) -> Value {
        let mut all = vec![
            ("host", self.host()),
            ("x-forwarded-for", "203.0.113.9"),
            ("x-forwarded-proto", "https"),
        ];
        all.extend(headers);
        let mut event = match self {
            Self::FunctionUrl | Self::HttpApi | Self::HttpApiWithStage => {
                self.v2(method, path, query, &all)
            }
            Self::RestApi => self.v1(method, path, query, &all),
            Self::LoadBalancer | Self::LoadBalancerMulti => {
                self.load_balanced(method, path, query, &all)
            }
        };
        event["body"] = body.map(|body| STANDARD.encode(body)).into();
        event["isBase64Encoded"] = body.is_some().into();
        // The only one that leaves text as it is.
        if self == Self::RestApi { encoded(event, false) } else { event }
    }

    /// The query as it came, and the stage in the path.
    fn v2(self, method: &str, path: &str, query: &str, headers: &Headers<'_>) -> Value {
        let route = match self {
            Self::FunctionUrl => "$default".to_owned(),
            _ => format!("{method} {path}"),
        };
        let full = self.stage().map_or(path.to_owned(), |stage| format!("/{stage}{path}"));
        json!({
            "version": "2.0", "routeKey": route, "rawPath": full, "rawQueryString": query,
            "headers": last(headers.clone()),
            "queryStringParameters": last(pairs(query)),
            "requestContext": {
                "accountId": "123456789012", "apiId": "abc123", "domainName": self.host(),
                "domainPrefix": "abc123", "requestId": "Jr3kPhQ5IAMEPqw=", "routeKey": route,
                "stage": self.stage().unwrap_or("$default"), "time": "22/Nov/2026:10:00:00 +0000",
                "timeEpoch": 1_795_341_600_000_u64,
                "http": {
                    "method": method, "path": full, "protocol": "HTTP/1.1",
                    "sourceIp": "203.0.113.9", "userAgent": "TwilioProxy/1.1"
                }
            }
        })
    }

    /// The query taken apart and decoded.
    fn v1(self, method: &str, path: &str, query: &str, headers: &Headers<'_>) -> Value {
        let query: Vec<(String, String)> = serde_urlencoded::from_str(query).unwrap();
        let query: Headers<'_> =
            query.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        json!({
            "resource": path, "path": path, "httpMethod": method,
            "headers": last(headers.clone()), "multiValueHeaders": every(headers.clone()),
            "queryStringParameters": last(query.clone()),
            "multiValueQueryStringParameters": every(query),
            "pathParameters": null, "stageVariables": null,
            "requestContext": {
                "accountId": "123456789012", "apiId": "abc123", "domainName": self.host(),
                "httpMethod": method, "path": format!("/Prod{path}"), "protocol": "HTTP/1.1",
                "identity": {"sourceIp": "203.0.113.9", "userAgent": "TwilioProxy/1.1"},
                "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef", "resourceId": "a1b2c3",
                "requestTimeEpoch": 1_795_341_600_000_u64, "resourcePath": path, "stage": "Prod"
            }
        })
    }

    /// The query taken apart and left encoded; one kind of map or the other.
    fn load_balanced(self, method: &str, path: &str, query: &str, headers: &Headers<'_>) -> Value {
        let target = "arn:aws:elasticloadbalancing:us-east-1:123456789012:targetgroup/voice/0123456789abcdef";
        let mut event = json!({
            "requestContext": {"elb": {"targetGroupArn": target}}, "httpMethod": method, "path": path
        });
        if self == Self::LoadBalancerMulti {
            event["multiValueHeaders"] = every(headers.clone());
            event["multiValueQueryStringParameters"] = every(pairs(query));
        } else {
            event["headers"] = last(headers.clone());
            event["queryStringParameters"] = last(pairs(query));
        }
        event
    }
}

/// The same event with its body base64-encoded or not. Some front ends go by the content type.
#[must_use]
pub fn encoded(mut event: Value, base64: bool) -> Value {
    let is = event["isBase64Encoded"] == true;
    if let (Some(body), true) = (event["body"].as_str(), is != base64) {
        event["body"] = if base64 {
            STANDARD.encode(body).into()
        } else {
            String::from_utf8(STANDARD.decode(body).unwrap()).unwrap().into()
        };
        event["isBase64Encoded"] = base64.into();
    }
    event
}

/// Puts a caller's header over whatever the front end wrote.
pub fn forge(event: &mut Value, name: &str, value: &str) {
    if event["headers"].is_object() {
        event["headers"][name] = value.into();
    }
    if event["multiValueHeaders"].is_object() {
        event["multiValueHeaders"][name] = json!([value]);
    }
}

fn pairs(query: &str) -> Headers<'_> {
    query.split('&').filter_map(|pair| pair.split_once('=')).collect()
}

/// The last value of each name.
fn last(pairs: Headers<'_>) -> Value {
    let members = pairs.into_iter().map(|(name, value)| (name.to_owned(), json!(value)));
    Value::Object(members.collect())
}

/// Every value of each name.
fn every(pairs: Headers<'_>) -> Value {
    let mut members: Map<String, Value> = Map::new();
    for (name, value) in pairs {
        let values = members.entry(name).or_insert_with(|| json!([]));
        values.as_array_mut().unwrap().push(value.into());
    }
    Value::Object(members)
}
