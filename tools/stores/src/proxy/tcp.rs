//! Between a client and any server: bytes, whatever they mean.

use std::io::Result;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

use crate::losses::{Loss, Way};
use crate::stand_in::StandIn;

/// What is to go wrong.
#[derive(Clone, Copy, Debug, Default)]
struct Faults {
    passing: usize,
    losing: usize,
    loss: Loss,
    lost_every: usize,
    replies: usize,
    lost: usize,
    delay: Duration,
    is_refusing: bool,
}

impl Faults {
    fn loses_this(&mut self, what: Loss) -> bool {
        let mut is_due = false;
        if what == Loss::Reply {
            self.replies += 1;
            is_due = self.lost_every > 0 && self.replies.is_multiple_of(self.lost_every);
        }
        if what == self.loss && self.losing > 0 {
            match self.passing.checked_sub(1) {
                Some(left) => self.passing = left,
                None => {
                    self.losing -= 1;
                    is_due = true;
                }
            }
        }
        self.lost += usize::from(is_due);
        is_due
    }
}

/// A proxy that understands nothing.
#[derive(Debug)]
pub struct TcpProxy {
    stand_in: StandIn,
    faults: Arc<Mutex<Faults>>,
}

impl TcpProxy {
    /// Stands in front of a port of 127.0.0.1.
    #[must_use]
    pub fn start(server: u16) -> Self {
        let faults = Arc::<Mutex<Faults>>::default();
        let shared = Arc::clone(&faults);
        let accept = |listener: TcpListener| async move {
            while let Ok((client, _)) = listener.accept().await {
                if !shared.lock().unwrap().is_refusing {
                    tokio::spawn(serve(client, server, Arc::clone(&shared)));
                }
            }
        };
        Self { stand_in: StandIn::start(0, accept), faults }
    }

    /// Where clients connect.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.stand_in.port()
    }

    /// Loses the next replies: the server has done its work, and the connection breaks.
    pub fn lose_replies(&self, count: usize) {
        self.cut(0, Loss::Reply, count);
    }

    /// Loses every so many-th reply from now on; 0 for none.
    pub fn lose_every(&self, period: usize) {
        self.faults.lock().unwrap().lost_every = period;
    }

    /// How many of them were lost so far.
    #[must_use]
    pub fn lost(&self) -> usize {
        self.faults.lock().unwrap().lost
    }

    /// Holds every reply back for so long.
    pub fn delay_replies(&self, delay: Duration) {
        self.faults.lock().unwrap().delay = delay;
    }

    /// Closes new connections at once.
    pub fn refuse(&self, is_refusing: bool) {
        self.faults.lock().unwrap().is_refusing = is_refusing;
    }
}

impl Way for TcpProxy {
    fn cut(&self, passing: usize, loss: Loss, count: usize) {
        let mut faults = self.faults.lock().unwrap();
        (faults.passing, faults.loss, faults.losing, faults.lost) = (passing, loss, count, 0);
    }

    fn mend(&self) -> bool {
        let mut faults = self.faults.lock().unwrap();
        faults.losing = 0;
        faults.lost > 0
    }
}

async fn serve(client: TcpStream, server: u16, faults: Arc<Mutex<Faults>>) -> Result<()> {
    let server = TcpStream::connect((Ipv4Addr::LOCALHOST, server)).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    // Whichever ends first ends both.
    tokio::select! {
        result = pass(Loss::Request, from_client, to_server, &faults) => result,
        result = pass(Loss::Reply, from_server, to_client, &faults) => result,
    }
}

async fn pass(
    what: Loss,
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    faults: &Mutex<Faults>,
) -> Result<()> {
    let mut bytes = vec![0; 64 * 1024];
    loop {
        let length = from.read(&mut bytes).await?;
        if length == 0 {
            return Ok(());
        }
        let delay = {
            let mut faults = faults.lock().unwrap();
            if faults.loses_this(what) {
                return Ok(());
            }
            faults.delay
        };
        if what == Loss::Reply && !delay.is_zero() {
            tokio::time::sleep(delay).await;
        }
        to.write_all(&bytes[..length]).await?;
    }
}
