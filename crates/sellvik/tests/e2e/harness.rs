//! A running service, a shop in it, and waiting on conditions.

use std::path::Path;
use std::time::{Duration, Instant};

use clap::Parser;
use sellvik::{ServeArgs, Service, Settings};
use sellvik_clock::World;
use sellvik_domain::Timestamp;
use sellvik_testkit::{Client, ManualClock, Postgres, Receiver, Reply};
use serde_json::{Value, json};
use tempfile::TempDir;

/// When every test's clock starts.
pub const START: &str = "2026-05-27T13:45:00.000Z";

/// How long a test waits for a condition before it fails; conditions are met in milliseconds.
const PATIENCE: Duration = Duration::from_secs(20);

/// A service with a hand-driven clock, in a folder of its own.
pub struct Server {
    pub clock: ManualClock,
    /// Calls without any key.
    pub anonymous: Client,
    /// Calls with the platform key.
    pub platform: Client,
    world: World,
    service: Option<Service>,
    flags: Vec<String>,
    folder: TempDir,
}

/// Whether the suite runs on PostgreSQL, as `SELLVIK_TEST_LEDGER=postgres` says; on SQLite otherwise.
pub fn on_postgres() -> bool {
    std::env::var("SELLVIK_TEST_LEDGER").is_ok_and(|ledger| ledger == "postgres")
}

/// Where a ledger of a server's own is, and what it needs besides, unless a test gives it itself.
fn ledger_flags(folder: &Path, flags: &[&str]) -> Vec<String> {
    let mut own = if on_postgres() {
        let key = "c2VsbHZpay10ZXN0cy1vZi0zMi1ieXRlcy1leGFjdGw=";
        let platform = "sk_platform_end_to_end_tests";
        let database = Postgres::shared().schema();
        vec![
            ("--database-url", database),
            ("--encryption-key", key.into()),
            ("--platform-key", platform.into()),
        ]
    } else {
        vec![("--database-url", format!("sqlite://{}", folder.join("sellvik.db").display()))]
    };
    own.retain(|(name, _)| !flags.contains(name));
    own.into_iter().flat_map(|(name, value)| [name.to_owned(), value]).collect()
}

#[derive(Parser)]
struct Flags {
    #[command(flatten)]
    args: ServeArgs,
}

impl Server {
    /// Loopback endpoints allowed, everything else as in production.
    pub async fn start() -> Self {
        Self::start_with(&[]).await
    }

    /// As [`Server::start`], with more flags of `sellvik serve`.
    pub async fn start_with(flags: &[&str]) -> Self {
        let clock = ManualClock::starting_at(Timestamp::parse(START).unwrap());
        let world = World::with_clock(std::sync::Arc::new(clock.clone()));
        Self::start_in(clock, world, flags).await
    }

    async fn start_in(clock: ManualClock, world: World, flags: &[&str]) -> Self {
        let folder = TempDir::new().unwrap();
        let mut all: Vec<String> = ["serve", "--listen", "127.0.0.1:0"].map(str::to_owned).to_vec();
        all.extend(ledger_flags(folder.path(), flags));
        if !flags.contains(&"--endpoint-allow") {
            all.extend(["--endpoint-allow", "127.0.0.0/8,::1"].map(str::to_owned));
        }
        all.extend(flags.iter().map(|flag| (*flag).to_owned()));
        let nowhere = Client::new("http://127.0.0.1:1");
        let anonymous = nowhere.clone();
        let mut server =
            Self { clock, anonymous, platform: nowhere, world, service: None, flags: all, folder };
        server.run().await;
        server
    }

    async fn run(&mut self) {
        let flags = Flags::try_parse_from(&self.flags).unwrap();
        let settings = Settings::resolve(&flags.args).unwrap();
        let service = Service::start(settings, self.world.clone()).await.unwrap();
        self.anonymous = Client::new(&format!("http://{}", service.address()));
        self.platform = self.anonymous.with_bearer(service.platform_key());
        self.service = Some(service);
    }

    /// Stops the service in good order and starts it again on the same data. Shops keep their keys, but
    /// the port changes: get their clients anew by [`Shop::after_restart`].
    pub async fn restart(&mut self) {
        self.stop().await;
        self.run().await;
    }

    /// Stops the service in good order.
    pub async fn stop(&mut self) {
        if let Some(service) = self.service.take() {
            service.shutdown().await;
        }
    }

    /// The data folder.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The platform key.
    pub fn platform_key(&self) -> &str {
        self.service.as_ref().unwrap().platform_key()
    }

    /// What a query for one number finds in the ledger.
    pub fn count(&self, sql: &str) -> i64 {
        if on_postgres() {
            let place = self.flags.iter().position(|flag| flag == "--database-url").unwrap();
            return Postgres::shared().ask(&self.flags[place + 1], sql).parse().unwrap();
        }
        let ledger = rusqlite::Connection::open(self.folder().join("sellvik.db")).unwrap();
        ledger.query_row(sql, [], |row| row.get(0)).unwrap()
    }

