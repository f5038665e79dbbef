//! DynamoDB-compatible servers, and the table as the deployment template makes it.

use std::io::{Read as _, Write as _};
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::Missing;
use crate::server::{Server, connect};
use hosts::{Folder, free_port};

/// A server that speaks DynamoDB's JSON.
#[derive(Debug)]
pub(crate) struct DynamoServer {
    server: Option<Server>,
    port: u16,
    kind: Kind,
    folder: Folder,
}

#[derive(Clone, Copy, Debug)]
pub(crate) enum Kind {
    /// `DYNOXIDE`, or `dynoxide` on the path; forgets its rows with its end.
    Dynoxide,
    /// The same with a file: an fsync for each write.
    DynoxideWithFile,
    /// The package `ministack` of `MINISTACK_PYTHON`.
    MiniStack,
}

impl DynamoServer {
    pub(crate) fn start(kind: Kind) -> Result<Self, Missing> {
        let mut server =
            Self { server: None, port: free_port().port(), kind, folder: Folder::new() };
        server.restart()?;
        Ok(server)
    }

    pub(crate) fn kill(&mut self) {
        self.server = None;
    }

    pub(crate) fn restart(&mut self) -> Result<(), Missing> {
        self.kill();
        let mut command = match self.kind {
            Kind::Dynoxide => dynoxide(self.port, None),
            Kind::DynoxideWithFile => dynoxide(self.port, Some(self.folder.path())),
            Kind::MiniStack => ministack(self.port)?,
        };
        command.current_dir(self.folder.path());
        let port = self.port;
        let is_ready = || matches!(ask(port, "ListTables", &json!({})), Some((200, _)));
        self.server = Some(Server::start(&mut command, Some(&self.folder), is_ready)?);
        Ok(())
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }
}

fn dynoxide(port: u16, folder: Option<&Path>) -> Command {
    let program = std::env::var("DYNOXIDE").unwrap_or_else(|_| "dynoxide".to_owned());
    let mut command = Command::new(program);
    command.args(["serve", "--host", "127.0.0.1", "--port", &port.to_string()]);
    if let Some(folder) = folder {
        command.arg("--db-path").arg(folder.join("dynoxide.sqlite"));
    }
    command
}

fn ministack(port: u16) -> Result<Command, Missing> {
    let python = std::env::var("MINISTACK_PYTHON")
        .map_err(|_| Missing("MINISTACK_PYTHON is not set: no second DynamoDB".to_owned()))?;
    let mut command = Command::new(python);
    command.args(["-m", "ministack"]).env("GATEWAY_PORT", port.to_string());
    command.env("SERVICES", "dynamodb").env("BIND_HOST", "127.0.0.1");
    Ok(command)
}

/// Makes the table of `template.yaml`.
pub(crate) fn create_table(port: u16, name: &str) {
    let attribute = |name: &str| json!({"AttributeName": name, "AttributeType": "S"});
    let key = |name: &str, kind: &str| json!({"AttributeName": name, "KeyType": kind});
    let table = json!({
        "TableName": name,
        "BillingMode": "PAY_PER_REQUEST",
        "AttributeDefinitions": [attribute("pk"), attribute("gpk"), attribute("gsk")],
        "KeySchema": [key("pk", "HASH")],
        "GlobalSecondaryIndexes": [{
            "IndexName": "recent",
            "KeySchema": [key("gpk", "HASH"), key("gsk", "RANGE")],
            "Projection": {"ProjectionType": "KEYS_ONLY"},
        }],
    });
    let (status, answer) = ask(port, "CreateTable", &table).expect("an answer to CreateTable");
    assert_eq!(status, 200, "{answer}");
}

/// One request by hand: the SDK is the adapter's business, and these servers check no signature.
#[must_use]
pub fn ask(port: u16, operation: &str, body: &Value) -> Option<(u16, String)> {
    let body = body.to_string();
    let mut stream = connect(port)?;
    let head = format!(
        "POST / HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nConnection: close\r\n\
         Content-Type: application/x-amz-json-1.0\r\n\
         X-Amz-Target: DynamoDB_20120810.{operation}\r\n\
         X-Amz-Date: 20260101T000000Z\r\n\
         Authorization: AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/dynamodb/aws4_request, \
         SignedHeaders=host;x-amz-date, Signature=0\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(head.as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let status = answer.get(9..12)?.parse().ok()?;
    Some((status, answer.split_once("\r\n\r\n")?.1.to_owned()))
}
