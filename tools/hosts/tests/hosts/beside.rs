//! The functions beside an existing site. The site keeps its pages and rewrites `/api/twilio/*` and
//! `/api/elevenlabs/*` to the functions' deployment, so Twilio and the pages know its address only.

use std::fmt;
use std::mem::replace;
use std::net::SocketAddr;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, header};

use crate::deployment::{Deployment, Site, front};
use crate::wire::{self, Server, bare, without_hop_headers};

/// Where the site's visitors seem to be.
const VISITOR: &str = "203.0.113.9";

/// What the site rewrites. The apology is what Twilio plays where voice cannot be reached.
const REWRITTEN: [&str; 3] = ["/api/twilio/", "/api/elevenlabs/", "/apology.xml"];

/// Pages dial and read without a token, and one person may be rung again and again.
const SETTINGS: [(&str, &str); 5] = [
    ("ALLOW_ANONYMOUS_DIALLING", "true"),
    ("CALL_COOLDOWN_SECONDS", "0"),
    ("CALL_MAX_PER_DESTINATION_PER_DAY", "1000"),
    ("CALL_RATE_PER_CLIENT", "1000"),
    ("TRANSCRIPTS_FOR_PAGES", "true"),
];

/// A site, and the functions behind it.
pub(crate) struct Beside {
    /// As pages and Twilio see it: under the site's address.
    pub(crate) deployment: Deployment,
    /// Where the functions listen.
    pub(crate) functions: SocketAddr,
    _site: Server,
}

impl fmt::Debug for Beside {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Beside").field("site", &self.deployment.site).finish_non_exhaustive()
    }
}

impl Beside {
    /// A site with this page in front of the server of `cargo dev`.
    pub(crate) async fn laptop(page: &[u8]) -> Self {
        let (listener, app) = front().await;
        let url = format!("http://{app}");
        let settings = SETTINGS.into_iter().chain([("NEXT_PUBLIC_APP_URL", &*url)]);
        let mut deployment = Deployment::laptop_with(settings).await;
        let functions = replace(&mut deployment.site.address, app);
        Self { deployment, functions, _site: site(listener, page, functions) }
    }

    /// The same in front of `vercel dev`; `None` if a part of that is missing.
    pub(crate) async fn vercel_dev(page: &[u8]) -> Option<Self> {
        let (listener, app) = front().await;
        let (_, functions) = front().await;
        let deployment = Deployment::vercel_dev_at(functions, app, without_token).await?;
        Some(Self { deployment, functions, _site: site(listener, page, functions) })
    }

    /// The same in front of what `vercel build` left, as deployed; `None` as above.
    pub(crate) async fn vercel(page: &[u8]) -> Option<Self> {
        let (listener, app) = front().await;
        let (behind, functions) = front().await;
        let deployment = Deployment::vercel_at(behind, app, without_token).await?;
        Some(Self { deployment, functions, _site: site(listener, page, functions) })
    }
}

fn without_token(site: &Site) -> Vec<(&'static str, String)> {
    let mut settings = site.settings();
    settings.retain(|(name, _)| *name != "MAKE_CALL_TOKEN");
    settings.extend(SETTINGS.map(|(name, value)| (name, value.to_owned())));
    settings
}

fn site(listener: tokio::net::TcpListener, page: &[u8], functions: SocketAddr) -> Server {
    let page = Bytes::copy_from_slice(page);
    Server::start(listener, move |request| answer(page.clone(), functions, request))
}

async fn answer(page: Bytes, functions: SocketAddr, request: Request<Bytes>) -> Response<Bytes> {
    let path = request.uri().path();
    if path == "/" {
        let html = Response::builder().header(header::CONTENT_TYPE, "text/html; charset=utf-8");
        return html.body(page).unwrap();
    }
    if !REWRITTEN.iter().any(|prefix| path.starts_with(prefix)) {
        return bare(404);
    }
    let (mut head, body) = request.into_parts();
    head.headers = rewritten(head.headers, functions);
    match wire::ask(functions, Request::from_parts(head, body)).await {
        Ok(answer) => {
            let (mut head, body) = answer.into_parts();
            head.headers = without_hop_headers(head.headers);
            Response::from_parts(head, body)
        }
        Err(why) => {
            eprintln!("the rewrite failed: {why}");
            bare(502)
        }
    }
}

/// As Vercel's external rewrites do: the destination's `Host`, and the site's own words over whatever
/// the caller claimed. Method, path, query and body go through untouched.
fn rewritten(headers: HeaderMap, functions: SocketAddr) -> HeaderMap {
    let mut headers = without_hop_headers(headers);
    let destination = functions.to_string().parse().unwrap();
    let asked = headers.insert(header::HOST, destination).unwrap();
    headers.insert("x-forwarded-host", asked);
    headers.insert("x-forwarded-for", VISITOR.parse().unwrap());
    headers.insert("x-forwarded-proto", "https".parse().unwrap());
    headers
}