    /// Moves the clock.
    pub fn advance(&self, by: Duration) {
        self.clock.advance(by);
    }

    /// The clock's time.
    pub fn now(&self) -> Timestamp {
        self.world.now()
    }

    /// A dev shop, so that plain http receivers may be registered.
    pub async fn shop(&self) -> Shop {
        self.shop_with(json!({"dev": true})).await
    }

    /// A shop of these fields; the subdomain is made up.
    pub async fn shop_with(&self, mut fields: Value) -> Shop {
        let random: [u8; 8] = World::system().random();
        let subdomain = format!("shop-{:x}", u64::from_le_bytes(random));
        fields["subdomain"] = json!(subdomain);
        let shop = self.platform.post("/api/v1/platform/shops", &fields).await.expect(201);
        let id = shop["id"].as_str().unwrap().to_owned();
        let key = self.key(&id, &["webhooks:read", "webhooks:write"]).await;
        let admin = self.anonymous.with_bearer(&key);
        Shop { id, subdomain, key, admin, platform: self.platform.clone() }
    }

    /// An admin key with these scopes.
    pub async fn key(&self, shop: &str, scopes: &[&str]) -> String {
        let path = format!("/api/v1/platform/shops/{shop}/keys");
        let key = self.platform.post(&path, &json!({"scopes": scopes})).await.expect(201);
        key["key"].as_str().unwrap().to_owned()
    }
}

/// A shop, and calls on its behalf.
#[derive(Clone)]
pub struct Shop {
    pub id: String,
    pub subdomain: String,
    /// Its admin key.
    pub key: String,
    /// Calls with that key.
    pub admin: Client,
    platform: Client,
}

/// A registered webhook.
#[derive(Clone, Debug)]
pub struct Webhook {
    pub id: String,
    pub secret: String,
    pub path: String,
}

impl Shop {
    /// The same shop of a service that was restarted.
    pub fn after_restart(&self, server: &Server) -> Self {
        let admin = server.anonymous.with_bearer(&self.key);
        Self { admin, platform: server.platform.clone(), ..self.clone() }
    }

    /// Registers a webhook.
    pub async fn webhook(&self, url: &str, events: &[&str]) -> Webhook {
        let body = json!({"url": url, "events": events});
        let created = self.admin.post("/api/v1/admin/webhooks", &body).await.expect(201);
        let id = created["id"].as_str().unwrap().to_owned();
        let secret = created["secret"].as_str().unwrap().to_owned();
        Webhook { path: format!("/api/v1/admin/webhooks/{id}"), id, secret }
    }

    /// The webhook object.
    pub async fn get(&self, webhook: &Webhook) -> Value {
        self.admin.get(&webhook.path).await.expect(200)
    }

    /// Changes a webhook.
    pub async fn patch(&self, webhook: &Webhook, fields: Value) -> Value {
        self.admin.patch(&webhook.path, &fields).await.expect(200)
    }

    /// Publishes a small event of a type without required data; its id.
    pub async fn publish(&self, kind: &str) -> String {
        let answer = self.publish_body(json!({"type": kind, "data": {"order": {"id": "ord_1"}}})).await;
        answer["id"].as_str().unwrap().to_owned()
    }

    /// Publishes an event of these fields; the answer.
    pub async fn publish_body(&self, mut body: Value) -> Value {
        body["shop"] = json!(self.id);
        self.platform.post("/api/v1/platform/events", &body).await.expect(202)
    }

    /// A page of the webhook's deliveries, newest first.
    pub async fn deliveries(&self, webhook: &Webhook) -> Vec<Value> {
        let page = self.admin.get(&format!("{}/deliveries?limit=100", webhook.path)).await.expect(200);
        page["items"].as_array().unwrap().clone()
    }

    /// One delivery with its attempts.
    pub async fn delivery(&self, webhook: &Webhook, id: &str) -> Value {
        self.admin.get(&format!("{}/deliveries/{id}", webhook.path)).await.expect(200)
    }

    /// Waits until the webhook's newest delivery meets a condition; it.
    pub async fn newest(&self, webhook: &Webhook, what: &str, met: impl Fn(&Value) -> bool) -> Value {
        eventually(what, async || {
            let newest = self.deliveries(webhook).await.into_iter().next().unwrap_or_default();
            if met(&newest) { Ok(newest) } else { Err(newest) }
        })
        .await
    }

    /// Waits until the newest delivery has ended so many attempts; it.
    pub async fn attempted(&self, webhook: &Webhook, attempts: u64) -> Value {
        self.newest(webhook, &format!("{attempts} attempts"), |delivery| delivery["attempts"] == attempts)
            .await
    }

    /// Waits until the newest delivery has this status; it.
    pub async fn reached(&self, webhook: &Webhook, status: &str) -> Value {
        self.newest(webhook, status, |delivery| delivery["status"] == status).await
    }
}

