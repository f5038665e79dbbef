//! `POST /api/twilio/voice`: connects the agent when the person picks up.

use shared::endpoint::Voice;
use shared::host;

fn main() -> Result<(), host::Error> {
    host::main(Voice)
}
