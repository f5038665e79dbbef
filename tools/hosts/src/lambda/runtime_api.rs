//! Lambda's runtime API, as far as one function asks it: the next event, and where its answer goes.

use std::process::Command;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender, channel};

use serde_json::{Value, json};

use crate::World;
use crate::http::{Answer, Message, PATIENCE, Server};
use crate::process::{Process, binary};

use super::Lambda;

/// Lambda as its documentation has it, for one function.
///
/// The process comes first: it has ended before its question for another event is answered with none.
#[derive(Debug)]
pub struct RuntimeApi {
    _process: Process,
    events: Sender<Value>,
    answers: Receiver<(String, Value)>,
}

impl Lambda for RuntimeApi {
    fn start(world: &World, name: &str, settings: &[(&'static str, String)]) -> Option<Self> {
        let (events, waiting) = channel();
        let (sender, answers) = channel();
        let waiting = Mutex::new(waiting);
        let server = Server::start(move |request| answer(request, &waiting, &sender));
        let mut environment = settings.to_vec();
        environment.extend([
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256".to_owned()),
            ("AWS_LAMBDA_FUNCTION_NAME", name.to_owned()),
            ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
            ("AWS_LAMBDA_RUNTIME_API", server.address.to_string()),
        ]);
        let process = Process::start(&mut Command::new(binary(name)), &environment, &world.log());
        Some(Self { _process: process, events, answers })
    }

    fn invoke(&mut self, event: &Value) -> Value {
        self.events.send(event.clone()).unwrap();
        let (target, answer) = self.answers.recv_timeout(PATIENCE).unwrap();
        assert!(target.ends_with("/invocation/request-1/response"), "{target} {answer}");
        answer
    }
}

/// `next` waits for an event as long as there is a test to send one.
fn answer(
    request: &Message,
    events: &Mutex<Receiver<Value>>,
    answers: &Sender<(String, Value)>,
) -> Answer {
    let target = request.target();
    if target == "GET /2018-06-01/runtime/invocation/next" {
        let event = events.lock().unwrap().recv().unwrap_or_default();
        let headers = vec![
            ("Lambda-Runtime-Aws-Request-Id", "request-1".to_owned()),
            ("Lambda-Runtime-Deadline-Ms", "32503680000000".to_owned()),
            ("Lambda-Runtime-Invoked-Function-Arn", "arn:aws:lambda:x:0:function:x".to_owned()),
        ];
        return Answer { status: 200, headers, body: event.to_string().into_bytes() };
    }
    // The receiver is gone when the test has ended.
    let _ = answers.send((target, request.json()));
    Answer { status: 202, headers: Vec::new(), body: json!({"status": "OK"}).to_string().into() }
}
