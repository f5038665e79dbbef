//! Golden outputs of both SDKs, ElevenLabs' answers with our one change, and everything refused.

use proptest::prelude::*;

use super::*;

/// Element, attributes by name, children; text as a child of its own. No comments, no white space.
#[derive(Debug, PartialEq)]
enum Tree {
    Element(String, Vec<(String, String)>, Vec<Self>),
    Text(String),
}

fn tree(document: &str) -> Tree {
    fn of(node: Node<'_, '_>) -> Tree {
        let Some(text) = node.text().filter(|_| node.is_text()) else {
            let attribute =
                |a: roxmltree::Attribute<'_, '_>| (a.name().to_owned(), a.value().to_owned());
            let mut attributes: Vec<_> = node.attributes().map(attribute).collect();
            attributes.sort();
            let name = node.tag_name().name().to_owned();
            return Tree::Element(name, attributes, node.children().map(of).collect());
        };
        Tree::Text(text.to_owned())
    }
    of(Document::parse(document).unwrap().root_element())
}

const XML: &str = r#"<?xml version="1.0" encoding="UTF-8"?>"#;

fn stream(name: &str, parameters: &[(&str, &str)]) -> ConnectStream {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    ConnectStream {
        name: Some(name.to_owned()),
        inbound_track: true,
        parameters: parameters.iter().map(owned).collect(),
    }
}

/// Each document, with what npm twilio 6.2.0 and PyPI twilio 9.13.0 write for it.
#[rustfmt::skip]
fn golden() -> [(&'static str, String, [&'static str; 2]); 5] {
    let plain = |url| ConnectStream::default().write(url, Callbacks::default());
    let status = "https://app.example/api/twilio/stream?x=1&y=2";
    let callbacks = Callbacks { stream: Some(status), recording: None };
    let signed = "wss://api.elevenlabs.io/v1/convai/conversation?agent_id=agent_x&conversation_signature=cvtkn_a+b/c=";
    let parameters = [("call_id", "a&b<c>\"d\"'e"), ("é", "line1\nline2\ttab")];
    [
        ("connect_stream_url_with_amp", plain(signed), [
            r#"<Response><Connect><Stream url="wss://api.elevenlabs.io/v1/convai/conversation?agent_id=agent_x&amp;conversation_signature=cvtkn_a+b/c="/></Connect></Response>"#,
            r#"<Response><Connect><Stream url="wss://api.elevenlabs.io/v1/convai/conversation?agent_id=agent_x&amp;conversation_signature=cvtkn_a+b/c=" /></Connect></Response>"#,
        ]),
        ("connect_stream_plain", plain("wss://example.com/ws"), [
            r#"<Response><Connect><Stream url="wss://example.com/ws"/></Connect></Response>"#,
            r#"<Response><Connect><Stream url="wss://example.com/ws" /></Connect></Response>"#,
        ]),
        ("connect_stream_name_track_status_params", stream("my_stream", &parameters).write("wss://example.com/ws", callbacks), [
            r#"<Response><Connect><Stream url="wss://example.com/ws" name="my_stream" track="inbound_track" statusCallback="https://app.example/api/twilio/stream?x=1&amp;y=2" statusCallbackMethod="POST"><Parameter name="call_id" value="a&amp;b&lt;c>&quot;d&quot;'e"/><Parameter name="é" value="line1&#xA;line2&#x9;tab"/></Stream></Connect></Response>"#,
            r#"<Response><Connect><Stream name="my_stream" statusCallback="https://app.example/api/twilio/stream?x=1&amp;y=2" statusCallbackMethod="POST" track="inbound_track" url="wss://example.com/ws"><Parameter name="call_id" value="a&amp;b&lt;c&gt;&quot;d&quot;'e" /><Parameter name="é" value="line1&#10;line2&#09;tab" /></Stream></Connect></Response>"#,
        ]),
        ("hangup", hang_up(), [
            "<Response><Hangup/></Response>",
            "<Response><Hangup /></Response>",
        ]),
        ("say_hangup", say_and_hang_up("Technical difficulties. Please try again later.", None, None), [
            "<Response><Say>Technical difficulties. Please try again later.</Say><Hangup/></Response>",
            "<Response><Say>Technical difficulties. Please try again later.</Say><Hangup /></Response>",
        ]),
    ]
}

