//! `cargo dev` itself, ended while a phone is about to ring.

use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};

use crate::bench::{ANSWERS, TOKEN, call_sid};

/// Gone with the test.
struct Dev(Child, #[expect(dead_code, reason = "it goes on printing")] BufReader<ChildStdout>);

impl Drop for Dev {
    fn drop(&mut self) {
        // Both fail only if it is gone already.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// With real settings, but for where Twilio is; and the address that it prints.
fn dev(folder: &std::path::Path, twilio: &str) -> (Dev, String) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_dev"))
        .env_clear()
        .envs([
            ("ELEVENLABS_AGENT_ID", "agent_1"),
            ("ELEVENLABS_API_KEY", "key_1"),
            ("MAKE_CALL_TOKEN", TOKEN),
            ("NEXT_PUBLIC_APP_URL", "https://app.example"),
            ("PORT", "0"),
            ("TWILIO_ACCOUNT_SID", dev::SIMULATED_ACCOUNT_SID),
            ("TWILIO_API_URL", twilio),
            ("TWILIO_AUTH_TOKEN", "token_1"),
            ("TWILIO_PHONE_NUMBER", "+12125550100"),
        ])
        .current_dir(folder)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    stdout.read_line(&mut line).unwrap();
    let base = line.trim().strip_prefix("close-loop listens on ").unwrap().to_owned();
    (Dev(child, stdout), base)
}

#[tokio::test]
async fn a_dial_in_flight_is_finished_before_cargo_dev_ends() {
    for signal in ["TERM", "INT"] {
        let folder = std::env::temp_dir().join(format!("ending-{}-{signal}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let twilio = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (mut dev, base) = dev(&folder, &format!("http://{}", twilio.local_addr().unwrap()));
        let dial = shared::net::client().unwrap().post(format!("{base}/api/twilio/make-call"));
        let dial = dial.bearer_auth(TOKEN).header("content-type", "application/json");
        let dial = tokio::spawn(dial.body(json!({ "to": ANSWERS }).to_string()).send());
        let (mut asked, _) = twilio.accept().await.unwrap();
        assert!(asked.read(&mut [0; 4096]).await.unwrap() > 0);
        let kill = format!("kill -{signal} {}", dev.0.id());
        assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
        // It takes no new request any more.
        while TcpStream::connect(base.trim_start_matches("http://")).await.is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let call = json!({"sid": call_sid('1'), "status": "queued"}).to_string();
        let head = format!("HTTP/1.1 201 Created\r\ncontent-length: {}\r\n\r\n", call.len());
        asked.write_all(format!("{head}{call}").as_bytes()).await.unwrap();
        let answer = dial.await.unwrap().unwrap().text().await.unwrap();
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(answer["callSid"], call_sid('1'), "{signal} {answer}");
        assert!(dev.0.wait().unwrap().success(), "{signal}");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
