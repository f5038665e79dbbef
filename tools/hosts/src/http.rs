//! Just enough HTTP/1.1 over blocking sockets, for both sides of a test.

use std::io::{self, BufRead, BufReader, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// Far longer than any answer takes; only what hangs meets it.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// A request or an answer.
#[derive(Clone, Debug)]
pub struct Message {
    /// `POST /path HTTP/1.1` or `HTTP/1.1 200 OK`.
    pub start: String,
    /// As they came.
    pub headers: Vec<(String, String)>,
    /// Whole, also where it came in chunks.
    pub body: Vec<u8>,
}

impl Message {
    /// The value of a header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The status of an answer.
    #[must_use]
    pub fn status(&self) -> u16 {
        self.word(1).parse().unwrap()
    }

    /// Method and path of a request, `GET /`.
    #[must_use]
    pub fn target(&self) -> String {
        format!("{} {}", self.word(0), self.word(1))
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    /// The body as JSON.
    #[must_use]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap()
    }

    fn word(&self, index: usize) -> &str {
        self.start.split(' ').nth(index).unwrap_or_default()
    }

    /// Reads one message; `None` where the other side has closed. The answer to a `HEAD` has no body,
    /// whatever its length.
    fn read(from: &mut impl BufRead, is_head: bool) -> io::Result<Option<Self>> {
        let start = line(from)?;
        if start.is_empty() {
            return Ok(None);
        }
        let mut message = Self { start, headers: Vec::new(), body: Vec::new() };
        loop {
            let line = line(from)?;
            let Some((name, value)) = line.split_once(':') else { break };
            message.headers.push((name.to_owned(), value.trim().to_owned()));
        }
        match message.header("content-length") {
            Some(_) if is_head => {}
            Some(length) => {
                message.body = vec![0; length.parse().unwrap()];
                from.read_exact(&mut message.body)?;
            }
            None if message.header("transfer-encoding") == Some("chunked") => loop {
                let length = usize::from_str_radix(&line(from)?, 16).unwrap();
                let before = message.body.len();
                message.body.resize(before + length, 0);
                from.read_exact(&mut message.body[before..])?;
                line(from)?;
                if length == 0 {
                    break;
                }
            },
            None => {}
        }
        Ok(Some(message))
    }
}

fn line(from: &mut impl BufRead) -> io::Result<String> {
    let mut line = String::new();
    from.read_line(&mut line)?;
    Ok(line.trim_end().to_owned())
}

fn write(to: &mut TcpStream, start: &str, headers: &[(&str, &str)], body: &[u8]) -> io::Result<()> {
    let mut bytes = format!("{start}\r\ncontent-length: {}\r\n", body.len()).into_bytes();
    for (name, value) in headers {
        bytes.extend_from_slice(format!("{name}: {value}\r\n").as_bytes());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body);
    to.write_all(&bytes)
}

/// Sends one request on a connection of its own and reads the answer.
pub fn ask(
    to: SocketAddr,
    target: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> io::Result<Message> {
    let mut stream = TcpStream::connect(to)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    // No Host here: what the host puts there is part of each test.
    write(&mut stream, &format!("{target} HTTP/1.1"), headers, body)?;
    let answer = Message::read(&mut BufReader::new(stream), target.starts_with("HEAD "))?;
    answer.ok_or_else(|| io::ErrorKind::UnexpectedEof.into())
}

/// What a [`Server`] answers.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Without the length.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// A server on a free port, for the rest of the test process's life.
#[derive(Debug)]
pub struct Server {
    /// Where it listens.
    pub address: SocketAddr,
    seen: Arc<Mutex<Vec<Message>>>,
}

impl Server {
    /// Answers every request by this function.
    pub fn start(answer: impl Fn(&Message) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let server = Self { address: listener.local_addr().unwrap(), seen: Arc::default() };
        let (seen, answer) = (Arc::clone(&server.seen), Arc::new(answer));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (seen, answer) = (Arc::clone(&seen), Arc::clone(&answer));
                thread::spawn(move || converse(stream, &seen, &*answer));
            }
        });
        server
    }

    /// The requests that came so far, in the order of their arrival.
    #[must_use]
    pub fn seen(&self) -> Vec<Message> {
        self.seen.lock().unwrap().clone()
    }
}

/// Answers until the other side closes. A broken connection is the asking side's failure to report.
fn converse(
    mut stream: TcpStream,
    seen: &Mutex<Vec<Message>>,
    answer: &impl Fn(&Message) -> Answer,
) -> Option<()> {
    let mut requests = BufReader::new(stream.try_clone().ok()?);
    loop {
        let request = Message::read(&mut requests, false).ok()??;
        seen.lock().unwrap().push(request.clone());
        let Answer { status, headers, body } = answer(&request);
        let headers: Vec<_> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
        write(&mut stream, &format!("HTTP/1.1 {status} -"), &headers, &body).ok()?;
    }
}
