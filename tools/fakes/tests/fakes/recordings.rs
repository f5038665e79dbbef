//! Fetching the media of a recording.

use crate::support::*;
use fakes::recording_sid;
use serde_json::json;

async fn fetch(world: &World, file: &str, range: &str) -> Reply {
    let auth = basic(ACCOUNT, TOKEN);
    let url = world.account_url(&format!("Recordings/{file}"));
    let mut headers = vec![("authorization", auth.as_str())];
    if !range.is_empty() {
        headers.push(("range", range));
    }
    http("GET", &url, &headers, "").await.unwrap()
}

#[tokio::test]
async fn a_wav_is_pcm_of_the_length_and_channels_of_its_call() {
    let world = World::new().await;
    world.app.voice(r#"<Response><Pause length="3"/></Response>"#);
    world.call(TALKER, &[("Record", "true"), ("RecordingChannels", "dual")]).await;
    let sid = world.column("/recording", "RecordingSid")[1].clone();
    let reply = fetch(&world, &format!("{sid}.wav"), "").await;
    assert_eq!(reply.header("content-type").unwrap(), "audio/x-wav");
    assert_eq!(reply.body.len(), 44 + 3 * 8000 * 2 * 2);
    assert_eq!(&reply.body[..4], b"RIFF");
    assert_eq!(reply.body[22..24], 2_u16.to_le_bytes());
    assert_eq!(reply.body[24..28], 8000_u32.to_le_bytes());
    let left_and_right: Vec<_> =
        reply.body[44..].chunks(4).map(|frame| frame[..2] == frame[2..]).collect();
    assert!(left_and_right.iter().any(|same| !same));
    assert_eq!(fetch(&world, &sid, "").await.body, reply.body);
}

#[tokio::test]
async fn a_recording_outlives_the_process() {
    let sid = recording_sid(42, 1, 4);
    let first = fetch(&World::seeded(1).await, &format!("{sid}.wav"), "").await;
    let second = fetch(&World::seeded(2).await, &format!("{sid}.wav"), "").await;
    assert_eq!(first.body.len(), 44 + 4 * 8000 * 2);
    assert_eq!(first.body, second.body);
    let stranger = "RE00000000000000000000000000000000.wav";
    let reply = fetch(&World::seeded(1).await, stranger, "").await;
    assert_eq!(reply.body.len(), 44 + 6 * 8000 * 2 * 2);
}

#[tokio::test]
async fn an_mp3_is_a_row_of_whole_frames() {
    let world = World::new().await;
    let reply = fetch(&world, &format!("{}.mp3", recording_sid(1, 1, 6)), "").await;
    assert_eq!(reply.header("content-type").unwrap(), "audio/mpeg");
    // 32 kbit/s, as Twilio's.
    assert_eq!(reply.body.len(), 6 * 4000);
    assert!(reply.body.chunks(96).all(|frame| frame[..3] == [0xFF, 0xF3, 0x44]));
}

#[tokio::test]
async fn ranges_are_parts_of_the_whole() {
    let world = World::new().await;
    let file = format!("{}.wav", recording_sid(9, 2, 2));
    let whole = fetch(&world, &file, "").await.body;
    let len = whole.len();
    for (range, start, end) in [
        ("bytes=0-99", 0, 100),
        ("bytes=40-1000", 40, 1001),
        ("bytes=63000-", 63_000, len),
        ("bytes=63000-9999999", 63_000, len),
        ("bytes=-10", len - 10, len),
    ] {
        let part = fetch(&world, &file, range).await;
        assert_eq!(part.status, 206, "{range}");
        assert_eq!(part.body, whole[start..end], "{range}");
        let expected = format!("bytes {start}-{}/{len}", end - 1);
        assert_eq!(part.header("content-range").unwrap(), expected);
    }
    let outside = fetch(&world, &file, &format!("bytes={len}-")).await;
    assert_eq!(outside.status, 416);
    assert_eq!(outside.header("content-range").unwrap(), format!("bytes */{len}"));
    for nonsense in ["bytes=5-2", "bytes=a-b", "lines=1-2"] {
        assert_eq!(fetch(&world, &file, nonsense).await.status, 200, "{nonsense}");
    }
}

#[tokio::test]
async fn a_long_call_is_over_four_mebibytes() {
    let world = World::new().await;
    world.call("+12125550108", &[("Record", "true")]).await;
    assert_eq!(world.column("/status", "CallDuration")[3], "300");
    let file = format!("{}.wav", world.column("/recording", "RecordingSid")[1]);
    let part = fetch(&world, &file, "bytes=0-0").await;
    let range = part.header("content-range").unwrap();
    let len: usize = range.rsplit('/').next().unwrap().parse().unwrap();
    assert!(len > 4 * 1024 * 1024, "{len}");
}

#[tokio::test]
async fn media_need_credentials() {
    let world = World::new().await;
    let url = world.account_url(&format!("Recordings/{}.mp3", recording_sid(1, 1, 1)));
    assert_eq!(http("GET", &url, &[], "").await.unwrap().status, 401);
}

#[tokio::test]
async fn what_does_not_exist_is_not_found() {
    let world = World::new().await;
    world.call("+12125550107", &[("Record", "true")]).await;
    let absent = world.column("/recording", "RecordingSid")[1].clone();
    for file in [absent.as_str(), "RE12.wav", "RE00000000000000000000000000000000.ogg"] {
        assert_eq!(fetch(&world, file, "").await.status, 404, "{file}");
    }
}

#[tokio::test]
async fn each_fault_of_a_recording_shows() {
    let world = World::new().await;
    let file = format!("{}.wav", recording_sid(1, 1, 1));
    world.faults(json!({ "recording": "gone" }));
    assert_eq!(fetch(&world, &file, "").await.json()["code"], 20404);
    world.faults(json!({ "recording": "server_error" }));
    assert_eq!(fetch(&world, &file, "").await.status, 500);
    world.faults(json!({ "recording": "ignores_range" }));
    let whole = fetch(&world, &file, "bytes=0-9").await;
    assert_eq!((whole.status, whole.body.len()), (200, 16_044));
}

#[tokio::test]
async fn a_redirect_must_be_followed_without_the_credentials() {
    let world = World::new().await;
    world.faults(json!({ "recording": "redirect" }));
    let file = format!("{}.wav", recording_sid(1, 1, 1));
    let reply = fetch(&world, &file, "").await;
    assert_eq!(reply.status, 307);
    let to = reply.header("location").unwrap();
    let auth = basic(ACCOUNT, TOKEN);
    let headers = [("authorization", auth.as_str())];
    assert_eq!(http("GET", &to, &headers, "").await.unwrap().status, 400);
    let part = http("GET", &to, &[("range", "bytes=0-3")], "").await.unwrap();
    assert_eq!((part.status, part.body.as_slice()), (206, b"RIFF".as_slice()));
}
