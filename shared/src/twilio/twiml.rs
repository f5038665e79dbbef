//! TwiML: what we write, and what we read of ElevenLabs'.

use std::fmt;

use reqwest::Url;
use roxmltree::{Document, Node, ParsingOptions};

use crate::values::BaseUrl;

/// Twilio refuses more (11750).
const MAX_TWIML_BYTES: usize = 64 * 1024;
/// Basic `<Say>` reads at most this many characters.
const MAX_SAY_CHARS: usize = 4096;
/// Name and value of a `<Parameter>` together stay under this many characters.
const MAX_PARAMETER_CHARS: usize = 500;

const DECLARATION: &str = r#"<?xml version="1.0" encoding="UTF-8"?>"#;

/// `<Hangup/>`, where no person is on the line.
#[must_use]
pub fn hang_up() -> String {
    format!("{DECLARATION}<Response><Hangup/></Response>")
}

/// `<Say>` and `<Hangup/>`: how every failure ends.
#[must_use]
pub fn say_and_hang_up(sentence: &str, voice: Option<&str>, language: Option<&str>) -> String {
    let sentence = escape(&sentence.chars().take(MAX_SAY_CHARS).collect::<String>());
    let voice = voice.map(|name| attribute("voice", name)).unwrap_or_default();
    let language = language.map(|tag| attribute("language", tag)).unwrap_or_default();
    format!("{DECLARATION}<Response><Say{voice}{language}>{sentence}</Say><Hangup/></Response>")
}

/// Where an agent's media stream may lead: to ElevenLabs, or to where `ELEVENLABS_API_URL` lives. The
/// caller's voice goes there, so nothing else is taken for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamUrl(String);

impl StreamUrl {
    /// Takes a `wss` URL as it is written. What two parsers may read differently is refused: Twilio's
    /// parser is not ours.
    #[must_use]
    pub fn parse(text: &str, api_url: &BaseUrl) -> Option<Self> {
        let rest = text.strip_prefix("wss://")?;
        let authority = rest.split(['/', '?', '#']).next()?.to_ascii_lowercase();
        let url = Url::parse(text).ok()?;
        let host = url.host_str()?;
        let is_plain = text.bytes().all(|b| b.is_ascii_graphic()) && !text.contains('\\');
        let is_what_it_seems = authority == host
            || authority
                .strip_prefix(host)
                .and_then(|port| port.strip_prefix(':'))
                .is_some_and(|port| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()));
        let is_elevenlabs = host == "elevenlabs.io" || host.ends_with(".elevenlabs.io");
        let api = Url::parse(api_url.as_str()).ok()?;
        let is_known = is_elevenlabs || api.host_str() == Some(host);
        (is_plain && is_what_it_seems && is_known).then(|| Self(text.to_owned()))
    }

    /// The URL as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Where Twilio reports what becomes of a document of ours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Callbacks<'a> {
    /// The stream's `statusCallback`: nothing else reports stream errors.
    pub stream: Option<&'a str>,
    /// Given, the call is recorded from here on, and this is where the recording reports to.
    pub recording: Option<&'a str>,
}

/// `<Connect><Stream>`: our document, whatever it was that told us the stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnectStream {
    /// Unique within the call.
    pub name: Option<String>,
    /// Under `<Connect>` only `inbound_track` is legal, so it is a yes or a no.
    pub inbound_track: bool,
    /// Sent in the `start` frame's `customParameters`.
    pub parameters: Vec<(String, String)>,
}

impl ConnectStream {
    /// Whether Twilio would take this parameter.
    #[must_use]
    pub fn allows(name: &str, value: &str) -> bool {
        let chars = name.chars().count() + value.chars().count();
        !name.is_empty() && chars < MAX_PARAMETER_CHARS && is_xml_text(name) && is_xml_text(value)
    }

    /// The TwiML that opens a stream to `url`.
    #[must_use]
    pub fn twiml(&self, url: &StreamUrl, callbacks: Callbacks<'_>) -> String {
        self.write(url.as_str(), callbacks)
    }

