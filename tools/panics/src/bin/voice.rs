//! `voice`, mined.

use panics::Mined;
use shared::endpoint::Voice;
use shared::host;

fn main() -> Result<(), host::Error> {
    host::main(Mined(Voice))
}
