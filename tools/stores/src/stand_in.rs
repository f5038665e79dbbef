//! A server of our own, in this process.

use std::net::{Ipv4Addr, SocketAddr};

use axum::Router;
use tokio::net::TcpListener;
use tokio::runtime::Runtime;

/// Serves on a thread of its own, because a test may stop its own clock meanwhile.
#[derive(Debug)]
pub(crate) struct StandIn {
    runtime: Option<Runtime>,
    address: SocketAddr,
}

impl StandIn {
    /// Listens at a port of 127.0.0.1, or at a free one for 0, and serves what comes.
    pub(crate) fn start<F>(port: u16, serve: impl FnOnce(TcpListener) -> F) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, port)).unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let listener = {
            let _inside = runtime.enter();
            TcpListener::from_std(listener).unwrap()
        };
        runtime.spawn(serve(listener));
        Self { runtime: Some(runtime), address }
    }

    /// The same for routes of HTTP.
    pub(crate) fn of_routes(port: u16, routes: Router) -> Self {
        Self::start(port, |listener| async move { axum::serve(listener, routes).await.unwrap() })
    }

    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        // Not by waiting: we may stand in a test's own runtime.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
