//! `GET /api/elevenlabs/get-transcript`: tells what is said in a call.

use shared::endpoint::GetTranscript;
use shared::host;

fn main() -> Result<(), host::Error> {
    host::main(GetTranscript)
}
