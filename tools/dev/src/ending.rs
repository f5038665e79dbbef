//! How a process ends: told by its host, after what it has begun.

use std::time::Duration;

/// How long requests in flight may go on: longer than a dial takes.
const FINISHING: Duration = Duration::from_secs(20);

/// The host ends the process, or Ctrl-C does in a shell: noticed from the call on, not from the first
/// poll.
pub(crate) fn terminated() -> impl Future<Output = ()> {
    // Fails only where signals cannot be had at all.
    #[cfg(unix)]
    let terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate());
    async {
        #[cfg(unix)]
        if let Ok(mut terminate) = terminate {
            tokio::select! {
                _ = terminate.recv() => return,
                _ = tokio::signal::ctrl_c() => return,
            }
        }
        let _ = tokio::signal::ctrl_c().await;
    }
}

/// For so long is waited for what is in flight, or until the process is told a second time.
pub(crate) async fn patience() {
    tokio::select! {
        () = tokio::time::sleep(FINISHING) => {}
        () = terminated() => {}
    }
}
