//! `/api/twilio/status`: follows calls and tells what became of them.

use shared::endpoint::Status;
use shared::host;

fn main() -> Result<(), host::Error> {
    host::main(Status)
}
