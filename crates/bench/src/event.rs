//! Events of about 1 KiB, and where they go.

use std::io::Write as _;
use std::path::Path;

use anyhow::Context as _;

/// Types that events are spread over, where a shop's webhooks are to have one each.
pub(crate) const KINDS: [&str; 10] = [
    "order.cancelled",
    "cart.created",
    "cart.abandoned",
    "collection.updated",
    "customer.updated",
    "order.paid",
    "product.created",
    "product.updated",
    "refund.created",
    "shipment.updated",
];

/// Bytes of `data` that say nothing.
const FILLER: usize = 800;

/// A shop and a type: what event `n` is published for is the `n`-th of them, round and round.
#[derive(Debug, Clone)]
pub(crate) struct Route {
    pub(crate) shop: String,
    pub(crate) kind: &'static str,
    /// Webhooks that a publish is expected to find.
    pub(crate) deliveries: usize,
    /// Those of them that answer, in order.
    pub(crate) hooks: Vec<u32>,
}

/// A route as the publisher knows it: its event up to the number, and how many deliveries it makes.
pub(crate) struct Template {
    start: String,
    pub(crate) deliveries: usize,
}

impl Template {
    /// Appends event `number`.
    pub(crate) fn write(&self, number: u32, filler: &str, body: &mut Vec<u8>) -> std::io::Result<()> {
        body.extend_from_slice(self.start.as_bytes());
        write!(body, "{number:010}\",\"data\":{{\"note\":\"{filler}\"}}}}")
    }
}

pub(crate) fn filler() -> String {
    "x".repeat(FILLER)
}

/// Leaves routes where the publisher reads them.
pub(crate) fn write_routes(routes: &[Route], path: &Path) -> anyhow::Result<()> {
    let mut file = std::io::BufWriter::new(std::fs::File::create(path)?);
    for route in routes {
        writeln!(file, "{} {} {}", route.shop, route.kind, route.deliveries)?;
    }
    Ok(file.flush()?)
}

/// Reads what [`write_routes`] left.
pub(crate) fn read_templates(path: &Path) -> anyhow::Result<Vec<Template>> {
    let template = |line: &str| -> anyhow::Result<Template> {
        let mut words = line.split(' ');
        let mut word = || words.next().context("a route cut short");
        let (shop, kind) = (word()?, word()?);
        let start = format!(r#"{{"shop":"{shop}","type":"{kind}","id":"evt_"#);
        Ok(Template { start, deliveries: word()?.parse()? })
    };
    std::fs::read_to_string(path)?.lines().map(template).collect()
}

/// What a receiver gets of an event: for the ceiling's client and for events written into the ledger.
pub(crate) fn envelope(number: u32, kind: &str, shop: &str, subdomain: &str, filler: &str) -> Vec<u8> {
    format!(
        r#"{{"id":"evt_{number:010}","type":"{kind}","createdAt":"2026-01-01T00:00:00.000Z","shopSubdomain":"{subdomain}","shopId":"{shop}","data":{{"note":"{filler}"}}}}"#
    )
    .into_bytes()
}
