//! Deliveries written straight into a ledger whose service is stopped: what would take hours to come about.
//! They are as the service would have left them; their events are numbered from [`SEEDED_FROM`] on.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, Transaction, params};

use crate::ledger::Ledger;
use crate::sink::arrivals::SEEDED_FROM;
use crate::{clock, event};

mod postgres;

/// Deliveries to a transaction, roughly.
const ROWS_PER_COMMIT: usize = 50_000;

/// How a delivery stands.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fate {
    Succeeded,
    Dropped,
    /// Attempted once, and due again so many milliseconds after (or, if negative, before) now.
    Waiting(i64),
}

/// What to write.
pub(crate) struct Seeding<F> {
    /// Webhooks numbered from here on get deliveries.
    pub(crate) from_hook: u32,
    pub(crate) per_hook: u32,
    /// Over how much of the past their events are spread.
    pub(crate) age: Duration,
    /// How the `i`-th delivery of each webhook stands.
    pub(crate) fate: F,
}

/// One delivery that was written: its event's number, its webhook's, and which of the webhook's it is.
pub(crate) type Seeded = (u32, u32, u32);

struct Shop {
    seq: i64,
    id: String,
    subdomain: String,
    /// Row and number of each webhook.
    hooks: Vec<(i64, u32)>,
}

/// Writes one event per shop and `i`, for all of the shop's webhooks.
pub(crate) fn seed(ledger: &Ledger, seeding: &Seeding<impl Fn(u32) -> Fate>) -> anyhow::Result<Vec<Seeded>> {
    match ledger {
        Ledger::Sqlite(file) => seed_file(file, seeding),
        Ledger::Postgres(server, address) => postgres::seed(server, address, seeding),
    }
}

fn seed_file(ledger: &Path, seeding: &Seeding<impl Fn(u32) -> Fate>) -> anyhow::Result<Vec<Seeded>> {
    let mut db = Connection::open(ledger)?;
    db.pragma_update(None, "synchronous", "OFF")?;
    db.pragma_update(None, "cache_size", -1_000_000)?;
    let shops = shops(&db, seeding.from_hook)?;
    let mut writer = Writer { now: i64::try_from(clock::epoch_ms())?, ids: 0, filler: event::filler() };
    let age = i64::try_from(seeding.age.as_millis())?;
    let mut seeded = Vec::new();
    let mut first = SEEDED_FROM;
    for shop in &shops {
        let per_commit = u32::try_from(ROWS_PER_COMMIT / shop.hooks.len())?.max(1);
        let mut done = 0;
        while done < seeding.per_hook {
            let step = done..(done + per_commit).min(seeding.per_hook);
            let transaction = db.transaction()?;
            for i in step.clone() {
                let back = age * i64::from(seeding.per_hook - i) / i64::from(seeding.per_hook);
                let at = writer.now - back;
                writer.event(&transaction, shop, first + i, at, (seeding.fate)(i))?;
                seeded.extend(shop.hooks.iter().map(|(_, hook)| (first + i, *hook, i)));
            }
            transaction.commit()?;
            done = step.end;
        }
        first += seeding.per_hook;
    }
    db.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))?;
    drop(db);
    std::fs::File::open(ledger)?.sync_all()?;
    Ok(seeded)
}

fn shops(db: &Connection, from_hook: u32) -> anyhow::Result<Vec<Shop>> {
    let mut statement = db.prepare(
        "SELECT s.seq, lower(hex(s.id)), s.subdomain, w.seq, w.url
         FROM webhooks w JOIN shops s ON s.seq = w.shop ORDER BY w.seq",
    )?;
    let mut rows = statement.query([])?;
    let mut shops = BTreeMap::new();
    while let Some(row) = rows.next()? {
        let url: String = row.get(4)?;
        let number: u32 = url.rsplit('/').next().unwrap_or_default().parse()?;
        if number < from_hook {
            continue;
        }
        let seq = row.get(0)?;
        let (id, subdomain) = (format!("sh_{}", row.get::<_, String>(1)?), row.get(2)?);
        let shop = shops.entry(seq).or_insert(Shop { seq, id, subdomain, hooks: Vec::new() });
        shop.hooks.push((row.get(3)?, number));
    }
    Ok(shops.into_values().collect())
}

/// A UUID of version 7, counting where others are random.
fn id(at: i64, count: u64) -> u128 {
    let moment = (u128::from(at.unsigned_abs()) << 80) | (7 << 76);
    moment | (2 << 62) | u128::from(count)
}

struct Writer {
    now: i64,
    ids: u64,
    filler: String,
}

impl Writer {
    fn event(
        &mut self,
        db: &Transaction<'_>,
        shop: &Shop,
        number: u32,
        at: i64,
        fate: Fate,
    ) -> anyhow::Result<()> {
        let kind = event::KINDS[0];
        db.prepare_cached(
            "INSERT INTO events (shop, id, kind, subdomain, accepted_at, needed_at, deliveries, fingerprint, envelope)
             VALUES (?1, ?2, ?3, ?4, ?5, ?5, ?6, zeroblob(32), ?7)",
        )?
        .execute(params![
            shop.seq,
            format!("evt_{number:010}"),
            kind,
            shop.subdomain,
            at,
            i64::try_from(shop.hooks.len())?,
            event::envelope(number, kind, &shop.id, &shop.subdomain, &self.filler)
        ])?;
        let event = db.last_insert_rowid();
        for (webhook, _) in &shop.hooks {
            self.delivery(db, *webhook, event, at, fate)?;
        }
        Ok(())
    }

    fn delivery(
        &mut self,
        db: &Transaction<'_>,
        webhook: i64,
        event: i64,
        at: i64,
        fate: Fate,
    ) -> anyhow::Result<()> {
        let (status, due, drop_reason, code) = match fate {
            Fate::Succeeded => (1, None, None, 200),
            Fate::Waiting(due) => (2, Some(self.now + due), None, 503),
            Fate::Dropped => (3, None, Some(1), 503),
        };
        let error = (code != 200).then_some("the endpoint answered 503");
        db.prepare_cached(
            "INSERT INTO deliveries (id, webhook, event, created_at, status, due, entry, client_error, test,
                                     drop_reason, attempts, started_at, ended_at, duration_ms,
                                     response_code, error, final_host, response_body)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, 1, 0, 0, ?7, 1, ?4, ?4, 10, ?8, ?9, '127.0.0.1', '')",
        )?
        .execute(params![self.id(at), webhook, event, at, status, due, drop_reason, code, error])?;
        Ok(())
    }

    fn id(&mut self, at: i64) -> [u8; 16] {
        self.ids += 1;
        id(at, self.ids).to_be_bytes()
    }
}
