//! `/api/twilio/recording`: keeps and plays recordings.

use shared::endpoint::Recording;
use shared::host;

fn main() -> Result<(), host::Error> {
    host::main(Recording)
}