    /// How long the document is without its URL and callbacks.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.write("", Callbacks::default()).len()
    }

    fn write(&self, url: &str, callbacks: Callbacks<'_>) -> String {
        let mut stream = attribute("url", url);
        if let Some(name) = &self.name {
            stream.push_str(&attribute("name", name));
        }
        if self.inbound_track {
            stream.push_str(&attribute("track", "inbound_track"));
        }
        if let Some(url) = callbacks.stream {
            stream.push_str(&attribute("statusCallback", url));
            stream.push_str(&attribute("statusCallbackMethod", "POST"));
        }
        let parameter = |(name, value): &(String, String)| {
            format!("<Parameter{}{}/>", attribute("name", name), attribute("value", value))
        };
        let parameters: String = self.parameters.iter().map(parameter).collect();
        let start = callbacks.recording.map(recording).unwrap_or_default();
        format!(
            "{DECLARATION}<Response>{start}<Connect><Stream{stream}>{parameters}</Stream></Connect></Response>"
        )
    }
}

/// Recording goes on beside the verbs that follow.
fn recording(callback: &str) -> String {
    let attributes = [
        ("recordingStatusCallback", callback),
        ("recordingStatusCallbackMethod", "POST"),
        ("recordingStatusCallbackEvent", "in-progress completed absent"),
        ("channels", "dual"),
    ];
    let attributes: String =
        attributes.iter().map(|(name, value)| attribute(name, value)).collect();
    format!("<Start><Recording{attributes}/></Start>")
}

/// Why an answer of ElevenLabs' connects no agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotTwiml {
    /// Over Twilio's 64 kB, or empty.
    Size,
    /// Not well-formed, or with a DOCTYPE.
    Malformed,
    /// No `<Response>` with `<Connect><Stream>` in it.
    NoStream,
    /// Something beside the one stream and its parameters: `<Dial>`, `<Redirect>`, a second stream,
    /// an attribute that holds an address.
    Foreign,
    /// The stream does not lead to ElevenLabs.
    Url,
    /// A track that `<Connect>` does not allow (31941).
    Track,
    /// A parameter that Twilio would not take.
    Parameter,
    /// Not exactly one `<Parameter name="conversation_id">`: the agent would hang up at once.
    NoConversationId,
}

impl fmt::Display for NotTwiml {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Size => "empty or over 64 kB",
            Self::Malformed => "not well-formed XML, or with a DOCTYPE",
            Self::NoStream => "no Connect/Stream",
            Self::Foreign => "more than one stream and its parameters",
            Self::Url => "the stream does not lead to ElevenLabs over wss",
            Self::Track => "the stream has a track that Connect does not allow (31941)",
            Self::Parameter => "a parameter is malformed or too long",
            Self::NoConversationId => "no conversation_id parameter, or several",
        })
    }
}

/// What ElevenLabs' TwiML says, written down in a document of ours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisteredTwiml {
    /// Our document.
    pub twiml: String,
    /// From `<Parameter name="conversation_id">`.
    pub conversation_id: String,
    /// Something in it that Twilio is going to object to, for the log.
    pub warning: Option<&'static str>,
}

impl RegisteredTwiml {
    /// Reads the stream's `url`, `track` and parameters. ElevenLabs' own document is not passed on:
    /// a `<Dial>` or `<Redirect>` in it would be executed at our cost.
    pub fn parse(
        document: &str,
        api_url: &BaseUrl,
        callbacks: Callbacks<'_>,
    ) -> Result<Self, NotTwiml> {
        let text = document.trim_start_matches(|c: char| c == '\u{feff}' || c.is_whitespace());
        let text = text.trim_end();
        if text.is_empty() || text.len() > MAX_TWIML_BYTES {
            return Err(NotTwiml::Size);
        }
        // A DOCTYPE is refused by default: no entities, no surprises.
        let tree = Document::parse_with_options(text, ParsingOptions::default())
            .map_err(|_| NotTwiml::Malformed)?;
        let stream = stream_of(&tree)?;
        let url = stream.attribute("url").and_then(|url| StreamUrl::parse(url, api_url));
        let url = url.ok_or(NotTwiml::Url)?;
        let parameters = elements(stream).map(parameter).collect::<Result<Vec<_>, _>>()?;
        let mut ids = parameters.iter().filter(|(name, _)| name == "conversation_id");
        let conversation_id = match (ids.next(), ids.next()) {
            (Some((_, id)), None) if !id.is_empty() => id.clone(),
            _ => return Err(NotTwiml::NoConversationId),
        };
        let inbound_track = match stream.attribute("track") {
            None => false,
            Some("inbound_track") => true,
            Some(_) => return Err(NotTwiml::Track),
        };
        let ours = ConnectStream { name: None, inbound_track, parameters };
        let twiml = ours.twiml(&url, callbacks);
        if twiml.len() > MAX_TWIML_BYTES {
            return Err(NotTwiml::Size);
        }
        let warning = url
            .as_str()
            .contains('?')
            .then_some("the Stream url has a query, which Twilio drops (31920, 31921)");
        Ok(Self { twiml, conversation_id, warning })
    }
}

