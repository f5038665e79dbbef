//! What Twilio's error codes and SIP's responses really mean, which well-known guides get wrong:
//! 13227 is not about money, 11200 not about phone numbers, 20003 not about trial accounts.

/// A code in words for a person.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Explanation {
    /// What happened.
    pub meaning: &'static str,
    /// What to do about it.
    pub fix: &'static str,
}

/// The true meaning of a code, where it is one that a call can meet.
#[must_use]
pub fn explain(code: u32) -> Option<Explanation> {
    let row = ROWS.binary_search_by_key(&code, |row| row.0).ok()?;
    let (_, meaning, fix) = ROWS.get(row)?;
    Some(Explanation { meaning, fix })
}

/// What the SIP response that ended a call means, where it is one with a meaning of its own.
#[must_use]
pub fn explain_sip(code: u16) -> Option<Explanation> {
    let (_, meaning, fix) = SIP.iter().find(|row| row.0 == code)?;
    Some(Explanation { meaning, fix })
}

/// Twilio's own page about a code.
#[must_use]
pub fn more_info(code: u32) -> String {
    format!("https://www.twilio.com/docs/errors/{code}")
}

const CREDENTIALS: &str = "Check TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN (or the API key).";
const REGION: &str = "Check TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN (or the API key), and the region: credentials are valid in one region only, and TWILIO_API_URL must be that region's address.";
const LATER: &str = "Dial again later.";
const NUMBER: &str = "Check the number: + and country code, then the number.";
const BASE_URL: &str = "Check NEXT_PUBLIC_APP_URL: a public https address that Twilio can reach.";
const BUG: &str = "This is a mistake of close-loop or of its settings: please report it.";
const GEO: &str = "Enable the country in Twilio's console under Voice, Settings, Geo permissions.";
const AGENT: &str = "Read the conversation's record at ElevenLabs: it holds the close code.";
const SUPPORT: &str = "Contact Twilio's support.";

/// Ordered by code. Own wording; facts from Twilio's error dictionary and OpenAPI file.
#[rustfmt::skip]
const ROWS: &[(u32, &str, &str)] = &[
    (10001, "The Twilio account is not active, typically because it is out of funds.", "Add funds to the Twilio account."),
    (10004, "The account has as many calls at once as it may.", "Wait for a call to end, or upgrade the account and complete its business profile."),
    (10005, "Voice is disabled for this Twilio account.", SUPPORT),
    (11100, "A webhook's address is malformed.", BASE_URL),
    (11200, "Twilio got no usable answer from our webhook.", "Check that the deployment is up and that NEXT_PUBLIC_APP_URL is its address."),
    (11205, "Twilio could not connect to our webhook, or it took over 15 s.", "Check that the deployment is up and that NEXT_PUBLIC_APP_URL is its address."),
    (11210, "The host of our webhook has no DNS entry.", BASE_URL),
    (11215, "Our webhook redirected Twilio too often.", "Put the final address into NEXT_PUBLIC_APP_URL: no redirect may sit before a webhook."),
    (11217, "Our webhook answered Twilio with an error status.", "Read the log of the function for this callId."),
    (11220, "The TLS handshake with our webhook failed.", BASE_URL),
    (11237, "The certificate chain of our webhook is incomplete.", "Serve the full certificate chain."),
    (12100, "Our TwiML was not well-formed XML.", BUG),
    (12200, "Our TwiML was not valid.", BUG),
    (12300, "Our webhook answered without a usable Content-Type.", BUG),
    (13227, "Geographic permissions do not allow calls to this country.", GEO),
    (13520, "A spoken sentence was empty or unreadable.", "Check VOICE_APOLOGY_BUSY, VOICE_APOLOGY_CONFIGURATION and VOICE_APOLOGY_OTHER."),
    (13521, "A spoken sentence was too long.", "Shorten VOICE_APOLOGY_BUSY, VOICE_APOLOGY_CONFIGURATION or VOICE_APOLOGY_OTHER."),
    (13805, "A trial account's call was cut after 10 minutes.", "Upgrade the Twilio account."),
    (15002, "Status callbacks piled up behind slow answers.", "Read the log of the status function."),
    (15003, "A status callback was answered with an error.", "Read the log of the status function."),
    (16101, "There is no recording: the call was too short.", "Nothing to do."),
    (16102, "There is no recording: nothing was heard.", "Nothing to do."),
    (16104, "The recording failed.", SUPPORT),
    (16105, "The recording failed.", SUPPORT),
    (16106, "The recording failed.", SUPPORT),
    (20003, "Twilio does not accept the credentials: they are wrong, or of another region.", REGION),
    (20005, "The Twilio account is not active, typically because it is out of funds.", "Add funds to the Twilio account."),
    (20008, "Twilio's test credentials cannot do this.", "Use live credentials."),
    (20403, "The Twilio account is suspended or closed.", SUPPORT),
    (20404, "Twilio knows no such resource under this account.", CREDENTIALS),
    (20429, "Twilio is rate limiting this account and did not process this request.", "Wait a moment and dial again: nothing was dialled."),
    (20500, "Twilio failed; the call may or may not have been placed.", "Do not dial again: follow the call by its callId."),
    (20503, "Twilio was unavailable; the call may or may not have been placed.", "Do not dial again: follow the call by its callId."),
    (21201, "No number to call was given.", BUG),
    (21202, "The number is a premium number, which Twilio refuses.", "Call another number."),
    (21205, "Twilio does not accept the address of our webhook.", BASE_URL),
    (21208, "Twilio does not accept the ring time.", "Use a timeout of 5 to 600 seconds."),
    (21210, "The calling number is neither a Twilio number of this account nor a verified caller id.", "Set TWILIO_PHONE_NUMBER to a number of this account."),
    (21211, "Twilio says this is not a valid phone number.", NUMBER),
    (21212, "The calling number is malformed.", "Check TWILIO_PHONE_NUMBER."),
    (21213, "No calling number was given.", "Set TWILIO_PHONE_NUMBER."),
    (21214, "This number cannot be reached.", "Call another number."),
    (21215, "Geographic permissions do not allow calls to this country.", GEO),
    (21216, "Twilio blocked the call: risk of fraud, a regulation, or a missing business profile.", "Complete the primary customer profile in Twilio's console, or contact Twilio's support."),
    (21217, "Twilio says this number does not look valid.", NUMBER),
    (21219, "A trial account may call verified numbers only, and this one is not verified.", "Verify the number in Twilio's console, or upgrade the account."),
    (21220, "The call is over already.", "Nothing to do."),
    (21234, "Twilio does not accept the machine detection setting.", "Use Enable or DetectMessageEnd."),
    (21262, "Asynchronous machine detection has nowhere to report to.", BUG),
    (21263, "Twilio does not accept the machine detection parameters.", "Use Enable or DetectMessageEnd."),
    (21609, "Twilio does not accept the address of our status callback.", BASE_URL),
    (31900, "The media stream failed.", AGENT),
    (31901, "The media stream timed out.", AGENT),
    (31902, "The media stream was refused.", AGENT),
    (31903, "The media stream broke.", AGENT),
    (31910, "The media stream's TLS handshake failed.", AGENT),
    (31920, "The media stream's address did not answer as a WebSocket: wrong path, or a query, which Twilio drops.", "Use ELEVENLABS_CONNECT=register-call."),
    (31921, "The agent's side closed the media stream.", "With ELEVENLABS_CONNECT=signed-url this cannot work on live calls: use register-call. Otherwise read the conversation's record at ElevenLabs: variables, quota, overrides."),
    (31922, "The media stream's address is not wss.", AGENT),
    (31923, "The media stream's address is malformed.", AGENT),
    (31924, "The agent's side sent data that is no WebSocket.", AGENT),
    (31930, "Audio towards the agent was discarded.", AGENT),
    (31931, "The agent sent over ten minutes of audio ahead.", AGENT),
    (31941, "The media stream's track is invalid: under Connect only inbound_track is legal.", "Leave STREAM_TRACK empty or set it to inbound_track."),
    (31950, "Twilio could not decode a message of the agent's.", "Set both audio formats of the agent to ulaw_8000."),
    (31951, "A message of the agent's broke the media stream protocol.", "Set both audio formats of the agent to ulaw_8000."),
    (31953, "The caller's audio stopped.", "Nothing to do."),
    (32018, "The TwiML was longer than 4000 characters.", BUG),
    (573_002, "This trial account must call this recipient from the number Twilio assigned to it.", "Upgrade the Twilio account."),
    (573_005, "A trial account may call verified recipients only, and this one is not verified.", "Verify the number in Twilio's console, or upgrade the account."),
];

