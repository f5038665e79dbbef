//! AWS Lambda: the same events through a runtime API of ours and, where it is at hand, through
//! AWS's own emulator.

mod emulator;
mod event;
mod runtime_api;
mod scenario;

use serde_json::Value;

use crate::world::World;

/// Something that plays Lambda for one function, one invocation after another.
trait Lambda: Sized {
    /// Starts the function with these settings; `None` if this Lambda is not at hand.
    fn start(world: &World, name: &str, settings: &[(&'static str, String)]) -> Option<Self>;

    /// What the function answers to an event, as API Gateway would get it.
    fn invoke(&mut self, event: &Value) -> Value;
}

macro_rules! scenarios {
    ($($name:ident)*) => {
        mod by_the_runtime_api {
            $(#[test]
            fn $name() {
                super::scenario::$name::<super::runtime_api::RuntimeApi>();
            })*
        }

        mod by_aws_own_emulator {
            $(#[test]
            fn $name() {
                super::scenario::$name::<super::emulator::Emulator>();
            })*
        }
    };
}

scenarios! {
    webhooks_through_http_api_and_function_url_are_answered_with_twiml
    a_webhook_through_rest_api_verifies_with_one_parameter
    a_wrong_signature_is_refused_and_nobody_is_asked
    a_call_is_read_as_json
    a_recording_arrives_byte_for_byte
    a_function_without_settings_says_so_and_lives
}
