//! Sending one webhook: signature, retries, redirects.

use super::{overrides::Overrides, target::Target};
use crate::{Delivery, DeliveryKind, Fakes, net};
use axum::body::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::{Request, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use std::time::{Duration, Instant};
use tokio::time::timeout;
use url::Url;
use vendors::{sign, signed_url, without_fragment};

/// One webhook, for all its tries.
#[derive(Clone)]
pub(crate) struct Webhook {
    pub(crate) kind: DeliveryKind,
    pub(crate) target: Target,
    pub(crate) params: Vec<(String, String)>,
    pub(crate) token: String,
    pub(crate) call_sid: String,
}

/// What came back, whatever its status.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) content_type: Option<String>,
    pub(crate) body: String,
    location: Option<String>,
}

/// Why there is no usable answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// No connection.
    Connect,
    /// Connected, but no whole answer in time.
    Read,
    /// An answer of 400 or above, or a redirect that leads nowhere.
    Status(u16),
}

/// One hop as it goes over the wire.
struct Hop {
    /// Without the fragment; with the parameters of a GET.
    url: String,
    get: bool,
    form: Vec<(String, String)>,
}

impl Webhook {
    /// The first hop. On GET the parameters move into the query.
    fn hop(&self) -> Hop {
        let url = without_fragment(&self.target.url);
        if !self.target.get {
            return Hop { url: url.to_owned(), get: false, form: self.params.clone() };
        }
        let separator = if url.contains('?') { '&' } else { '?' };
        Hop {
            url: format!("{url}{separator}{}", encode(&self.params)),
            get: true,
            form: Vec::new(),
        }
    }

    fn record(&self, fakes: &Fakes, hop: &Hop) -> (usize, String) {
        let signature = sign(&fakes.config().auth_token, &signed_url(&hop.url), &hop.form);
        let place = fakes.begin_delivery(Delivery {
            kind: self.kind,
            method: if hop.get { "GET" } else { "POST" }.to_owned(),
            url: hop.url.clone(),
            params: self.params.clone(),
            signature: signature.clone(),
            idempotency_token: self.token.clone(),
            status: None,
            response_body: String::new(),
            call_sid: self.call_sid.clone(),
        });
        (place, signature)
    }

    /// Notes a webhook that a fault keeps from being sent.
    pub(crate) fn drop_silently(&self, fakes: &Fakes) {
        self.record(fakes, &self.hop());
    }

    /// Sends it, with retries as its connection overrides say.
    pub(crate) async fn deliver(&self, fakes: &Fakes) -> Result<Answer, Failure> {
        let overrides = Overrides::of(&self.target.url);
        let deadline = Instant::now() + overrides.total;
        let mut tries = 0;
        loop {
            let outcome = self.follow(fakes, &overrides, deadline).await;
            match outcome {
                Err(failure)
                    if tries < overrides.retries
                        && overrides.retry(&failure)
                        && Instant::now() < deadline =>
                {
                    tries += 1;
                }
                outcome => return outcome,
            }
        }
    }

    /// One try, with its redirects.
    async fn follow(
        &self,
        fakes: &Fakes,
        overrides: &Overrides,
        deadline: Instant,
    ) -> Result<Answer, Failure> {
        let mut hop = self.hop();
        for _ in 0..=10 {
            let (place, signature) = self.record(fakes, &hop);
            let left = deadline.saturating_duration_since(Instant::now());
            let answer = timeout(left, self.send(&hop, &signature, overrides))
                .await
                .unwrap_or(Err(Failure::Read))?;
            fakes.answer_delivery(place, answer.status, &answer.body);
            match answer.status {
                200..=299 => return Ok(answer),
                301 | 302 | 303 | 307 => {
                    let next = answer.location.as_deref().and_then(|location| {
                        let url = Url::parse(&hop.url).ok()?.join(location).ok()?;
                        Some(without_fragment(url.as_str()).to_owned())
                    });
                    hop.url = next.ok_or(Failure::Status(answer.status))?;
                    if answer.status != 307 {
                        // The fields are lost on the way: this is the trap of redirected webhooks.
                        hop.get = true;
                        hop.form.clear();
                    }
                }
                status => return Err(Failure::Status(status)),
            }
        }
        Err(Failure::Status(310))
    }

    async fn send(
        &self,
        hop: &Hop,
        signature: &str,
        overrides: &Overrides,
    ) -> Result<Answer, Failure> {
        let url = Url::parse(&hop.url).map_err(|_| Failure::Connect)?;
        if url.scheme() == "https" && !net::is_loopback(&url) {
            return Err(Failure::Connect);
        }
        let body = if hop.get { String::new() } else { encode(&hop.form) };
        let request = Request::builder()
            .method(if hop.get { "GET" } else { "POST" })
            .uri(path_and_query(&hop.url))
            .header(header::HOST, url.authority())
            .header(header::USER_AGENT, "TwilioProxy/1.1")
            .header(header::ACCEPT, "*/*")
            .header("X-Twilio-Signature", signature)
            .header("I-Twilio-Idempotency-Token", &self.token)
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded; charset=UTF-8")
            .body(Full::new(Bytes::from(body)))
            .map_err(|_| Failure::Connect)?;
        let stream = timeout(overrides.connect, net::connect(&url))
            .await
            .ok()
            .flatten()
            .ok_or(Failure::Connect)?;
        exchange(stream, request, overrides.read).await
    }
}

async fn exchange(
    stream: tokio::net::TcpStream,
    request: Request<Full<Bytes>>,
    patience: Duration,
) -> Result<Answer, Failure> {
    let exchange = async {
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        // Ends by itself: with the sender or with the other side.
        tokio::spawn(connection);
        let response = sender.send_request(request).await?;
        let (head, body) = response.into_parts();
        let body = body.collect().await?.to_bytes();
        let text = |name| {
            let value = head.headers.get(name)?;
            Some(value.to_str().ok()?.to_owned())
        };
        Ok::<_, hyper::Error>(Answer {
            status: head.status.as_u16(),
            content_type: text(header::CONTENT_TYPE),
            location: text(header::LOCATION),
            body: String::from_utf8_lossy(&body).into_owned(),
        })
    };
    timeout(patience, exchange).await.map_err(|_| Failure::Read)?.map_err(|_| Failure::Read)
}

/// The request target exactly as configured: a normalised one might not match its signature.
fn path_and_query(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    match rest.find(['/', '?']) {
        Some(at) if rest[at..].starts_with('/') => rest[at..].to_owned(),
        Some(at) => format!("/{}", &rest[at..]),
        None => "/".to_owned(),
    }
}

fn encode(params: &[(String, String)]) -> String {
    // Pairs of strings cannot fail to encode.
    serde_urlencoded::to_string(params).unwrap_or_default()
}
