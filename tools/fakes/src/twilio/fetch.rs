//! Fetching TwiML: the voice webhook, and the fallback if it fails.

use super::{
    fields,
    life::Line,
    target::Target,
    twiml::{self, Verb},
    webhook::{Answer, Failure, Webhook},
};
use crate::DeliveryKind;
use vendors::without_fragment;

/// The largest TwiML that Twilio reads.
const LARGEST: usize = 64 * 1024;

/// What the app wants; `None` if neither `Url` nor `FallbackUrl` said it.
pub(crate) async fn fetch(
    line: &Line,
    url: &Target,
    extra: Vec<(String, String)>,
) -> Option<Vec<Verb>> {
    // An inbound call is still ringing when its TwiML is fetched.
    let status = if line.call.options.inbound { "ringing" } else { "in-progress" };
    let mut params = fields::call(line.fakes.config(), &line.call, status);
    params.extend(extra);
    if line.voice_twice {
        let _ = ask(line, DeliveryKind::Voice, url, params.clone()).await;
    }
    let code = match ask(line, DeliveryKind::Voice, url, params.clone()).await {
        Ok(verbs) => return Some(verbs),
        Err(code) => code,
    };
    let fallback = line.call.options.fallback.as_ref()?;
    params.push(("ErrorCode".into(), code.to_string()));
    params.push(("ErrorUrl".into(), without_fragment(&url.url).to_owned()));
    ask(line, DeliveryKind::Fallback, fallback, params).await.ok()
}

async fn ask(
    line: &Line,
    kind: DeliveryKind,
    target: &Target,
    params: Vec<(String, String)>,
) -> Result<Vec<Verb>, u32> {
    let webhook = Webhook {
        kind,
        target: target.clone(),
        params,
        token: line.call.token(),
        call_sid: line.call.sid.clone(),
    };
    let outcome = match webhook.deliver(&line.fakes).await {
        Ok(answer) => read(&answer),
        Err(Failure::Status(310)) => Err((11215, "HTTP too many redirects")),
        Err(Failure::Status(300..=399)) => Err((11216, "HTTP invalid redirect")),
        Err(Failure::Status(_)) => Err((11200, "HTTP retrieval failure")),
        Err(Failure::Connect | Failure::Read) => Err((11205, "HTTP connection failure")),
    };
    outcome.map_err(|(code, message)| {
        line.call.notify(code, message, without_fragment(&target.url));
        code
    })
}

fn read(answer: &Answer) -> Result<Vec<Verb>, (u32, &'static str)> {
    if answer.body.len() > LARGEST {
        return Err((11750, "TwiML response body too large"));
    }
    let content_type = answer.content_type.as_deref().unwrap_or_default();
    let media_type = content_type.split(';').next().unwrap_or_default().trim();
    let parsed = twiml::parse(&answer.body);
    match media_type.to_ascii_lowercase().as_str() {
        "text/xml" | "application/xml" | "text/html" => {
            parsed.ok_or((12100, "Document parse failure"))
        }
        // Executed if it is TwiML, else read aloud.
        "text/plain" => Ok(parsed.unwrap_or_else(|| vec![Verb::Say { text: answer.body.clone() }])),
        _ => Err((12300, "Invalid Content-Type")),
    }
}
