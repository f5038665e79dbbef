//! Reading TwiML.

use super::target::{Target, is_absolute_http, is_get};
use roxmltree::{Document, Node};

/// A verb that the simulator executes; others are passed over (Twilio: warning 12200).
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verb {
    Say {
        text: String,
    },
    /// Seconds.
    Pause {
        length: u32,
    },
    Hangup,
    /// `<Start><Recording>`: goes on beside the verbs that follow.
    Record(Recording),
    Stream(Stream),
}

/// `<Start><Recording>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Recording {
    pub(crate) status: Option<Target>,
    pub(crate) events: Vec<String>,
}

/// `<Connect><Stream>`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Stream {
    pub(crate) url: String,
    pub(crate) name: Option<String>,
    pub(crate) track: Option<String>,
    pub(crate) status: Option<Target>,
    pub(crate) parameters: Vec<(String, String)>,
}

/// The verbs of a document; `None` is Twilio's 12100.
pub(crate) fn parse(text: &str) -> Option<Vec<Verb>> {
    // A DOCTYPE is refused by the parser, white space before `<?xml` as well.
    let document = Document::parse(text).ok()?;
    let response = document.root_element();
    if !response.has_tag_name("Response") {
        return None;
    }
    Some(response.children().flat_map(verbs).collect())
}

fn verbs(node: Node<'_, '_>) -> Vec<Verb> {
    match node.tag_name().name() {
        "Say" => vec![Verb::Say {
            text: node.descendants().filter(Node::is_text).filter_map(|node| node.text()).collect(),
        }],
        "Pause" => vec![Verb::Pause {
            length: node.attribute("length").and_then(|length| length.parse().ok()).unwrap_or(1),
        }],
        "Hangup" => vec![Verb::Hangup],
        "Start" => node
            .children()
            .filter(|child| child.has_tag_name("Recording"))
            .map(|child| Verb::Record(recording(child)))
            .collect(),
        // One bidirectional stream per call: a second one is never reached.
        "Connect" => node
            .children()
            .filter(|child| child.has_tag_name("Stream"))
            .take(1)
            .map(|child| Verb::Stream(stream(child)))
            .collect(),
        _ => Vec::new(),
    }
}

fn recording(node: Node<'_, '_>) -> Recording {
    let get = node.attribute("recordingStatusCallbackMethod").and_then(is_get).unwrap_or(false);
    let url = node.attribute("recordingStatusCallback").filter(|url| is_absolute_http(url));
    let events = node.attribute("recordingStatusCallbackEvent").unwrap_or("completed");
    Recording {
        status: url.map(|url| Target { url: url.to_owned(), get }),
        events: events.split_whitespace().map(str::to_owned).collect(),
    }
}

fn stream(node: Node<'_, '_>) -> Stream {
    let text = |name| node.attribute(name).map(str::to_owned);
    Stream {
        url: text("url").unwrap_or_default(),
        name: text("name"),
        track: text("track"),
        status: node.attribute("statusCallback").filter(|url| is_absolute_http(url)).map(|url| {
            Target {
                url: url.to_owned(),
                get: node.attribute("statusCallbackMethod").and_then(is_get).unwrap_or(false),
            }
        }),
        parameters: node
            .children()
            .filter(|child| child.has_tag_name("Parameter"))
            .filter_map(|child| {
                let name = child.attribute("name")?;
                let value = child.attribute("value").unwrap_or_default();
                Some((name.to_owned(), value.to_owned()))
            })
            .collect(),
    }
}
