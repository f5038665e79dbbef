//! TwiML: what we write ourselves, and ElevenLabs' that we pass on (`twilio.md` 6).

use std::fmt;

use roxmltree::{Document, Node, ParsingOptions};

/// Twilio refuses more (11750).
const MAX_TWIML_BYTES: usize = 64 * 1024;
/// Basic `<Say>` reads at most this many characters.
const MAX_SAY_CHARS: usize = 4096;
/// Name and value of a `<Parameter>` together stay under this many characters.
const MAX_PARAMETER_CHARS: usize = 500;

const DECLARATION: &str = r#"<?xml version="1.0" encoding="UTF-8"?>"#;

/// `<Say>` and `<Hangup/>`: the last word of every failure.
#[must_use]
pub fn say_and_hang_up(sentence: &str, voice: Option<&str>, language: Option<&str>) -> String {
    let sentence = escape(&sentence.chars().take(MAX_SAY_CHARS).collect::<String>());
    let voice = voice.map(|name| attribute("voice", name)).unwrap_or_default();
    let language = language.map(|tag| attribute("language", tag)).unwrap_or_default();
    format!("{DECLARATION}<Response><Say{voice}{language}>{sentence}</Say><Hangup/></Response>")
}

/// `<Connect><Stream>`, for `signed-url` mode.
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
    pub fn twiml(&self, url: &str) -> String {
        let mut stream = attribute("url", url);
        if let Some(name) = &self.name {
            stream.push_str(&attribute("name", name));
        }
        if self.inbound_track {
            stream.push_str(&attribute("track", "inbound_track"));
        }
        let parameter = |(name, value): &(String, String)| {
            format!("<Parameter{}{}/>", attribute("name", name), attribute("value", value))
        };
        let parameters: String = self.parameters.iter().map(parameter).collect();
        format!(
            "{DECLARATION}<Response><Connect><Stream{stream}>{parameters}</Stream></Connect></Response>"
        )
    }
}

/// Why an answer of ElevenLabs' is not passed on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotTwiml {
    /// Over Twilio's 64 kB, or empty.
    Size,
    /// Not well-formed, or with a DOCTYPE.
    Malformed,
    /// No `<Response>` with `<Connect><Stream url="wss:...">` in it.
    NoStream,
    /// No `<Parameter name="conversation_id">`: the agent would hang up at once.
    NoConversationId,
}

impl fmt::Display for NotTwiml {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Size => "empty or over 64 kB",
            Self::Malformed => "not well-formed XML, or with a DOCTYPE",
            Self::NoStream => "no Connect/Stream with a wss url",
            Self::NoConversationId => "no conversation_id parameter",
        })
    }
}

/// ElevenLabs' TwiML, known to be what it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegisteredTwiml {
    /// The document, with at most our one change.
    pub twiml: String,
    /// From `<Parameter name="conversation_id">`.
    pub conversation_id: String,
    /// Something in it that Twilio is going to object to, for the log.
    pub warning: Option<&'static str>,
}

impl RegisteredTwiml {
    /// Checks the document and, where its `<Stream>` has no `statusCallback`, adds ours: nothing
    /// else reports stream errors. Every other byte stays.
    pub fn parse(document: &str, status_callback: Option<&str>) -> Result<Self, NotTwiml> {
        // Twilio takes no white space before the declaration.
        let text = document.trim_start_matches(|c: char| c == '\u{feff}' || c.is_whitespace());
        let text = text.trim_end();
        if text.is_empty() || text.len() > MAX_TWIML_BYTES {
            return Err(NotTwiml::Size);
        }
        // A DOCTYPE is refused by default: no entities, no surprises.
        let tree = Document::parse_with_options(text, ParsingOptions::default())
            .map_err(|_| NotTwiml::Malformed)?;
        let stream = stream_of(&tree).ok_or(NotTwiml::NoStream)?;
        let conversation_id = stream
            .children()
            .filter(|node| is_verb(node, "Parameter"))
            .find(|node| node.attribute("name") == Some("conversation_id"))
            .and_then(|node| node.attribute("value"))
            .filter(|id| !id.is_empty())
            .ok_or(NotTwiml::NoConversationId)?;
        let twiml = match status_callback {
            Some(url) if stream.attribute("statusCallback").is_none() => {
                let name_end = stream.range().start + "<Stream".len();
                let (before, rest) = text.split_at(name_end);
                let added =
                    attribute("statusCallback", url) + &attribute("statusCallbackMethod", "POST");
                format!("{before}{added}{rest}")
            }
            _ => text.to_owned(),
        };
        if twiml.len() > MAX_TWIML_BYTES {
            return Err(NotTwiml::Size);
        }
        let warning = warning(stream);
        Ok(Self { twiml, conversation_id: conversation_id.to_owned(), warning })
    }
}

/// What Twilio is going to object to. ElevenLabs' word stands all the same: it may know better.
fn warning(stream: Node<'_, '_>) -> Option<&'static str> {
    let has_query = stream.attribute("url").is_some_and(|url| url.contains('?'));
    match stream.attribute("track") {
        _ if has_query => Some("the Stream url has a query, which Twilio drops (31920, 31921)"),
        None | Some("inbound_track") => None,
        Some(_) => Some("the Stream has a track that Connect does not allow (31941)"),
    }
}

/// Without a prefix: `<x:Stream>` is no verb of Twilio's.
fn is_verb(node: &Node<'_, '_>, name: &str) -> bool {
    node.has_tag_name(name) && node.tag_name().namespace().is_none()
}

fn stream_of<'a, 'input>(tree: &'a Document<'input>) -> Option<Node<'a, 'input>> {
    let root = Some(tree.root_element()).filter(|root| is_verb(root, "Response"))?;
    let child = |of: Node<'a, 'input>, name| of.children().find(|node| is_verb(node, name));
    let stream = child(child(root, "Connect")?, "Stream")?;
    stream.attribute("url").filter(|url| url.starts_with("wss://"))?;
    Some(stream)
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

/// Whether every character can stand in XML.
pub(crate) fn is_xml_text(text: &str) -> bool {
    text.chars().all(is_xml_char)
}

#[cfg(test)]
mod tests;
