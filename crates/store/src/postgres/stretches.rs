//! Where a webhook's deliveries are: a stretch of an index for each status, in the queue or in history.

use sellvik_domain::DeliveryStatus;

use super::rows::{DECIDED, DELIVERY, UNDECIDED};

/// A webhook's (`$1`) deliveries of a status, as [`DELIVERY`] needs them.
pub(super) fn stretch(status: DeliveryStatus, and: &str) -> String {
    let (columns, table, number) = match status {
        DeliveryStatus::Pending => (UNDECIDED, "queue", 0),
        DeliveryStatus::Failed => (UNDECIDED, "queue", 2),
        DeliveryStatus::Succeeded => (DECIDED, "history", 1),
        DeliveryStatus::Dropped => (DECIDED, "history", 3),
    };
    format!("(SELECT {columns} FROM {table} WHERE webhook = $1 AND status = {number} {and})")
}

/// The same of one status or of all. Each stretch is read from its own end, so `and` must order and limit.
pub(super) fn stretches(status: Option<DeliveryStatus>, and: &str) -> String {
    let each = |one: &DeliveryStatus| stretch(*one, and);
    match status {
        Some(status) => stretch(status, and),
        None => DeliveryStatus::ALL.iter().map(each).collect::<Vec<_>>().join(" UNION ALL "),
    }
}

/// Deliveries out of `from`, each with what it needs of its event; then the event's key.
pub(super) fn with_event(from: &str, rest: &str) -> String {
    format!(
        "SELECT {DELIVERY}, d.event FROM ({from}) d
         CROSS JOIN LATERAL (SELECT name, kind FROM events WHERE id = d.event LIMIT 1) e {rest}"
    )
}
