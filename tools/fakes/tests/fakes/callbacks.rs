//! Callbacks that come twice, shuffled or never; always the same ones for one seed.

use crate::support::*;
use fakes::DeliveryKind;
use serde_json::{Value, json};

type Told = Vec<(DeliveryKind, Option<String>, Option<u16>)>;

async fn told(seed: u64, faults: Value) -> Told {
    let world = World::seeded(seed).await;
    world.faults(json!({ "twilio": faults }));
    let extra = [("Record", "true"), ("MachineDetection", "Enable"), ("AsyncAmd", "true")];
    world.call(TALKER, &extra).await;
    let deliveries = world.fakes.deliveries();
    deliveries
        .iter()
        .map(|delivery| {
            let status = delivery.param("CallStatus").map(str::to_owned);
            (delivery.kind, status, delivery.status)
        })
        .collect()
}

#[tokio::test]
async fn reordered_callbacks_all_arrive_after_the_voice_webhook() {
    let plain = told(3, json!({})).await;
    let shuffled = told(3, json!({ "reorder": true })).await;
    assert_eq!(shuffled[0].0, DeliveryKind::Voice);
    let callbacks = |list: &Told| {
        list.iter().filter(|it| it.0 != DeliveryKind::Voice).cloned().collect::<Told>()
    };
    assert_ne!(callbacks(&plain), callbacks(&shuffled));
    let sorted = |mut list: Told| {
        list.sort_by_key(|entry| format!("{entry:?}"));
        list
    };
    assert_eq!(sorted(plain), sorted(shuffled));
}

#[tokio::test]
async fn one_seed_gives_one_order_and_another_seed_another() {
    let faults = json!({ "reorder": true, "duplicate": 0.5, "drop": 0.3, "seed": 5 });
    let first = told(3, faults.clone()).await;
    assert_eq!(first, told(3, faults.clone()).await);
    // The fault's own seed decides, not that of the configuration.
    assert_eq!(first, told(4, faults.clone()).await);
    let mut other = faults;
    other["seed"] = json!(6);
    assert_ne!(first, told(3, other).await);
}

#[tokio::test]
async fn every_callback_can_come_twice_and_the_voice_webhook_does_not() {
    let all = told(3, json!({ "duplicate": 1.0 })).await;
    let voice = all.iter().filter(|entry| entry.0 == DeliveryKind::Voice);
    assert_eq!(voice.count(), 1);
    assert_eq!(all.len(), 1 + 2 * (told(3, json!({})).await.len() - 1));
}

#[tokio::test]
async fn a_dropped_callback_is_noted_and_not_sent() {
    let all = told(3, json!({ "drop": 1.0 })).await;
    assert_eq!(all.iter().filter(|entry| entry.2.is_some()).count(), 1);
    assert_eq!(all.len(), told(3, json!({})).await.len());
}

#[tokio::test]
async fn voice_twice_asks_for_the_twiml_twice() {
    let world = World::new().await;
    world.faults(json!({ "twilio": { "voiceTwice": true } }));
    world.app.voice(GOODBYE);
    world.app.voice(r#"<Response><Pause length="9"/></Response>"#);
    world.call(TALKER, &[]).await;
    assert_eq!(world.forms("/voice").len(), 2);
    assert_eq!(world.column("/status", "CallDuration")[3], "9");
}