/// How a call that was not answered ended, as the network beyond Twilio words it. Ordered by code.
#[rustfmt::skip]
const SIP: &[(u16, &str, &str)] = &[
    (403, "The call was refused on its way (SIP 403).", "Check geographic permissions in Twilio's console, and whether calls from this number are blocked there."),
    (404, "The number does not exist or is out of service (SIP 404).", NUMBER),
    (408, "The network of the called number did not answer in time (SIP 408).", LATER),
    (480, "The phone was switched off or out of reach (SIP 480).", LATER),
    (486, "The line was busy (SIP 486).", LATER),
    (487, "The phone rang and was not answered in time, or the call was rejected (SIP 487).", "Dial again later, or let it ring longer with timeout."),
    (503, "A carrier on the way could not take the call (SIP 503).", "Dial again later; if it fails again, look at Twilio's status page."),
    (603, "The call was declined (SIP 603).", "Do not dial again at once. If many calls end so, the calling number may be marked as spam: register it with a business profile in Twilio's console."),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_responses_that_end_calls_are_told_apart() {
        assert!(SIP.windows(2).all(|pair| pair[0].0 < pair[1].0));
        for code in [403, 404, 408, 480, 486, 487, 503, 603] {
            let told = explain_sip(code).unwrap();
            assert!(told.meaning.contains(&format!("SIP {code}")) && !told.fix.is_empty());
        }
        assert_eq!(explain_sip(200), None);
    }

    #[test]
    fn refused_credentials_may_be_of_another_region() {
        let told = explain(20003).unwrap();
        assert!(told.meaning.contains("region") && told.fix.contains("TWILIO_API_URL"));
    }

    #[test]
    fn the_table_is_ordered_so_that_every_row_is_found() {
        assert!(ROWS.windows(2).all(|pair| pair[0].0 < pair[1].0));
        assert!(ROWS.iter().all(|row| explain(row.0).is_some_and(|found| found.meaning == row.1)));
        assert_eq!(explain(0), None);
    }

    #[test]
    fn the_codes_that_guides_get_wrong_are_right_here() {
        assert!(explain(13227).unwrap().meaning.contains("Geographic"));
        assert!(explain(11200).unwrap().meaning.contains("webhook"));
        assert!(explain(20003).unwrap().meaning.contains("credentials"));
        assert!(explain(21219).unwrap().meaning.contains("trial"));
        assert_eq!(explain(21608), None, "21608 is SMS only, never a call's error");
    }
}
