//! Which webhooks of a shop want which events; kept at hand by the writer.

use rusqlite::Connection;
use sellvik_domain::{EventType, Lane, Shop, ShopId};

use super::rows;
use crate::Result;

/// A shop's enabled webhooks and what they subscribe to.
pub(super) struct Routes {
    pub(super) seq: i64,
    pub(super) shop: Shop,
    hooks: Vec<(Lane, Vec<EventType>)>,
}

impl Routes {
    pub(super) fn load(db: &Connection, id: ShopId) -> Result<Option<Self>> {
        let sql = format!("SELECT {} FROM shops s WHERE s.id = ?", rows::SHOP);
        let Some((seq, shop)) = rows::one(db, &sql, [id.as_bytes()], |row| rows::shop(row, 0))? else {
            return Ok(None);
        };
        let sql = "SELECT seq, events FROM webhooks WHERE shop = ? AND enabled = 1 AND deleted_at IS NULL ORDER BY seq";
        let hooks = rows::all(db, sql, [seq], |row| Ok((Lane(row.get(0)?), rows::events(row, 1)?)))?;
        Ok(Some(Self { seq, shop, hooks }))
    }

    /// The lanes that want events of this type.
    pub(super) fn subscribed(&self, kind: &EventType) -> Vec<Lane> {
        self.hooks.iter().filter(|(_, events)| events.contains(kind)).map(|(lane, _)| *lane).collect()
    }
}
