//! A shop with something on every screen, the same each time.

use std::time::Duration;

use sellvik_testkit::{Receiver, Reply};
use serde_json::json;

use crate::harness::{Server, Shop, Webhook, eventually};
use crate::page::Panel;

/// Hours of deliveries behind it.
const HOURS: usize = 24;

/// The service, its receiver and a shop with three webhooks: one well, one failing, one disabled.
pub struct Gallery {
    pub server: Server,
    pub shop: Shop,
    receiver: Receiver,
    /// What stands for what in the addresses of [`Screen`]s.
    names: Vec<(&'static str, String)>,
}

impl Gallery {
    pub async fn open() -> Self {
        let (server, receiver) = (Server::start().await, Receiver::start().await);
        let shop = server.shop_with(json!({"dev": true, "name": "Tallow & Wick"})).await;
        let well =
            register(&shop, &receiver, "/erp", "ERP", &["order.created", "order.paid", "refund.created"])
                .await;
        let failing = register(
            &shop,
            &receiver,
            "/warehouse",
            "Warehouse",
            &["order.fulfilled", "inventory.low_stock"],
        )
        .await;
        let off = register(&shop, &receiver, "/mail", "Newsletter", &["customer.created"]).await;
        shop.patch(&off, json!({"enabled": false})).await;
        receiver.script("/erp", [Reply::status(200).with_body("{\"taken\": true}")]);
        let key = json!({"name": "Warehouse sync", "scopes": ["webhooks:read", "webhooks:write"]});
        server.platform.post(&format!("/api/v1/platform/shops/{}/keys", shop.id), &key).await.expect(201);
        let mut gallery = Self { server, shop, receiver, names: Vec::new() };
        gallery.live_through(&well, &failing).await;
        let newest = async |webhook: &Webhook| gallery.shop.deliveries(webhook).await[0].clone();
        let (good, bad) = (newest(&well).await, newest(&failing).await);
        gallery.names = vec![
            ("{well}", well.id),
            ("{failing}", failing.id),
            ("{off}", off.id),
            ("{good}", good["id"].as_str().unwrap().to_owned()),
            ("{bad}", bad["id"].as_str().unwrap().to_owned()),
        ];
        gallery
    }

    /// A day with a busy afternoon, and a warehouse that answers no more at its end.
    async fn live_through(&self, well: &Webhook, failing: &Webhook) {
        let receiver = &self.receiver;
        let (mut to_well, mut to_failing) = (0, 0);
        for hour in 0..HOURS {
            if hour + 3 == HOURS {
                let down = Reply::status(503).with_body("The warehouse is closed for stocktaking.");
                receiver.script("/warehouse", [down]);
            }
            let many = 3 + (hour * 7) % 5 + if hour > HOURS / 2 { 4 } else { 0 };
            for at in 0..many {
                self.happens(["order.paid", "refund.created"][usize::from(at % 4 == 3)]).await;
            }
            for _ in 0..many.div_ceil(3) {
                self.happens("order.fulfilled").await;
            }
            (to_well, to_failing) = (to_well + many, to_failing + many.div_ceil(3));
            receiver.wait_for("/erp", to_well).await;
            self.settled(well).await;
            receiver.wait_for("/warehouse", to_failing).await;
            self.settled(failing).await;
            to_failing = receiver.received_at("/warehouse").len();
            if hour + 1 < HOURS {
                self.server.advance(Duration::from_hours(1));
                self.settled(failing).await;
                to_failing = receiver.received_at("/warehouse").len();
            }
        }
        self.server.advance(Duration::from_secs(20));
    }

    /// An event, and a second that passes: deliveries of one millisecond have no order.
    async fn happens(&self, kind: &str) {
        let data = json!({"order": {"id": "ord_7Qd2", "orderNumber": "1042", "total": "149.90"}});
        self.shop.publish_body(json!({"type": kind, "data": data})).await;
        self.server.advance(Duration::from_secs(1));
    }

    /// Waits until nothing is due.
    async fn settled(&self, webhook: &Webhook) {
        eventually("nothing due", async || {
            let due = self.shop.deliveries(webhook).await.into_iter().find(|delivery| {
                let next = delivery["nextAttemptAt"]
                    .as_str()
                    .map(|_| self.server.ms_until(&delivery["nextAttemptAt"]));
                next.is_some_and(|ms| ms <= 0)
            });
            due.map_or(Ok(()), Err)
        })
        .await;
    }

