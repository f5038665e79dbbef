//! `cargo dev`: the whole product on one port.

use std::process::ExitCode;

use dev::{Environment, Mode, Server, Setup};
use fakes::Pace;
use shared::settings::Token;
use tokio::net::TcpListener;

/// Unless `PORT` says otherwise.
const PORT: u16 = 3000;

#[tokio::main(worker_threads = 2)]
async fn main() -> ExitCode {
    match start().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("close-loop cannot start: {why}");
            ExitCode::FAILURE
        }
    }
}

async fn start() -> Result<(), String> {
    shared::host::silence_panics();
    let environment = Environment::from_process()?;
    shared::host::json_log(std::io::stderr, Some(environment.get("RUST_LOG").unwrap_or("warn")));
    let listener = listen(environment.get("PORT")).await?;
    let setup = Setup {
        pace: pace(environment.get("SIMULATED_PACE"))?,
        seed: rand::random(),
        environment,
        new_token: Box::new(|| format!("{:032x}", rand::random::<u128>())),
    };
    let server = Server::new(listener, setup).await.map_err(|error| error.to_string())?;
    greet(&server);
    server.run().await.map_err(|error| error.to_string())
}

/// `SIMULATED_PACE`: people who watch want to see the phone ring, judges do not.
fn pace(word: Option<&str>) -> Result<Pace, String> {
    match word {
        None | Some("real-time") => Ok(Pace::RealTime),
        Some("instant") => Ok(Pace::Instant),
        Some(_) => Err("SIMULATED_PACE must be real-time or instant".to_owned()),
    }
}

/// On loopback only. A wish for a port is kept or fails; without one any free port will do.
async fn listen(port: Option<&str>) -> Result<TcpListener, String> {
    let bind = async |port: u16| TcpListener::bind(("127.0.0.1", port)).await;
    match port {
        Some(text) => {
            let port = text.trim().parse().map_err(|_| format!("PORT={text} is no port"))?;
            bind(port).await.map_err(|error| format!("port {port}: {error}"))
        }
        None => match bind(PORT).await {
            Ok(listener) => Ok(listener),
            Err(_) => bind(0).await.map_err(|error| error.to_string()),
        },
    }
}

fn greet(server: &Server) {
    let address = server.address;
    println!("close-loop listens on http://{address}");
    for problem in &server.app.settings.problems {
        println!("  MISCONFIGURED, so nothing is dialled: {problem}");
    }
    let app_url = server.app.settings.app_url.as_ref().map(|app_url| app_url.base());
    if let Some(base) = app_url.filter(|base| *base != format!("http://{address}")) {
        println!("  Twilio calls back at {base}");
    }
    match server.mode {
        Mode::Simulated => {
            println!("  Twilio and ElevenLabs are simulated: no phone rings, nothing is spent.");
            println!("  Open the address and press Call, or:");
        }
        Mode::Real => {
            println!("  REAL Twilio and ElevenLabs: phones ring and money is spent.");
            if let Some(token) = &server.made_token {
                println!("  MAKE_CALL_TOKEN was not set; for this run it is {token}");
            }
        }
    }
    let who = match server.app.settings.access.token {
        Token::Unset => format!("-H 'origin: http://{address}'"),
        Token::Set(_) | Token::Malformed => {
            "-H \"authorization: Bearer $MAKE_CALL_TOKEN\"".to_owned()
        }
    };
    println!("  curl -sS http://{address}/api/twilio/make-call {who} \\");
    println!("    -H 'content-type: application/json' -d '{{\"to\":\"+12125550123\"}}'");
    println!("  curl -sS http://{address}/api/twilio/status {who}");
}
