//! Requests in, verdicts out: one JSON object a line, and `1` or `0` a line. A test compares the
//! verdicts with those of Twilio's own SDKs.

use std::io::{BufRead as _, BufWriter, Error, Write as _, stdin, stdout};

use serde::Deserialize;
use twilio_signature::Verifier;

/// One request as it came, and the tokens that may have signed it.
#[derive(Deserialize)]
struct Request {
    url: String,
    body: String,
    is_form: bool,
    signature: String,
    tokens: Vec<String>,
}

impl Request {
    fn is_genuine(&self) -> bool {
        let verifier = Verifier::new(&self.tokens);
        if !self.is_form {
            return verifier.verify_body(&self.url, self.body.as_bytes(), &self.signature).is_ok();
        }
        let form: Result<Vec<(String, String)>, _> = serde_urlencoded::from_str(&self.body);
        form.is_ok_and(|form| verifier.verify(&self.url, &form, &self.signature).is_ok())
    }
}

fn main() -> Result<(), Error> {
    let mut verdicts = BufWriter::new(stdout().lock());
    for line in stdin().lock().lines() {
        let request: Request = serde_json::from_str(&line?)?;
        writeln!(verdicts, "{}", u8::from(request.is_genuine()))?;
    }
    verdicts.flush()
}
