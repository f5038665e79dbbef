//! One binary for all targets: `FUZZ_TARGET` says which.
#![no_main]

use std::sync::OnceLock;

use fuzz::Target;

static TARGET: OnceLock<Target> = OnceLock::new();

libfuzzer_sys::fuzz_target!(
    init: {
        let name = std::env::var("FUZZ_TARGET").unwrap_or_default();
        let Some(target) = fuzz::target(&name) else {
            let names: Vec<_> = fuzz::TARGETS.iter().map(|target| target.name).collect();
            panic!("set FUZZ_TARGET to one of {}", names.join(", "));
        };
        TARGET.get_or_init(|| target);
    },
    |data: &[u8]| {
        if let Some(target) = TARGET.get() {
            (target.run)(data);
        }
    }
);
