//! Upstash's REST interface over a real Redis, as <https://upstash.com/docs/redis/features/restapi> has it.

mod json;

use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use serde_json::{Value, json};

use crate::resp::{Command, Connection, Reply};
use crate::stand_in::StandIn;
use json::Encoding;

/// The shim, served by a thread of its own.
#[derive(Debug)]
pub struct KvRest(StandIn);

#[derive(Debug)]
struct Database {
    redis_port: u16,
    number: u32,
    bearer: String,
    /// Connections that no request uses: a transaction needs a connection of its own.
    idle: Mutex<Vec<Connection>>,
}

impl KvRest {
    /// Serves database `number` of the Redis at `redis_port` to clients that show `token`.
    #[must_use]
    pub fn start(port: u16, redis_port: u16, number: u32, token: &str) -> Self {
        let database = Arc::new(Database {
            redis_port,
            number,
            bearer: format!("Bearer {token}"),
            idle: Mutex::default(),
        });
        let routes = Router::new()
            .route("/", post(one))
            .route("/pipeline", post(pipeline))
            .route("/multi-exec", post(multi_exec))
            .with_state(database);
        Self(StandIn::of_routes(port, routes))
    }

    /// `http://127.0.0.1:PORT`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port())
    }

    /// Where it listens.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.0.port()
    }
}

impl Database {
    async fn ask(&self, commands: &[Command]) -> Result<Vec<Reply>, Refusal> {
        // Read out before the wait: the guard must not live across it.
        let idle = self.idle.lock().unwrap().pop();
        let mut connection = match idle {
            Some(connection) => connection,
            None => Connection::open(self.redis_port, self.number).await.map_err(gone)?,
        };
        let replies = connection.ask(commands).await.map_err(gone)?;
        self.idle.lock().unwrap().push(connection);
        Ok(replies)
    }

    /// 401 before anything is read.
    fn admit(&self, headers: &HeaderMap) -> Result<Encoding, Refusal> {
        let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
        if shown != Some(self.bearer.as_str()) {
            return Err(Refusal(StatusCode::UNAUTHORIZED, "Unauthorized".to_owned()));
        }
        let asked = headers.get("upstash-encoding").and_then(|value| value.to_str().ok());
        Ok(if asked == Some("base64") { Encoding::Base64 } else { Encoding::Plain })
    }
}

/// A status and the text of `{"error": ...}`.
struct Refusal(StatusCode, String);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        answer(self.0, &json!({ "error": self.1 }))
    }
}

fn gone(error: std::io::Error) -> Refusal {
    Refusal(StatusCode::INTERNAL_SERVER_ERROR, error.to_string())
}

fn bad(what: impl ToString) -> Refusal {
    Refusal(StatusCode::BAD_REQUEST, what.to_string())
}

fn answer(status: StatusCode, body: &Value) -> Response {
    (status, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

type Answer = Result<Response, Refusal>;

async fn one(State(db): State<Arc<Database>>, headers: HeaderMap, body: Bytes) -> Answer {
    let encoding = db.admit(&headers)?;
    let command = json::command(&json::parse(&body).map_err(bad)?).map_err(bad)?;
    let replies = db.ask(&[command]).await?;
    match replies.as_slice() {
        [Reply::Error(error)] => Err(bad(error)),
        [reply] => Ok(answer(StatusCode::OK, &json!({ "result": encoding.value(reply) }))),
        _ => Err(bad("no reply")),
    }
}

async fn pipeline(State(db): State<Arc<Database>>, headers: HeaderMap, body: Bytes) -> Answer {
    let encoding = db.admit(&headers)?;
    let replies = db.ask(&json::commands(&body).map_err(bad)?).await?;
    Ok(answer(StatusCode::OK, &encoding.entries(&replies)))
}

async fn multi_exec(State(db): State<Arc<Database>>, headers: HeaderMap, body: Bytes) -> Answer {
    let encoding = db.admit(&headers)?;
    let mut commands = json::commands(&body).map_err(bad)?;
    commands.insert(0, vec![b"MULTI".to_vec()]);
    commands.push(vec![b"EXEC".to_vec()]);
    let mut replies = db.ask(&commands).await?;
    match replies.pop() {
        Some(Reply::Array(Some(results))) => {
            Ok(answer(StatusCode::OK, &encoding.entries(&results)))
        }
        // The transaction was thrown away: the first refusal says why.
        last => {
            let refusal = replies.into_iter().chain(last).find_map(|reply| match reply {
                Reply::Error(error) => Some(error),
                _ => None,
            });
            Err(bad(refusal.unwrap_or_else(|| "EXECABORT".to_owned())))
        }
    }
}
