//! One contract, the same for every store.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "helpers of tests")]

mod list;

use std::sync::OnceLock;

use stores::{Backend, Opened, Running};

/// One server of each kind for the whole binary; each test has a space of its own on it.
fn space(backend: Backend) -> Option<Opened> {
    static RUNNING: [OnceLock<Option<Running>>; 6] = [const { OnceLock::new() }; 6];
    let running = RUNNING[backend as usize].get_or_init(|| backend.start_or_skip());
    Some(running.as_ref()?.space().opened())
}

/// A module of tests that run the listed functions of the suite over one store.
macro_rules! over {
    ($module:ident, $backend:ident; $($area:ident { $($test:ident,)* })*) => {
        mod $module {
            $(mod $area {
                $(#[tokio::test]
                async fn $test() {
                    let Some(store) = crate::space(stores::Backend::$backend) else { return };
                    stores::suite::$area::$test(&store).await;
                })*
            })*
        }
    };
}

#[cfg(feature = "sqlite")]
list::every_test!(over, sqlite, Sqlite);
#[cfg(feature = "redis")]
list::every_test!(over, redis_tcp, RedisTcp);
#[cfg(feature = "redis")]
list::every_test!(over, redis_tls, RedisTls);
#[cfg(feature = "redis")]
list::every_test!(over, kv_rest, KvRest);
#[cfg(feature = "dynamodb")]
list::every_test!(over, dynamodb_dynoxide, DynamoDbDynoxide);
#[cfg(feature = "dynamodb")]
list::every_test!(over, dynamodb_ministack, DynamoDbMiniStack);