/// Asks again and again until the answer is good; fails with the last one after 20 s.
pub async fn eventually<T>(what: &str, ask: impl AsyncFn() -> Result<T, Value>) -> T {
    eventually_within(PATIENCE, what, ask).await
}

/// The same, with a patience of its own.
pub async fn eventually_within<T>(
    patience: Duration,
    what: &str,
    ask: impl AsyncFn() -> Result<T, Value>,
) -> T {
    let started = Instant::now();
    loop {
        match ask().await {
            Ok(answer) => return answer,
            Err(last) if started.elapsed() > patience => panic!("waited for {what}, last saw {last:#}"),
            Err(_) => tokio::time::sleep(Duration::from_millis(5)).await,
        }
    }
}

/// A moment in an answer.
pub fn moment(value: &Value) -> Timestamp {
    value.as_str().and_then(Timestamp::parse).unwrap_or_else(|| panic!("not a moment: {value}"))
}

/// A server, a dev shop and one webhook for `order.cancelled` at a receiver's `/hook`.
pub struct Scene {
    pub server: Server,
    pub receiver: Receiver,
    pub shop: Shop,
    pub webhook: Webhook,
}

impl Scene {
    /// The receiver answers at `/hook` by this script.
    pub async fn with(replies: impl IntoIterator<Item = Reply>) -> Self {
        Self::with_flags(&[], replies).await
    }

    /// As [`Scene::with`], with more flags of `sellvik serve`.
    pub async fn with_flags(flags: &[&str], replies: impl IntoIterator<Item = Reply>) -> Self {
        let (server, receiver) = (Server::start_with(flags).await, Receiver::start().await);
        receiver.script("/hook", replies);
        let shop = server.shop().await;
        let webhook = shop.webhook(&receiver.url("/hook"), &["order.cancelled"]).await;
        Self { server, receiver, shop, webhook }
    }

    /// Publishes an event and waits for the end of its first attempt; the delivery.
    pub async fn first_attempt(&self) -> Value {
        let id = self.shop.publish("order.cancelled").await;
        let ended = |delivery: &Value| delivery["eventId"] == id && delivery["attempts"] == 1;
        self.shop.newest(&self.webhook, "the first attempt", ended).await
    }

    /// Moves the clock to the delivery's next attempt and waits for that attempt's end; the delivery.
    pub async fn next_attempt(&self, delivery: &Value) -> Value {
        self.server.advance_to(&delivery["nextAttemptAt"]);
        self.shop.attempted(&self.webhook, delivery["attempts"].as_u64().unwrap() + 1).await
    }

    /// Makes deliveries to a bystander, one after another, until they are on record: what was about to happen has
    /// happened then, and what had been answered before is on record too.
    pub async fn others_go_on(&self) {
        let bystander = self.receiver.received_at("/bystander").len();
        if bystander == 0 {
            self.shop.webhook(&self.receiver.url("/bystander"), &["customer.updated"]).await;
        }
        for more in 1..=5 {
            self.shop.publish("customer.updated").await;
            self.receiver.wait_for("/bystander", bystander + more).await;
        }
        let all = self.shop.admin.get("/api/v1/admin/webhooks?limit=100").await.expect(200);
        let url = self.receiver.url("/bystander");
        let found = all["items"].as_array().unwrap().iter().find(|webhook| webhook["url"] == *url).unwrap();
        let undecided =
            format!("/api/v1/admin/webhooks/{}/deliveries?status=pending", found["id"].as_str().unwrap());
        eventually("the bystander's deliveries to be on record", async || {
            let left = self.shop.admin.get(&undecided).await.expect(200);
            if left["items"] == json!([]) { Ok(()) } else { Err(left) }
        })
        .await;
    }

    /// How many requests came to `/hook`.
    pub fn requests(&self) -> usize {
        self.receiver.received_at("/hook").len()
    }
}

impl Server {
    /// Moves the clock on to a moment of an answer, if that is still to come.
    pub fn advance_to(&self, value: &Value) {
        self.advance(moment(value).since(self.now()));
    }

    /// Milliseconds from now to a moment of an answer.
    pub fn ms_until(&self, value: &Value) -> i64 {
        moment(value).as_millis() - self.now().as_millis()
    }
}

/// Fails unless the answer has these members; it may have more.
#[track_caller]
pub fn assert_shows(answer: &Value, expected: &Value) {
    for (name, value) in expected.as_object().unwrap() {
        assert_eq!(&answer[name], value, "{name} in {answer:#}");
    }
}

impl Server {
    /// As [`Server::start`], with the operating system's clock: for receivers that have one of their own.
    pub async fn start_real_time() -> Self {
        let world = World::system();
        Self::start_in(ManualClock::starting_at(world.now()), world, &[]).await
    }

    /// Where it listens.
    pub fn url(&self) -> String {
        format!("http://{}", self.service.as_ref().unwrap().address())
    }
}
