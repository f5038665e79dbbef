//! The stores, the servers they need, and a space of its own for each test.

use std::ops::Deref;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use shared::store::Store;

use crate::dynamodb::{DynamoServer, Kind, create_table};
use crate::kv_rest::KvRest;
use crate::losses::{Way, cut_off};
use crate::proxy::TcpProxy;
use crate::{Folder, Missing, RedisServer, calls, part};

pub use crate::backend_open::open_at;

/// What the shim and its clients agree on.
pub const TOKEN: &str = "a-token-of-the-tests";

/// Every store, and every part it is tested over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Backend {
    /// A file.
    Sqlite,
    /// A real redis-server.
    RedisTcp,
    /// The same, encrypted.
    RedisTls,
    /// Upstash's REST interface over the same.
    KvRest,
    /// DynamoDB's interface by dynoxide.
    DynamoDbDynoxide,
    /// The cross-check: DynamoDB's interface by MiniStack.
    DynamoDbMiniStack,
}

impl Backend {
    /// All of them that this build carries.
    #[must_use]
    pub fn all() -> Vec<Self> {
        let mut all = Vec::new();
        if cfg!(feature = "sqlite") {
            all.push(Self::Sqlite);
        }
        if cfg!(feature = "redis") {
            all.extend([Self::RedisTcp, Self::RedisTls, Self::KvRest]);
        }
        if cfg!(feature = "dynamodb") {
            all.extend([Self::DynamoDbDynoxide, Self::DynamoDbMiniStack]);
        }
        all
    }

    /// As it stands in a table.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::RedisTcp => "Redis over TCP",
            Self::RedisTls => "Redis over TLS",
            Self::KvRest => "Redis over REST",
            Self::DynamoDbDynoxide => "DynamoDB (dynoxide)",
            Self::DynamoDbMiniStack => "DynamoDB (MiniStack)",
        }
    }

    /// Starts what it needs and waits until it answers.
    pub fn start(self) -> Result<Running, Missing> {
        let server = match self {
            Self::Sqlite => Part::Nothing,
            Self::RedisTcp | Self::KvRest => Part::Redis(RedisServer::start()?),
            Self::RedisTls => Part::Redis(RedisServer::start_tls()?),
            Self::DynamoDbDynoxide => Part::DynamoDb(DynamoServer::start(Kind::Dynoxide)?),
            Self::DynamoDbMiniStack => Part::DynamoDb(DynamoServer::start(Kind::MiniStack)?),
        };
        Ok(Running { backend: self, server, spaces: AtomicU32::new(0) })
    }

    /// Starts it, or says loudly that it is missing.
    #[must_use]
    pub fn start_or_skip(self) -> Option<Running> {
        self.start().map_err(|why| part::skip(&why)).ok()
    }

    /// The same where the server keeps on disk what it acknowledged. MiniStack cannot.
    #[must_use]
    pub fn start_durable_or_skip(self) -> Option<Running> {
        if self != Self::DynamoDbDynoxide {
            return self.start_or_skip();
        }
        let server = DynamoServer::start(Kind::DynoxideWithFile);
        let running = |server| Running {
            backend: self,
            server: Part::DynamoDb(server),
            spaces: AtomicU32::new(0),
        };
        server.map(running).map_err(|why| part::skip(&why)).ok()
    }
}

/// A server that runs until it is dropped.
#[derive(Debug)]
pub struct Running {
    backend: Backend,
    server: Part,
    spaces: AtomicU32,
}

#[derive(Debug)]
enum Part {
    Nothing,
    Redis(RedisServer),
    DynamoDb(DynamoServer),
}

impl Running {
    /// An empty table, database or file that no other test sees.
    #[must_use]
    pub fn space(&self) -> Space {
        let number = self.spaces.fetch_add(1, Ordering::Relaxed);
        let (place, shim) = match (&self.server, self.backend) {
            (Part::Nothing, _) => {
                let folder = Folder::new();
                let file = folder.path().join("made by the store").join("calls.sqlite");
                let place = Place::File(file);
                return Space { backend: self.backend, place, shim: None, _folder: Some(folder) };
            }
            (Part::Redis(redis), Backend::KvRest) => {
                let shim = KvRest::start(0, redis.port(), number, TOKEN);
                (Place::KvRest(shim.port()), Some(shim))
            }
            (Part::Redis(redis), Backend::RedisTls) => {
                let authority = redis.authority().expect("started with TLS");
                (Place::RedisTls { port: redis.tls_port(), database: number, authority }, None)
            }
            (Part::Redis(redis), _) => {
                (Place::Redis { port: redis.port(), database: number }, None)
            }
            (Part::DynamoDb(server), _) => {
                let table = format!("calls-{number}");
                create_table(server.port(), &table);
                (Place::DynamoDb { port: server.port(), table }, None)
            }
        };
        Space { backend: self.backend, place, shim, _folder: None }
    }

    /// Kills the server as `kill -9` does.
    pub fn kill(&mut self) {
        match &mut self.server {
            Part::Nothing => {}
            Part::Redis(redis) => redis.kill(),
            Part::DynamoDb(server) => server.kill(),
        }
    }

