//! Vercel's edge as far as `.vercel/output/config.json` describes it: files, functions, 404.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};
use serde_json::{Value, json};
use tokio::task::block_in_place;

use crate::wire::{self, bare, without_hop_headers};

use super::{Functions, files_below};

/// Where the caller seems to be.
const CALLER: &str = "203.0.113.9";

pub(super) struct Router {
    files: BTreeMap<String, Vec<u8>>,
    functions: Functions,
}

impl Router {
    /// Refuses a build whose routes it would not follow: then it must be taught.
    pub(super) fn new(output: &Path, functions: Functions) -> Self {
        let config: Value =
            serde_json::from_slice(&fs::read(output.join("config.json")).unwrap()).unwrap();
        let routes = config["routes"].as_array().unwrap();
        // Headers alone lead nowhere else.
        let leads = |route: &&Value| !(route["continue"] == true && route.get("dest").is_none());
        let routes: Vec<&Value> = routes.iter().filter(leads).collect();
        let known = json!([
            {"handle": "filesystem"},
            {"src": "^/api(/.*)?$", "status": 404},
            {"handle": "error"},
            {"status": 404, "src": "^(?!/api).*$", "dest": "/404.html"},
            {"handle": "miss"},
            {"src": "^/api/(.+)(?:\\.(?:rs))$", "dest": "/api/$1", "check": true}
        ]);
        assert_eq!(json!(routes), known, "vercel build made other routes");
        Self { files: files_below(&output.join("static")), functions }
    }

    pub(super) async fn answer(&self, request: Request<Bytes>) -> Response<Bytes> {
        let path = request.uri().path();
        let path = if path == "/" { "/index.html" } else { path }.to_owned();
        if let Some(content) = self.files.get(&path[1..]) {
            let is_read = [Method::GET, Method::HEAD].contains(request.method());
            return if is_read { file(&path, content) } else { bare(405) };
        }
        let Some(function) = self.functions.get(path.strip_suffix(".rs").unwrap_or(&path)) else {
            return bare(404);
        };
        let (mut head, body) = request.into_parts();
        head.headers = forwarded(head.headers);
        // As Vercel's bridge sends it. That its "end" follows is part of every answer.
        let (number, invocation) = function.invocation();
        head.headers.insert("x-vercel-internal-invocation-id", invocation.parse().unwrap());
        head.headers.insert("x-vercel-internal-request-id", number.into());
        match wire::ask(function.address, Request::from_parts(head, body)).await {
            Ok(answer) => {
                block_in_place(|| function.assert_over(number));
                let (mut head, body) = answer.into_parts();
                head.headers = without_hop_headers(head.headers);
                Response::from_parts(head, body)
            }
            Err(why) => {
                eprintln!("{path} failed: {why}");
                bare(502)
            }
        }
    }
}

/// `X-Real-Ip` is the edge's word. `Host` and `X-Forwarded-*` go through as they came, where the real
/// one would overwrite some of them: the function must not care.
fn forwarded(headers: HeaderMap) -> HeaderMap {
    let mut headers = without_hop_headers(headers);
    headers.insert("x-real-ip", CALLER.parse().unwrap());
    headers.entry("x-forwarded-for").or_insert(CALLER.parse().unwrap());
    headers.entry("x-forwarded-proto").or_insert("https".parse().unwrap());
    headers
}

fn file(path: &str, content: &[u8]) -> Response<Bytes> {
    let media = match path.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "application/javascript; charset=utf-8",
        Some("xml") => "application/xml",
        _ => "application/octet-stream",
    };
    let answer = Response::builder().header("content-type", media);
    answer.body(Bytes::copy_from_slice(content)).unwrap()
}
