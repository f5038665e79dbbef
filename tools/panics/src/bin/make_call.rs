//! `make-call`, mined.

use panics::Mined;
use shared::endpoint::MakeCall;
use shared::host;

fn main() -> Result<(), host::Error> {
    host::main(Mined(MakeCall))
}