    /// Starts it again where it was, with what it had kept.
    pub fn restart(&mut self) -> Result<(), Missing> {
        match &mut self.server {
            Part::Nothing => Ok(()),
            Part::Redis(redis) => redis.restart(),
            Part::DynamoDb(server) => server.restart(),
        }
    }
}

/// Where a store of one test is.
#[derive(Clone, Debug)]
pub enum Place {
    /// SQLite's file.
    File(PathBuf),
    /// A database of a redis-server.
    Redis {
        /// Of plain TCP.
        port: u16,
        /// Its number.
        database: u32,
    },
    /// The same, encrypted.
    RedisTls {
        /// Of TLS.
        port: u16,
        /// Its number.
        database: u32,
        /// Who signed the server's certificate.
        authority: PathBuf,
    },
    /// The REST interface.
    KvRest(u16),
    /// A table.
    DynamoDb {
        /// Of HTTP.
        port: u16,
        /// Its name.
        table: String,
    },
}

impl Place {
    /// Where clients connect.
    #[must_use]
    pub fn port(&self) -> Option<u16> {
        match self {
            Self::File(_) => None,
            Self::Redis { port, .. }
            | Self::RedisTls { port, .. }
            | Self::KvRest(port)
            | Self::DynamoDb { port, .. } => Some(*port),
        }
    }

    /// The same place, reached through a proxy.
    #[must_use]
    pub fn through(&self, proxy: u16) -> Self {
        let mut place = self.clone();
        match &mut place {
            Self::File(_) => {}
            Self::Redis { port, .. }
            | Self::RedisTls { port, .. }
            | Self::KvRest(port)
            | Self::DynamoDb { port, .. } => *port = proxy,
        }
        place
    }
}

/// A place of one test's own.
#[derive(Debug)]
pub struct Space {
    backend: Backend,
    place: Place,
    shim: Option<KvRest>,
    _folder: Option<Folder>,
}

impl Space {
    /// Where it is.
    #[must_use]
    pub fn place(&self) -> &Place {
        &self.place
    }

    /// Opens the store once, as one instance of a function does.
    #[must_use]
    pub fn open(&self) -> Arc<dyn Store> {
        open_at(&self.place, calls::RETENTION_DAYS)
    }

    /// The same, keeping calls for so many days.
    #[must_use]
    pub fn open_for(&self, days: u32) -> Arc<dyn Store> {
        open_at(&self.place, days)
    }

    /// An instance, and its way to the server, which can be cut.
    #[must_use]
    pub fn behind_a_way(&self, days: u32) -> (Arc<dyn Store>, Arc<dyn Way>) {
        let Some(port) = self.place.port() else { return cut_off(self.open_for(days)) };
        let proxy = TcpProxy::start(port);
        (open_at(&self.place.through(proxy.port()), days), Arc::new(proxy))
    }

    /// Opens it for a test that needs several instances.
    #[must_use]
    pub fn opened(self) -> Opened {
        Opened { handles: [self.open(), self.open()], space: Some(self) }
    }

    /// The shim in front of Redis, where there is one.
    #[must_use]
    pub fn shim(&self) -> Option<&KvRest> {
        self.shim.as_ref()
    }
}

/// A store as two instances of a function have opened it; as one, it is the first.
pub struct Opened {
    handles: [Arc<dyn Store>; 2],
    space: Option<Space>,
}

impl Opened {
    /// A store that needs no server, as two instances have it.
    #[must_use]
    pub fn over(handles: [Arc<dyn Store>; 2]) -> Self {
        Self { handles, space: None }
    }

    fn backend(&self) -> Option<Backend> {
        self.space.as_ref().map(|space| space.backend)
    }

    /// How many ask: a thousand, and of the cross-check, which is slow, fewer. It bears a
    /// thousand too, but on a busy machine that takes it 100 s.
    #[must_use]
    pub fn crowd(&self) -> u32 {
        if self.backend() == Some(Backend::DynamoDbMiniStack) { 200 } else { 1000 }
    }

    /// How many of them have a request under way at once. All, as far as the adapter lets them, but
    /// not with DynamoDB: a request costs an SDK without optimisation some milliseconds, and MiniStack
    /// answers one at a time. A longer queue would change nothing but how long its last one waits: on
    /// a busy machine longer than the store's time-outs.
    #[must_use]
    pub fn at_once(&self) -> usize {
        match self.backend() {
            Some(Backend::DynamoDbMiniStack) => 8,
            Some(Backend::DynamoDbDynoxide) => 32,
            _ => usize::MAX,
        }
    }

    /// The instance that answers request `number`.
    #[must_use]
    pub fn instance(&self, number: usize) -> Arc<dyn Store> {
        Arc::clone(&self.handles[number % self.handles.len()])
    }

    /// One more instance, and its way to the server, which can be cut. Where there is no server, the
    /// operations themselves are lost.
    #[must_use]
    pub fn behind_a_way(&self) -> (Arc<dyn Store>, Arc<dyn Way>) {
        match &self.space {
            Some(space) => space.behind_a_way(calls::RETENTION_DAYS),
            None => cut_off(self.instance(0)),
        }
    }

    /// Both.
    #[must_use]
    pub fn instances(&self) -> &[Arc<dyn Store>] {
        &self.handles
    }
}

impl Deref for Opened {
    type Target = dyn Store;

    fn deref(&self) -> &Self::Target {
        &*self.handles[0]
    }
}