#[test]
fn what_we_write_is_what_both_sdks_write() {
    for (name, ours, theirs) in golden() {
        assert!(ours.starts_with(XML), "{name}");
        for text in theirs {
            assert_eq!(tree(&ours), tree(&format!("{XML}{text}")), "{name}");
        }
    }
}

/// The texts above must not drift from the file they restate, where that file is at hand.
#[test]
fn the_golden_texts_restate_the_shared_ones() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../shared/data/twilio/twiml_golden.json");
    let Ok(text) = std::fs::read_to_string(path) else {
        eprintln!("SKIPPED: the shared golden outputs are not on this machine");
        return;
    };
    let file: serde_json::Value = serde_json::from_str(&text).unwrap();
    for (name, _, ours) in golden() {
        for (sdk, ours) in ["npm_twilio_6.2.0", "pypi_twilio_9.13.0"].iter().zip(ours) {
            let given = file["cases"][name][sdk].as_str().unwrap();
            assert_eq!(given, format!("{XML}{ours}"), "{name} {sdk}");
        }
    }
}

#[test]
fn an_apology_may_have_a_language() {
    let expected = "<Response><Say language=\"de-DE\">Bitte später.</Say><Hangup/></Response>";
    assert_eq!(tree(&say_and_hang_up("Bitte später.", None, Some("de-DE"))), tree(expected));
}

const ID: &str = "conv_0000000000000000000000000001";
const OURS: &str = "https://app.example/api/twilio/status?callId=0af3#rc=2&rp=ct,rt,5xx";

fn api() -> BaseUrl {
    BaseUrl::parse("https://api.elevenlabs.io").unwrap()
}

fn parse(document: &str, status_callback: Option<&str>) -> Result<RegisteredTwiml, NotTwiml> {
    let callbacks = Callbacks { stream: status_callback, recording: None };
    RegisteredTwiml::parse(document, &api(), callbacks)
}

