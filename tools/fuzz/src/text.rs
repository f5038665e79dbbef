//! TwiML that we pass on, and text that goes into ours.

use roxmltree::Document;
use shared::twilio::{ConnectStream, RegisteredTwiml, say_and_hang_up};

use crate::input::lines;

/// A status callback, a sentence, and a document of ElevenLabs'.
pub(crate) fn twiml(data: &[u8]) {
    let ([url, sentence], document) = lines(data);
    let said = say_and_hang_up(sentence, Some(url), Some(url));
    assert_twiml(&said);

    let parameters = vec![(url.to_owned(), sentence.to_owned())];
    let stream = ConnectStream { name: Some(sentence.to_owned()), inbound_track: true, parameters };
    assert_twiml(&stream.twiml(url));
    let _ = ConnectStream::allows(url, sentence);

    let Ok(document) = std::str::from_utf8(document) else { return };
    let callback = (!url.is_empty()).then_some(url);
    if let Ok(registered) = RegisteredTwiml::parse(document, callback) {
        assert_twiml(&registered.twiml);
        // Ours is in it by now: nothing more to change.
        let again = RegisteredTwiml::parse(&registered.twiml, callback);
        assert_eq!(again, Ok(registered));
    }
}

/// XML with a `<Response>`, small enough for Twilio.
pub(crate) fn assert_twiml(twiml: &str) {
    let root = Document::parse(twiml).map(|tree| tree.root_element().has_tag_name("Response"));
    assert_eq!(root, Ok(true), "{twiml}");
}
