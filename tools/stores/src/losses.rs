//! Requests that never arrive, and replies that never come back.

use std::sync::{Arc, Mutex};

use shared::store::{Store, StoreError, StoreFuture};

use crate::{Interpose, Interposed};

/// Which half of an exchange with the server is lost.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Loss {
    /// The server never sees it.
    Request,
    /// The server has done its work, and the client is not told.
    #[default]
    Reply,
}

/// The way to a server, which can be cut.
pub trait Way: Send + Sync {
    /// Lets so many requests, or replies, pass, and loses the next `count`.
    fn cut(&self, passing: usize, loss: Loss, count: usize);

    /// Loses nothing more; whether anything was lost since the cut.
    fn mend(&self) -> bool;
}

/// Where there is no network, an operation is one exchange.
#[derive(Debug, Default)]
struct NoNetwork(Mutex<Cut>);

#[derive(Clone, Copy, Debug, Default)]
struct Cut {
    passing: usize,
    loss: Loss,
    losing: usize,
    has_lost: bool,
}

/// A store without a network, as if there were one.
pub(crate) fn cut_off(store: Arc<dyn Store>) -> (Arc<dyn Store>, Arc<dyn Way>) {
    let way = Arc::<NoNetwork>::default();
    (Arc::new(Interposed::new(store, Arc::clone(&way))), way)
}

impl Way for NoNetwork {
    fn cut(&self, passing: usize, loss: Loss, count: usize) {
        *self.0.lock().unwrap() = Cut { passing, loss, losing: count, has_lost: false };
    }

    fn mend(&self) -> bool {
        std::mem::take(&mut *self.0.lock().unwrap()).has_lost
    }
}

impl NoNetwork {
    fn loses_this(&self) -> Option<Loss> {
        let mut cut = self.0.lock().unwrap();
        if cut.losing == 0 {
            return None;
        }
        match cut.passing.checked_sub(1) {
            Some(left) => {
                cut.passing = left;
                None
            }
            None => {
                cut.losing -= 1;
                cut.has_lost = true;
                Some(cut.loss)
            }
        }
    }
}

impl Interpose for Arc<NoNetwork> {
    fn around<'a, T: Send + 'a>(
        &'a self,
        _: &'static str,
        inner: StoreFuture<'a, T>,
    ) -> StoreFuture<'a, T> {
        Box::pin(async move {
            match self.loses_this() {
                None => inner.await,
                Some(Loss::Request) => Err(StoreError::new("lost")),
                Some(Loss::Reply) => {
                    inner.await?;
                    Err(StoreError::new("lost"))
                }
            }
        })
    }
}