    /// The address with the ids of what it names.
    fn address(&self, pattern: &str) -> String {
        self.names.iter().fold(pattern.to_owned(), |address, (name, id)| address.replace(name, id))
    }

    /// A new browser in this shop's panel, whose clock is the service's.
    pub async fn visitor(&self) -> Panel {
        let panel = Panel::open(&self.server, &self.shop).await;
        let source = format!("Date.now = () => {}", self.server.now().as_millis());
        panel.tell("Page.addScriptToEvaluateOnNewDocument", json!({"source": source})).await;
        panel
    }

    /// Goes to a screen.
    pub async fn show(&self, panel: &Panel, screen: &Screen) {
        panel.visit(&self.address(screen.address)).await;
        for step in screen.steps {
            match step {
                Step::Write(label, text) => panel.write(label, text).await,
                Step::Click(css) => panel.click(css).await,
                Step::Press(label) => panel.press(label).await,
            }
        }
        panel.see_heading(screen.heading).await;
    }
}

async fn register(shop: &Shop, receiver: &Receiver, path: &str, name: &str, events: &[&str]) -> Webhook {
    let webhook = shop.webhook(&receiver.url(path), events).await;
    shop.patch(&webhook, json!({"name": name})).await;
    webhook
}

/// One look of the panel.
pub struct Screen {
    pub name: &'static str,
    /// Below the panel's own, with names of the gallery's objects in braces.
    address: &'static str,
    /// What is done there.
    steps: &'static [Step],
    heading: &'static str,
}

enum Step {
    Write(&'static str, &'static str),
    Click(&'static str),
    Press(&'static str),
}

const fn screen(
    name: &'static str,
    address: &'static str,
    steps: &'static [Step],
    heading: &'static str,
) -> Screen {
    Screen { name, address, steps, heading }
}

/// Every screen there is.
pub const SCREENS: [Screen; 20] = [
    screen("list", "", &[], "Webhooks"),
    screen("new", "/webhooks/new", &[], "New webhook"),
    screen(
        "new-refused",
        "/webhooks/new",
        &[Step::Write("Address", "ftp://x"), Step::Press("Create webhook")],
        "New webhook",
    ),
    screen(
        "secret",
        "/webhooks/new",
        &[
            Step::Write("Address", "http://127.0.0.1:9/hook"),
            Step::Click("input[value='order.paid']"),
            Step::Press("Create webhook"),
        ],
        "Your webhook is ready",
    ),
    screen("webhook", "/webhooks/{well}", &[], "ERP"),
    screen("webhook-week", "/webhooks/{well}?range=7d", &[Step::Press("Show the numbers")], "ERP"),
    screen("webhook-failing", "/webhooks/{failing}?status=failed", &[], "Warehouse"),
    screen("webhook-disabled", "/webhooks/{off}?since=nonsense", &[], "Newsletter"),
    screen("edit", "/webhooks/{well}/edit", &[], "Edit webhook"),
    screen("rotated", "/webhooks/{off}/edit", &[Step::Press("Replace the secret")], "Your new secret"),
    screen("delete", "/webhooks/{well}/delete", &[], "Delete this webhook?"),
    screen("delivery", "/webhooks/{well}/deliveries/{good}", &[], ""),
    screen(
        "delivery-failing",
        "/webhooks/{failing}/deliveries/{bad}",
        &[Step::Press("As a curl command")],
        "order.fulfilled",
    ),
    screen(
        "redelivery",
        "/webhooks/{well}/redeliver?status=succeeded&within=24h",
        &[],
        "Send deliveries again",
    ),
    screen("redelivery-refused", "/webhooks/{well}/redeliver?since=soon", &[], "Send deliveries again"),
    screen("keys", "/keys", &[], "API keys"),
    screen("keys-refused", "/keys", &[Step::Press("Create key")], "API keys"),
    screen(
        "key",
        "/keys",
        &[Step::Click("input[value='webhooks:read']"), Step::Press("Create key")],
        "Your new key",
    ),
    screen("revoke", "/keys", &[Step::Press("Revoke Warehouse sync")], "Revoke this key?"),
    screen("nothing", "/nothing", &[], "There is nothing here"),
];
