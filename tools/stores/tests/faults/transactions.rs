//! What Redis runs as one.

use stores::calls::*;
use stores::resp::{Connection, Reply};
use stores::{Backend, Place};

/// Another request's write between ours and its reply could hide the end of a call from both.
#[tokio::test]
async fn a_write_and_its_reply_are_one_transaction() {
    let Some(running) = Backend::RedisTcp.start_or_skip() else { return };
    let space = running.space();
    let Place::Redis { port, database } = *space.place() else { panic!("{space:?}") };
    let store = space.open();
    store.begin(&intent(1), at(0)).await.unwrap();
    store.observe(&linked(1), &status("ringing", 1), &delivery(), at(0)).await.unwrap();
    let mut connection = Connection::open(port, database).await.unwrap();
    let info = vec![b"INFO".to_vec(), b"commandstats".to_vec()];
    let replies = connection.ask(&[info]).await.unwrap();
    let [Reply::Bulk(Some(text))] = replies.as_slice() else { panic!("{replies:?}") };
    let text = String::from_utf8_lossy(text);
    // One script each: the intent; and the first callback, which tries, links and writes.
    assert!(text.contains("cmdstat_eval:calls=4,"), "{text}");
    assert!(!text.contains("cmdstat_exec"), "{text}");
}
