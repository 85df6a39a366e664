//! Reading which webhooks of a shop want which events.

use rusqlite::Connection;
use sellvik_domain::{Lane, ShopId};

use super::rows;
use crate::Result;
use crate::routes::Routes;

pub(super) fn load(db: &Connection, id: ShopId) -> Result<Option<Routes>> {
    let sql = format!("SELECT {} FROM shops s WHERE s.id = ?", rows::SHOP);
    let Some((seq, shop)) = rows::one(db, &sql, [id.as_bytes()], |row| rows::shop(row, 0))? else {
        return Ok(None);
    };
    let sql =
        "SELECT seq, events FROM webhooks WHERE shop = ? AND enabled = 1 AND deleted_at IS NULL ORDER BY seq";
    let hooks = rows::all(db, sql, [seq], |row| Ok((Lane(row.get(0)?), rows::events(row, 1)?)))?;
    Ok(Some(Routes { seq, shop, hooks }))
}
