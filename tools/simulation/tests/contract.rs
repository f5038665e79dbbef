//! The simulated store keeps the contract of the real ones: what it lets pass, they would.
#![allow(clippy::expect_used, clippy::unwrap_used, reason = "helpers of tests")]

// The same list, so that what is added for the real stores is asked of this one too.
#[path = "../../stores/tests/contract/list.rs"]
mod list;

use std::sync::Arc;

use simulation::Model;
use stores::Opened;

macro_rules! over {
    (the_model; $($area:ident { $($test:ident,)* })*) => {
        $(mod $area {
            $(#[tokio::test]
            async fn $test() {
                stores::suite::$area::$test(&crate::opened()).await;
            })*
        })*
    };
}

fn opened() -> Opened {
    let model = Arc::new(Model::new(stores::calls::RETENTION_DAYS, false));
    Opened::over([Arc::clone(&model) as Arc<dyn shared::store::Store>, model])
}

list::every_test!(over, the_model);
