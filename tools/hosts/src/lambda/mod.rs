//! AWS Lambda: the same events through a runtime API of ours and, where it is at hand, through
//! AWS's own emulator.

mod emulator;
mod event;
mod runtime_api;

use serde_json::Value;

use crate::World;

pub use emulator::Emulator;
pub use event::{Front, encoded, forge};
pub use runtime_api::RuntimeApi;

/// Something that plays Lambda for one function, one invocation after another.
pub trait Lambda: Sized {
    /// Starts the function with these settings; `None` if this Lambda is not at hand.
    fn start(world: &World, name: &str, settings: &[(&'static str, String)]) -> Option<Self>;

    /// What the function answers to an event, as its front end would get it. An error that the runtime
    /// reports in the function's place fails the test.
    fn invoke(&mut self, event: &Value) -> Value;
}

/// A header of an answer, in whichever form the front end wants it.
#[must_use]
pub fn header<'a>(answer: &'a Value, name: &str) -> Option<&'a str> {
    answer["headers"][name].as_str().or_else(|| answer["multiValueHeaders"][name][0].as_str())
}

/// The JSON that a caller would get.
#[must_use]
pub fn json_body(answer: &Value) -> Value {
    assert_eq!(answer["isBase64Encoded"], false, "{answer}");
    serde_json::from_str(answer["body"].as_str().unwrap()).unwrap()
}

/// Each scenario, generic over [`Lambda`], as a test on each Lambda.
#[macro_export]
macro_rules! on_each_lambda {
    ($module:ident: $($name:ident)*) => {
        mod by_the_runtime_api {
            $(#[test]
            fn $name() {
                super::$module::$name::<$crate::lambda::RuntimeApi>();
            })*
        }

        mod by_aws_own_emulator {
            $(#[test]
            fn $name() {
                super::$module::$name::<$crate::lambda::Emulator>();
            })*
        }
    };
}
