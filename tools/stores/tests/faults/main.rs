//! Crashes and faults: what was acknowledged is kept, and nothing hangs.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "helpers of tests")]

#[cfg(feature = "redis")]
mod eviction;
#[cfg(any(feature = "redis", feature = "dynamodb"))]
mod lost_replies;
#[cfg(feature = "sqlite")]
mod processes;
#[cfg(any(feature = "redis", feature = "dynamodb"))]
mod restarts;
#[cfg(any(feature = "redis", feature = "dynamodb"))]
mod slow;
#[cfg(feature = "dynamodb")]
mod throttling;
#[cfg(feature = "redis")]
mod transactions;

#[cfg(any(feature = "redis", feature = "dynamodb"))]
use std::sync::{Arc, OnceLock};

#[cfg(any(feature = "redis", feature = "dynamodb"))]
use stores::{Backend, Running, Space, calls, open_at, proxy::TcpProxy};

/// A store behind a proxy, in a space of its own.
#[cfg(any(feature = "redis", feature = "dynamodb"))]
struct Behind {
    store: Arc<dyn shared::store::Store>,
    proxy: TcpProxy,
    space: Space,
}

#[cfg(any(feature = "redis", feature = "dynamodb"))]
fn behind(backend: Backend) -> Option<Behind> {
    static RUNNING: [OnceLock<Option<Running>>; 6] = [const { OnceLock::new() }; 6];
    let running = RUNNING[backend as usize].get_or_init(|| backend.start_or_skip());
    let space = running.as_ref()?.space();
    let proxy = TcpProxy::start(space.place().port().unwrap());
    let place = space.place().through(proxy.port());
    Some(Behind { store: open_at(&place, calls::RETENTION_DAYS), proxy, space })
}

/// One test for each store that is reached over a network.
#[cfg(any(feature = "redis", feature = "dynamodb"))]
macro_rules! over_networks {
    ($($test:ident),* $(,)?) => {
        #[cfg(feature = "redis")]
        $crate::over_networks!(@ redis_tcp RedisTcp $($test)*);
        #[cfg(feature = "redis")]
        $crate::over_networks!(@ redis_tls RedisTls $($test)*);
        #[cfg(feature = "redis")]
        $crate::over_networks!(@ kv_rest KvRest $($test)*);
        #[cfg(feature = "dynamodb")]
        $crate::over_networks!(@ dynamodb_dynoxide DynamoDbDynoxide $($test)*);
        #[cfg(feature = "dynamodb")]
        $crate::over_networks!(@ dynamodb_ministack DynamoDbMiniStack $($test)*);
    };
    (@ $module:ident $backend:ident $($test:ident)*) => {
        mod $module {
            $(#[tokio::test]
            async fn $test() {
                super::$test(stores::Backend::$backend).await;
            })*
        }
    };
}
#[cfg(any(feature = "redis", feature = "dynamodb"))]
pub(crate) use over_networks;
