//! TwiML that we read, and text that goes into ours.

use roxmltree::Document;
use shared::settings::BaseUrl;
use shared::twilio::{Callbacks, ConnectStream, RegisteredTwiml, StreamUrl, say_and_hang_up};

use crate::input::lines;

/// A status callback, a sentence, and a document of ElevenLabs'.
pub(crate) fn twiml(data: &[u8]) {
    let ([url, sentence], document) = lines(data);
    let said = say_and_hang_up(sentence, Some(url), Some(url));
    assert_twiml(&said);

    let Ok(api_url) = BaseUrl::parse("https://api.elevenlabs.io") else { return };
    let callbacks = Callbacks { stream: Some(url), recording: Some(sentence) };
    let parameters = vec![(url.to_owned(), sentence.to_owned())];
    let stream = ConnectStream { name: Some(sentence.to_owned()), inbound_track: true, parameters };
    for url in [url, "wss://api.elevenlabs.io/"] {
        if let Some(url) = StreamUrl::parse(url, &api_url) {
            assert_twiml(&stream.twiml(&url, callbacks));
        }
    }
    let _ = ConnectStream::allows(url, sentence);

    let Ok(document) = std::str::from_utf8(document) else { return };
    if let Ok(registered) = RegisteredTwiml::parse(document, &api_url, callbacks) {
        assert_twiml(&registered.twiml);
        // A document of ours without our callbacks says the same once more.
        let plain = RegisteredTwiml::parse(document, &api_url, Callbacks::default());
        let again = plain
            .clone()
            .and_then(|plain| RegisteredTwiml::parse(&plain.twiml, &api_url, Callbacks::default()));
        assert_eq!(again, plain);
    }
}

/// XML with a `<Response>`, small enough for Twilio.
pub(crate) fn assert_twiml(twiml: &str) {
    let root = Document::parse(twiml).map(|tree| tree.root_element().has_tag_name("Response"));
    assert_eq!(root, Ok(true), "{twiml}");
}
