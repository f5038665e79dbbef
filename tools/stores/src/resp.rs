//! Just enough of Redis's protocol to judge a client of it: RESP 2 by hand.

use std::io::{Error, ErrorKind, Result};
use std::net::Ipv4Addr;

use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;

/// A command: its name and its arguments.
pub type Command = Vec<Vec<u8>>;

/// What Redis answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// `+OK`.
    Simple(String),
    /// `-ERR ...`.
    Error(String),
    /// `:1`.
    Integer(i64),
    /// `$3` or nothing.
    Bulk(Option<Vec<u8>>),
    /// `*2` or nothing.
    Array(Option<Vec<Self>>),
}

/// One connection, used by one at a time.
#[derive(Debug)]
pub struct Connection(BufReader<TcpStream>);

impl Connection {
    /// Connects to 127.0.0.1 and chooses a database.
    pub async fn open(port: u16, database: u32) -> Result<Self> {
        let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await?;
        stream.set_nodelay(true)?;
        let mut connection = Self(BufReader::new(stream));
        let select = vec![b"SELECT".to_vec(), database.to_string().into_bytes()];
        match connection.ask(&[select]).await?.as_slice() {
            [Reply::Simple(_)] => Ok(connection),
            other => Err(Error::other(format!("SELECT: {other:?}"))),
        }
    }

    /// Sends all commands at once and reads as many replies.
    pub async fn ask(&mut self, commands: &[Command]) -> Result<Vec<Reply>> {
        let mut bytes = Vec::new();
        for command in commands {
            bytes.extend(format!("*{}\r\n", command.len()).bytes());
            for argument in command {
                bytes.extend(format!("${}\r\n", argument.len()).bytes());
                bytes.extend(argument);
                bytes.extend(b"\r\n");
            }
        }
        self.0.get_mut().write_all(&bytes).await?;
        let mut replies = Vec::with_capacity(commands.len());
        for _ in commands {
            replies.push(self.read().await?);
        }
        Ok(replies)
    }

    async fn read(&mut self) -> Result<Reply> {
        let mut line = String::new();
        self.0.read_line(&mut line).await?;
        let line = line.strip_suffix("\r\n").ok_or(ErrorKind::UnexpectedEof)?;
        let (kind, rest) = line.split_at_checked(1).ok_or(ErrorKind::InvalidData)?;
        let number = || rest.parse::<i64>().map_err(Error::other);
        match kind {
            "+" => Ok(Reply::Simple(rest.to_owned())),
            "-" => Ok(Reply::Error(rest.to_owned())),
            ":" => Ok(Reply::Integer(number()?)),
            "$" => match usize::try_from(number()?) {
                Err(_) => Ok(Reply::Bulk(None)),
                Ok(length) => {
                    let mut bytes = vec![0; length + 2];
                    self.0.read_exact(&mut bytes).await?;
                    bytes.truncate(length);
                    Ok(Reply::Bulk(Some(bytes)))
                }
            },
            "*" => match usize::try_from(number()?) {
                Err(_) => Ok(Reply::Array(None)),
                Ok(length) => {
                    let mut items = Vec::with_capacity(length);
                    for _ in 0..length {
                        items.push(Box::pin(self.read()).await?);
                    }
                    Ok(Reply::Array(Some(items)))
                }
            },
            _ => Err(ErrorKind::InvalidData.into()),
        }
    }
}