/// Documents of ElevenLabs' that are good: both observed shapes, and what an XML writer may change.
#[rustfmt::skip]
fn registered() -> Vec<String> {
    let parameter = format!(r#"<Parameter name="conversation_id" value="{ID}" />"#);
    let api = r#"url="wss://api.elevenlabs.io/v1/convai/conversation""#;
    let us = r#"track="inbound_track" url="wss://api.us.elevenlabs.io/v1/convai/conversation""#;
    let observed = |stream| format!("{XML}<Response><Connect><Stream {stream}>{parameter}</Stream></Connect></Response>");
    vec![
        observed(api),
        observed(us),
        observed(api).replace('"', "'"),
        observed(r#"url="wss://api.eu.residency.elevenlabs.io:443/c" track="inbound_track" name="n>m""#),
        format!("<Response><Connect><Stream {api}>{parameter}</Stream></Connect></Response>"),
        format!("{XML}\n<Response>\n  <Connect>\n    <Stream\n      {api}\n    >\n      {parameter}\n    </Stream>\n  </Connect>\n</Response>"),
        format!("{XML}<!-- <Dial> --><Response><Connect><Stream {api}><Parameter name=\"a\" value=\"https://b\"/>{parameter}</Stream></Connect></Response>"),
    ]
}

/// The tree without what is no element, no name and no callback: what must reach Twilio.
fn essence(document: &str) -> Tree {
    fn of(tree: Tree) -> Option<Tree> {
        let Tree::Element(name, mut attributes, children) = tree else { return None };
        let is_kept = |name: &str| matches!(name, "url" | "track" | "value");
        attributes.retain(|(found, _)| is_kept(found) || (name == "Parameter" && found == "name"));
        Some(Tree::Element(name, attributes, children.into_iter().filter_map(of).collect()))
    }
    of(tree(document)).unwrap()
}

#[test]
fn a_registered_stream_is_written_into_a_document_of_ours() {
    for document in registered() {
        for callback in [None, Some(OURS)] {
            let parsed = parse(&document, callback).unwrap();
            assert_eq!((parsed.conversation_id.as_str(), parsed.warning), (ID, None));
            assert!(parsed.twiml.starts_with(&format!("{XML}<Response><Connect><Stream url=")));
            let plain = document.replace("<!-- <Dial> -->", "");
            assert_eq!(essence(&parsed.twiml), essence(&plain), "{document}");
            let written = Document::parse(&parsed.twiml).unwrap();
            assert_eq!(
                stream_of(&written).map(|s| s.attribute("statusCallback")),
                match callback {
                    None => Ok(None),
                    Some(_) => Err(NotTwiml::Foreign),
                }
            );
            let count = parsed.twiml.matches("statusCallback=").count();
            assert_eq!(count, usize::from(callback.is_some()), "{document}");
        }
    }
}

#[test]
fn our_status_callback_stands_at_the_stream() {
    let twiml = parse(&registered()[0], Some(OURS)).unwrap().twiml;
    let written = Document::parse(&twiml).unwrap();
    let stream = written.descendants().find(|node| node.has_tag_name("Stream")).unwrap();
    assert_eq!(stream.attribute("statusCallback"), Some(OURS));
    assert_eq!(stream.attribute("statusCallbackMethod"), Some("POST"));
}

#[test]
fn a_recording_is_started_before_the_stream_and_reports_to_us() {
    let callbacks = Callbacks { stream: None, recording: Some(OURS) };
    let twiml = RegisteredTwiml::parse(&registered()[0], &api(), callbacks).unwrap().twiml;
    let written = Document::parse(&twiml).unwrap();
    let verbs: Vec<_> =
        written.root_element().children().map(|verb| verb.tag_name().name()).collect();
    assert_eq!(verbs, ["Start", "Connect"]);
    let recording = written.descendants().find(|node| node.has_tag_name("Recording")).unwrap();
    assert_eq!(recording.attribute("recordingStatusCallback"), Some(OURS));
    assert_eq!(recording.attribute("channels"), Some("dual"));
}

/// Whatever Twilio would execute, fetch or dial beside the one stream.
#[test]
fn nothing_but_the_one_stream_is_taken_from_the_answer() {
    let good = &registered()[0];
    let before = |verbs: &str| good.replace("<Response>", &format!("<Response>{verbs}"));
    let behind = |verbs: &str| good.replace("</Response>", &format!("{verbs}</Response>"));
    let stream = r#"<Stream url="wss://api.elevenlabs.io/x"/>"#;
    let mut bad = Vec::new();
    for verbs in [
        "<Dial>+19005550123</Dial>",
        "<Redirect>https://evil.example</Redirect>",
        "<Record/>",
        "<Say>Hello</Say>",
        "<Play>https://evil.example/a.mp3</Play>",
        "<Hangup/>",
        "<Start><Stream url=\"wss://evil.example\"/></Start>",
        "<Connect/>",
        "<x:Dial xmlns:x=\"urn:x\">1</x:Dial>",
        "some words",
    ] {
        bad.extend([before(verbs), behind(verbs)]);
    }
    bad.push(good.replace("<Connect>", &format!("<Connect>{stream}")));
    bad.push(good.replace("</Connect>", "<Siprec/></Connect>"));
    bad.push(good.replace("</Stream>", "<Stream/></Stream>"));
    bad.push(good.replace("</Stream>", "text</Stream>"));
    bad.push(good.replace(" /></Stream>", "><Dial>1</Dial></Parameter></Stream>"));
    for attributes in
        ["action=\"/x\"", "statusCallback=\"x\"", "other=\"https://evil.example\"", "z=\"//evil\""]
    {
        for element in ["<Connect", "<Stream", "<Response"] {
            bad.push(good.replacen(element, &format!("{element} {attributes}"), 1));
        }
    }
    for document in bad {
        assert_eq!(parse(&document, None), Err(NotTwiml::Foreign), "{document}");
    }
}

/// None of these is ElevenLabs' or `127.0.0.1`, to every parser.
#[rustfmt::skip]
const ELSEWHERE: &[&str] = &[
    "",
    "wss://",
    "ws://api.elevenlabs.io/",
    "https://api.elevenlabs.io/",
    "WSS://api.elevenlabs.io/",
    "wss://evil.example/",
    "wss://elevenlabs.io.evil.example/",
    "wss://evilelevenlabs.io/",
    "wss://api.elevenlabs.io@evil.example/",
    "wss://evil.example@api.elevenlabs.io/",
    "wss://evil.example\\@api.elevenlabs.io/",
    "wss://api.elevenlabs.io\\@evil.example/",
    "wss:///api.elevenlabs.io/",
    "wss:api.elevenlabs.io/",
    "wss://evil.example#api.elevenlabs.io/",
    "wss://evil.example?.elevenlabs.io",
    "wss://api.elevenlabs.io:x/",
    "wss://api.elevenlabs.io:/",
    "wss://api.eleven\tlabs.io/",
    "wss://api.elevenlabs.io/ a",
    "wss://127.0.0.2/",
    "wss://localhost/",
    "wss://api%2eelevenlabs.io/",
];

#[test]
fn a_stream_leads_to_elevenlabs_or_to_where_its_api_lives_and_nowhere_else() {
    let elsewhere = BaseUrl::parse("http://127.0.0.1:4010/simulated").unwrap();
    let good = [
        "wss://elevenlabs.io/a",
        "wss://api.elevenlabs.io/v1/convai/conversation?agent_id=a&conversation_signature=b",
        "wss://API.us.elevenlabs.io:443",
        "wss://127.0.0.1:9999/a",
    ];
    for url in good {
        assert_eq!(StreamUrl::parse(url, &elsewhere).as_ref().map(StreamUrl::as_str), Some(url));
    }
    for url in ELSEWHERE.iter().copied() {
        assert_eq!(StreamUrl::parse(url, &elsewhere), None, "{url}");
        let document =
            registered()[0].replace("wss://api.elevenlabs.io/v1/convai/conversation", &escape(url));
        assert_eq!(parse(&document, None), Err(NotTwiml::Url), "{url}");
    }
    assert_eq!(StreamUrl::parse("wss://127.0.0.1:9999/a", &api()), None);
}

#[test]
fn white_space_around_the_answer_does_not_matter() {
    let document = &registered()[0];
    for around in ["\u{feff}", "\n", "\u{feff}\r\n \t"] {
        let parsed = parse(&format!("{around}{document}\n"), None);
        assert_eq!(parsed, parse(document, None));
    }
}

#[test]
fn whatever_is_not_twiml_is_refused() {
    let good = &registered()[0];
    let doctype = good.replace(XML, r#"<!DOCTYPE Response [<!ENTITY e "x">]>"#);
    let html = "<!DOCTYPE html><html><body>Bad gateway</body></html>".to_owned();
    let truncated: Vec<String> =
        (XML.len()..good.len()).map(|end| good[..end].to_owned()).collect();
    let others = ["{\"detail\":\"x\"}", "oops", "<Response>", "&", "<a/><b/>"].map(str::to_owned);
    for bad in [doctype, html].iter().chain(&truncated).chain(&others) {
        assert_eq!(parse(bad, Some(OURS)), Err(NotTwiml::Malformed), "{bad}");
    }
}

#[test]
fn nothing_and_too_much_are_refused() {
    let good = &registered()[0];
    for empty in ["", " \n", "\u{feff}"] {
        assert_eq!(parse(empty, None), Err(NotTwiml::Size));
    }
    let padded = |length: usize| {
        good.replace("<Response>", &format!("<Response>{}", " ".repeat(length - good.len())))
    };
    assert!(parse(&padded(MAX_TWIML_BYTES), None).is_ok());
    assert_eq!(parse(&padded(MAX_TWIML_BYTES + 1), None), Err(NotTwiml::Size));
}

#[test]
fn what_opens_no_stream_to_an_agent_is_refused() {
    let good = &registered()[0];
    let bad = [
        good.replace("Connect>", "Start>"),
        good.replace("Response>", "response>"),
        good.replace("Stream", "Siprec"),
        good.replace("<Connect>", "<Connect><Group>").replace("</Connect>", "</Group></Connect>"),
        good.replace("<Response>", "<Response><Gather>")
            .replace("</Response>", "</Gather></Response>"),
        good.replace("Response>", "Outer>")
            .replace("<Outer>", "<Outer><Response>")
            .replace("</Outer>", "</Response></Outer>"),
        say_and_hang_up("Sorry.", None, None),
        "<html><body>Bad gateway</body></html>".to_owned(),
    ];
    for document in bad {
        for callback in [None, Some(OURS)] {
            assert_eq!(parse(&document, callback), Err(NotTwiml::NoStream), "{document}");
        }
    }
}

#[test]
fn a_prefixed_stream_is_no_verb_of_twilios() {
    let named = registered()[0].replace("<Stream", "<x:Stream").replace("</Stream", "</x:Stream");
    let document = named.replace("<Response", "<Response xmlns:x=\"urn:x\"");
    assert_eq!(parse(&document, Some(OURS)), Err(NotTwiml::NoStream));
    assert_eq!(parse(&named, Some(OURS)), Err(NotTwiml::Malformed));
}

#[test]
fn a_stream_without_its_conversation_is_refused() {
    let good = &registered()[0];
    let bad = [
        good.replace("conversation_id", "conversationId"),
        good.replace(ID, ""),
        ConnectStream::default().write("wss://api.elevenlabs.io/x", Callbacks::default()),
        // Which of two the agent would take is not ours to guess.
        good.replace("<Parameter", "<Parameter name=\"conversation_id\" value=\"x\"/><Parameter"),
    ];
    for document in bad {
        let parsed = parse(&document, Some(OURS));
        assert_eq!(parsed, Err(NotTwiml::NoConversationId), "{document}");
    }
}

#[test]
fn a_parameter_that_twilio_would_not_take_is_refused() {
    let good = &registered()[0];
    let bad = [
        good.replace(" value=", " content="),
        good.replace(" name=", " nom="),
        good.replace("conversation_id", ""),
        good.replace(
            "<Parameter",
            &format!("<Parameter name=\"n\" value=\"{}\"/><Parameter", "x".repeat(499)),
        ),
    ];
    for document in bad {
        assert_eq!(parse(&document, None), Err(NotTwiml::Parameter), "{document}");
    }
}

#[test]
fn what_xml_cannot_hold_is_dropped() {
    let said = say_and_hang_up("a\u{0}b\u{8}c\u{b}d\u{1f}e\u{fffe}f\u{ffff}g\u{1F600}", None, None);
    assert_eq!(tree(&said), tree("<Response><Say>abcdefg\u{1F600}</Say><Hangup/></Response>"));
    let streamed = ConnectStream::default().write("wss://a.example/\u{1}b", Callbacks::default());
    assert!(streamed.contains("\"wss://a.example/b\""), "{streamed}");
}

#[test]
fn no_more_is_said_than_twilio_reads() {
    let Tree::Element(_, _, verbs) = tree(&say_and_hang_up(&"é".repeat(5000), None, None)) else {
        panic!()
    };
    let Tree::Element(_, _, said) = &verbs[0] else { panic!() };
    assert_eq!(said, &[Tree::Text("é".repeat(4096))]);
}

#[test]
fn a_parameter_stays_under_five_hundred_characters() {
    assert!(ConnectStream::allows("n", &"é".repeat(498)));
    assert!(!ConnectStream::allows("n", &"é".repeat(499)));
    assert!(!ConnectStream::allows("", "v"));
    assert!(!ConnectStream::allows("n\u{1}", "v") && !ConnectStream::allows("n", "v\u{fffe}"));
}

fn legal(text: &str) -> String {
    text.chars().filter(|c| is_xml_text(&c.to_string())).collect()
}

/// Half of it ASCII, control characters included.
const ANY_TEXT: &str = "([\\x00-\\x7f]|(?s:.)){0,40}";

proptest! {
    #[test]
    fn any_sentence_is_said_whole(sentence in ANY_TEXT, language in prop::option::of("[a-zA-Z0-9-]{1,35}")) {
        let document = say_and_hang_up(&sentence, None, language.as_deref());
        let parsed = Document::parse(&document).unwrap();
        let say = parsed.root_element().first_element_child().unwrap();
        prop_assert_eq!(say.text().unwrap_or_default(), legal(&sentence));
        prop_assert_eq!(say.attribute("language"), language.as_deref());
        prop_assert!(say.next_sibling().unwrap().has_tag_name("Hangup"));
    }

    #[test]
    fn any_stream_keeps_its_url_name_and_parameters(
        url in ANY_TEXT,
        name in ANY_TEXT,
        parameter in (ANY_TEXT, ANY_TEXT),
    ) {
        let (key, value) = &parameter;
        let document = stream(&name, &[(key, value)]).write(&url, Callbacks::default());
        let parsed = Document::parse(&document).unwrap();
        let stream = parsed.descendants().find(|node| node.has_tag_name("Stream")).unwrap();
        prop_assert_eq!(stream.attribute("url").unwrap(), legal(&url));
        prop_assert_eq!(stream.attribute("name").unwrap(), legal(&name));
        let parameter = stream.first_element_child().unwrap();
        prop_assert_eq!(parameter.attribute("name").unwrap(), legal(key));
        prop_assert_eq!(parameter.attribute("value").unwrap(), legal(value));
    }

    #[test]
    fn no_document_panics(document in ANY_TEXT, cut in any::<prop::sample::Index>(), put in any::<char>()) {
        let _ = parse(&document, Some(&document));
        let mut changed = registered()[0].clone();
        let at = cut.index(changed.len());
        changed.replace_range(at..=at, &put.to_string());
        if let Ok(parsed) = parse(&changed, Some(OURS)) {
            prop_assert!(Document::parse(&parsed.twiml).is_ok());
        }
    }
}

fn prefixed(element: &str) -> String {
    registered()[0]
        .replace(&format!("<{element}"), &format!("<x:{element}"))
        .replace(&format!("</{element}"), &format!("</x:{element}"))
        .replace("<Response", "<Response xmlns:x=\"urn:x\"")
        .replace("<x:Response", "<x:Response xmlns:x=\"urn:x\"")
}

#[test]
fn no_prefixed_name_is_a_verb_of_twilios() {
    for element in ["Response", "Connect", "Stream"] {
        for callback in [None, Some(OURS)] {
            let parsed = parse(&prefixed(element), callback);
            assert_eq!(parsed, Err(NotTwiml::NoStream), "{element}");
        }
    }
    assert_eq!(parse(&prefixed("Parameter"), None), Err(NotTwiml::Foreign));
}

#[test]
fn our_document_is_never_too_large() {
    let good = &registered()[0];
    let long = format!("<Parameter name=\"n\" value=\"{}\"/>", ">".repeat(490));
    let of =
        |count: usize| good.replace("<Parameter", &format!("{}<Parameter", long.repeat(count)));
    assert!(parse(&of(30), Some(OURS)).is_ok());
    assert!(of(100).len() < MAX_TWIML_BYTES);
    assert_eq!(parse(&of(100), Some(OURS)), Err(NotTwiml::Size));
}

#[test]
fn what_twilio_will_object_to_is_flagged_or_refused() {
    let good = &registered()[0];
    let query = good.replace("/conversation\"", "/conversation?agent_id=a\"");
    assert_eq!(parse(good, None).unwrap().warning, None);
    assert!(parse(&query, None).unwrap().warning.unwrap().contains("31920"));
    for track in ["both_tracks", "outbound_track", ""] {
        let document = good.replace("<Stream", &format!("<Stream track=\"{track}\""));
        assert_eq!(parse(&document, None), Err(NotTwiml::Track), "{document}");
    }
}
