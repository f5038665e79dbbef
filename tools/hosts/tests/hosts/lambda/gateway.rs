//! An API Gateway (HTTP API, payload 2.0) as far as our functions can tell: HTTP to events and back.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use hosts::lambda::Emulator;
use http::{HeaderMap, Request, Response, header};
use serde_json::{Map, Value, json};
use tokio::task::block_in_place;

use crate::wire::bare;

/// Where the caller seems to be.
const SOURCE_IP: &str = "203.0.113.9";

pub(super) async fn answer(
    functions: &BTreeMap<&'static str, Emulator>,
    request: Request<Bytes>,
) -> Response<Bytes> {
    let path = request.uri().path();
    let Some(function) = functions.get(path) else { return bare(404) };
    match block_in_place(|| function.answer(&event(&request))) {
        Ok(told) => response(&told),
        Err(why) => {
            // What a caller of the real one gets; the reason is for the log.
            eprintln!("{path} failed: {why}");
            bare(502)
        }
    }
}

/// The query goes through as it came. So do `Host` and `X-Forwarded-*`, which the real one would
/// overwrite in part: the function must not care.
fn event(request: &Request<Bytes>) -> Value {
    let (path, query) = (request.uri().path(), request.uri().query().unwrap_or_default());
    let method = request.method().as_str();
    let headers = headers(request.headers());
    let host = headers["host"].clone();
    let route = format!("{method} {path}");
    let mut event = json!({
        "version": "2.0", "routeKey": route, "rawPath": path, "rawQueryString": query,
        "headers": headers,
        "requestContext": {
            "accountId": "123456789012", "apiId": "abc123", "domainName": host,
            "domainPrefix": "abc123", "requestId": "Jr3kPhQ5IAMEPqw=", "routeKey": route,
            "stage": "$default", "time": "22/Nov/2026:10:00:00 +0000",
            "timeEpoch": 1_795_341_600_000_u64,
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1",
                "sourceIp": SOURCE_IP, "userAgent": headers.get("user-agent")}
        },
        "isBase64Encoded": false
    });
    if !request.body().is_empty() {
        let (body, encoded) = body(request);
        event["body"] = json!(body);
        event["isBase64Encoded"] = json!(encoded);
    }
    event
}

/// Text stays text; a form counts as bytes.
fn body(request: &Request<Bytes>) -> (String, bool) {
    let media = request.headers().get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok());
    let is_text = media.is_some_and(|it| it.starts_with("text/") || it == "application/json");
    match std::str::from_utf8(request.body()) {
        Ok(text) if is_text => (text.to_owned(), false),
        _ => (STANDARD.encode(request.body()), true),
    }
}

/// In lower case, doubles joined by commas.
fn headers(all: &HeaderMap) -> Map<String, Value> {
    let mut joined = Map::new();
    for name in all.keys() {
        let values: Vec<_> = all.get_all(name).iter().map(|it| it.to_str().unwrap()).collect();
        joined.insert(name.as_str().to_owned(), json!(values.join(",")));
    }
    let forwarded = match joined.get("x-forwarded-for").and_then(Value::as_str) {
        Some(before) => format!("{before}, {SOURCE_IP}"),
        None => SOURCE_IP.to_owned(),
    };
    joined.insert("x-forwarded-for".to_owned(), json!(forwarded));
    joined.entry("x-forwarded-proto").or_insert_with(|| json!("https"));
    joined
}

fn response(told: &Value) -> Response<Bytes> {
    let status = told["statusCode"].as_u64().unwrap();
    let mut response = Response::builder().status(u16::try_from(status).unwrap());
    for (name, value) in told["headers"].as_object().into_iter().flatten() {
        response = response.header(name, value.as_str().unwrap());
    }
    let body = told["body"].as_str().unwrap_or_default();
    let body = match told["isBase64Encoded"].as_bool() {
        Some(true) => STANDARD.decode(body).unwrap(),
        _ => body.as_bytes().to_vec(),
    };
    response.body(Bytes::from(body)).unwrap()
}
