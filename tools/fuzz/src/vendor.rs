//! The other side of our HTTP client: a server that answers whatever it is told to.

use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};

/// What every request gets.
#[derive(Clone, Debug, Default)]
struct Answer(Vec<u8>);

/// A server on a port of its own, for as long as the process lives.
#[derive(Debug)]
pub(crate) struct Vendor {
    pub(crate) url: String,
    answer: Arc<Mutex<Answer>>,
}

impl Vendor {
    #[expect(clippy::expect_used, reason = "without a port there is nothing to fuzz")]
    pub(crate) fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address").port();
        let answer = Arc::new(Mutex::new(Answer::default()));
        let told = Arc::clone(&answer);
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let told = Arc::clone(&told);
                std::thread::spawn(move || serve(connection, &told));
            }
        });
        Self { url: format!("http://127.0.0.1:{port}"), answer }
    }

    /// From now on, this. `header` is one of those we read; `Location` is none of them, because it
    /// would be followed to wherever it leads.
    pub(crate) fn answers(&self, status: &str, header: (&str, &str), body: &[u8]) {
        let status =
            status.parse().ok().filter(|status| (200..600).contains(status)).unwrap_or(200);
        // These have no body, and its bytes would be taken for the next answer.
        let body = if [204, 205, 304].contains(&status) { &[] } else { body };
        let mut head = format!("HTTP/1.1 {status} x\r\ncontent-length: {}\r\n", body.len());
        let (name, value) = header;
        if !value.is_empty() && value.bytes().all(|byte| matches!(byte, b' '..=b'~')) {
            // Writing to a String never fails.
            let _ = write!(head, "{name}: {value}\r\n");
        }
        let bytes = [head.as_bytes(), b"\r\n", body].concat();
        *self.answer.lock().unwrap_or_else(PoisonError::into_inner) = Answer(bytes);
    }
}

fn serve(connection: TcpStream, told: &Mutex<Answer>) {
    let _ = connection.set_nodelay(true);
    let Ok(reading) = connection.try_clone() else { return };
    let (mut reading, mut writing) = (BufReader::new(reading), connection);
    while skip_request(&mut reading).is_some() {
        let Answer(answer) = told.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if writing.write_all(&answer).is_err() {
            return;
        }
    }
}

fn skip_request(reading: &mut BufReader<TcpStream>) -> Option<()> {
    let mut length = 0;
    loop {
        let mut line = String::new();
        if reading.read_line(&mut line).ok()? == 0 {
            return None;
        }
        match line.trim_end().split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.trim().parse().ok()?;
            }
            None if line.trim_end().is_empty() => break,
            _ => {}
        }
    }
    std::io::copy(&mut reading.take(length), &mut std::io::sink()).ok().map(|_| ())
}
