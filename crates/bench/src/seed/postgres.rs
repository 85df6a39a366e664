//! The same into PostgreSQL, for deliveries that wait.

use std::collections::BTreeMap;
use std::io::Write;

use anyhow::{Context as _, bail};
use sellvik_testkit::Postgres;

use super::{Fate, Seeded, Seeding, id};
use crate::sink::arrivals::SEEDED_FROM;
use crate::{clock, event};

struct Shop {
    seq: String,
    id: String,
    subdomain: String,
    /// Row and number of each webhook.
    hooks: Vec<(String, u32)>,
}

/// One event or delivery per line, as `COPY` takes them.
const EVENTS: &str = "COPY events (id, shop, name, kind, subdomain, envelope) FROM STDIN";
const QUEUE: &str = "COPY queue (id, shop, webhook, event, status, due, put_off, entry, client_error, test, epoch, \
     attempts, started_at, ended_at, duration_ms, response_code, error, final_host, response_body) FROM STDIN";

pub(super) fn seed(
    server: &Postgres,
    address: &str,
    seeding: &Seeding<impl Fn(u32) -> Fate>,
) -> anyhow::Result<Vec<Seeded>> {
    let shops = shops(server, address, seeding.from_hook)?;
    let (now, age) = (i64::try_from(clock::epoch_ms())?, i64::try_from(seeding.age.as_millis())?);
    let (mut events, mut queue) = (server.copy(address, EVENTS), server.copy(address, QUEUE));
    let (filler, kind) = (event::filler(), event::KINDS[0]);
    let (mut seeded, mut first, mut count) = (Vec::new(), SEEDED_FROM, 0);
    for shop in &shops {
        for i in 0..seeding.per_hook {
            let Fate::Waiting(due) = (seeding.fate)(i) else { bail!("only what waits is written here") };
            let at = now - age * i64::from(seeding.per_hook - i) / i64::from(seeding.per_hook);
            let number = first + i;
            let envelope = event::envelope(number, kind, &shop.id, &shop.subdomain, &filler);
            // The event's key is its first delivery's.
            let key = hex(id(at, count + 1));
            let (seq, subdomain, envelope) = (&shop.seq, &shop.subdomain, hex::encode(envelope));
            writeln!(events, "{key}\t{seq}\tevt_{number:010}\t{kind}\t{subdomain}\t\\\\x{envelope}")?;
            for (webhook, hook) in &shop.hooks {
                count += 1;
                let (delivery, due) = (hex(id(at, count)), now + due);
                writeln!(
                    queue,
                    "{delivery}\t{seq}\t{webhook}\t{key}\t2\t{due}\tt\t1\tf\tf\t1\t1\t{at}\t{at}\t10\t503\t\
                     the endpoint answered 503\t127.0.0.1\t"
                )?;
                seeded.push((number, *hook, i));
            }
        }
        first += seeding.per_hook;
    }
    events.finish();
    queue.finish();
    // As autovacuum and checkpoints would have done by the time that so many wait.
    server.ask(address, "VACUUM (ANALYZE) queue, events");
    server.sql("CHECKPOINT");
    Ok(seeded)
}

fn hex(id: u128) -> String {
    format!("{id:032x}")
}

fn shops(server: &Postgres, address: &str, from_hook: u32) -> anyhow::Result<Vec<Shop>> {
    let sql = "SELECT s.seq, translate(s.id::text, '-', ''), s.subdomain, w.seq, w.url
               FROM webhooks w JOIN shops s ON s.seq = w.shop ORDER BY w.seq";
    let mut shops: BTreeMap<u64, Shop> = BTreeMap::new();
    for line in server.ask(address, sql).lines() {
        let [seq, id, subdomain, webhook, url] =
            line.split('|').collect::<Vec<_>>().try_into().ok().context("a row")?;
        let number: u32 = url.rsplit('/').next().unwrap_or_default().parse()?;
        if number >= from_hook {
            let (seq, own, subdomain) = (seq.to_owned(), format!("sh_{id}"), subdomain.to_owned());
            let shop = Shop { seq, id: own, subdomain, hooks: Vec::new() };
            shops.entry(shop.seq.parse()?).or_insert(shop).hooks.push((webhook.to_owned(), number));
        }
    }
    Ok(shops.into_values().collect())
}
