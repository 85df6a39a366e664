//! What a ledger's file consists of, and what marks it as one.

mod embedded {
    refinery::embed_migrations!("migrations/sqlite");
}
pub(super) use embedded::migrations;

/// What marks a SQLite file as ours: `Slvk`.
pub(super) const APPLICATION_ID: i32 = 0x536c_766b;
