//! `POST /api/twilio/make-call`: rings a person.

use shared::endpoint::MakeCall;
use shared::host;

fn main() -> Result<(), host::Error> {
    host::main(MakeCall)
}