/// The one stream of a document that holds nothing else.
fn stream_of<'a, 'input>(tree: &'a Document<'input>) -> Result<Node<'a, 'input>, NotTwiml> {
    let root = Some(tree.root_element()).filter(|root| is_verb(root, "Response"));
    let root = root.ok_or(NotTwiml::NoStream)?;
    let connect = only_child(root, "Connect")?;
    let stream = only_child(connect, "Stream")?;
    let holds_text = |node: &Node<'_, '_>| {
        node.children().any(|child| {
            child.is_text() && child.text().is_some_and(|text| !text.trim().is_empty())
        })
    };
    let is_address = |name: &str, value: &str| {
        let is_known = matches!(name, "action" | "statusCallback");
        is_known || value.starts_with('/') || value.contains("://")
    };
    let is_foreign = |node: &Node<'_, '_>| {
        let mut attributes = node.attributes().filter(|attribute| {
            let is_url = attribute.name() == "url" && attribute.namespace().is_none();
            !(*node == stream && is_url)
        });
        holds_text(node) || attributes.any(|found| is_address(found.name(), found.value()))
    };
    if [root, connect, stream].iter().any(is_foreign) {
        return Err(NotTwiml::Foreign);
    }
    Ok(stream)
}

/// The only element in another, which must be this verb.
fn only_child<'a, 'input>(of: Node<'a, 'input>, name: &str) -> Result<Node<'a, 'input>, NotTwiml> {
    let found = elements(of).find(|node| is_verb(node, name)).ok_or(NotTwiml::NoStream)?;
    if elements(of).count() > 1 { Err(NotTwiml::Foreign) } else { Ok(found) }
}

fn elements<'a, 'input>(of: Node<'a, 'input>) -> impl Iterator<Item = Node<'a, 'input>> {
    of.children().filter(Node::is_element)
}

fn parameter(node: Node<'_, '_>) -> Result<(String, String), NotTwiml> {
    if !is_verb(&node, "Parameter") || node.has_children() {
        return Err(NotTwiml::Foreign);
    }
    let (Some(name), Some(value)) = (node.attribute("name"), node.attribute("value")) else {
        return Err(NotTwiml::Parameter);
    };
    if !ConnectStream::allows(name, value) {
        return Err(NotTwiml::Parameter);
    }
    Ok((name.to_owned(), value.to_owned()))
}

/// Without a prefix: `<x:Stream>` is no verb of Twilio's.
fn is_verb(node: &Node<'_, '_>, name: &str) -> bool {
    node.has_tag_name(name) && node.tag_name().namespace().is_none()
}

fn attribute(name: &str, value: &str) -> String {
    format!(" {name}=\"{}\"", escape(value))
}

/// Escapes for text and attributes alike; line breaks as references, else a parser would turn them
/// into spaces. Characters that XML cannot hold are dropped: Twilio would answer 12100.
fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars().filter(|c| is_xml_char(*c)) {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\t' => escaped.push_str("&#9;"),
            '\n' => escaped.push_str("&#10;"),
            '\r' => escaped.push_str("&#13;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// XML 1.0's `Char`.
fn is_xml_char(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..)
}

/// Whether XML can hold every character.
pub(crate) fn is_xml_text(text: &str) -> bool {
    text.chars().all(is_xml_char)
}

#[cfg(test)]
mod tests;
