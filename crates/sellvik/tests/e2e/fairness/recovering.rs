//! An endpoint that comes back with a backlog is asked gently.

use std::sync::Arc;
use std::time::Duration;

use sellvik_testkit::{Gate, Reply};

use super::{PATIENT, all_attempted, publish_many};
use crate::harness::Scene;

/// An endpoint that has dropped so many connections, and whose retries have fallen due.
async fn back_from_the_dead(many: usize) -> Scene {
    let scene = Scene::with_flags(&PATIENT, [Reply::reset()]).await;
    publish_many(&scene.server, &scene.shop, "order.cancelled", many).await;
    all_attempted(&scene.shop, &scene.webhook, many).await;
    assert_eq!(scene.requests(), many);
    scene
}

#[tokio::test]
async fn a_receiver_that_recovers_gets_a_probe_then_twice_as_many_each_quarter_second_then_one_more() {
    let scene = back_from_the_dead(60).await;
    // It had never shown that it bears more than eight at once.
    let mut seen = 60;
    let mut gate = Gate::new();
    scene.receiver.script("/hook", [Reply::gate(Arc::clone(&gate), 200)]);
    scene.server.advance(Duration::from_mins(10));
    for simultaneous in [1, 2, 4, 8, 9] {
        seen += simultaneous;
        scene.receiver.wait_for("/hook", seen).await;
        scene.others_go_on().await;
        assert_eq!(scene.requests(), seen, "{simultaneous} at once and no more");
        let next = Gate::new();
        scene.receiver.script("/hook", [Reply::gate(Arc::clone(&next), 200)]);
        if simultaneous > 1 {
            scene.server.advance(Duration::from_millis(250));
        }
        gate.open();
        gate = next;
    }
    gate.open();
    scene.receiver.wait_for("/hook", 120).await;
}

#[tokio::test]
async fn a_dead_endpoint_is_still_probed_gently_after_a_restart() {
    let mut scene = back_from_the_dead(30).await;
    scene.server.stop().await;
    let gate = Gate::new();
    scene.receiver.script("/hook", [Reply::gate(Arc::clone(&gate), 200)]);
    scene.server.advance(Duration::from_mins(10));
    scene.server.restart().await;
    scene.shop = scene.shop.after_restart(&scene.server);
    scene.receiver.wait_for("/hook", 31).await;
    scene.others_go_on().await;
    assert_eq!(scene.requests(), 31);
    gate.open();
    scene.receiver.wait_for("/hook", 60).await;
}
