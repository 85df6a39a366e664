//! Rows written many at a time: one array per column, one statement for all of them.

use deadpool_postgres::Transaction;
use tokio_postgres::types::ToSql;

use crate::Result;

/// Rows of one table that are written by one statement.
pub(super) trait Bulk {
    /// The statement: `$1`, `$2`, … are the columns.
    fn sql() -> &'static str;
    /// The columns.
    fn params(&self) -> Vec<&(dyn ToSql + Sync)>;
    fn is_empty(&self) -> bool;
}

/// Makes a struct for a row and one for many of them, by column. In the template `{columns}` are their names,
/// `{rows}` is where they come from, and `{next}` is the parameter behind them.
macro_rules! bulk {
    ($(#[$doc:meta])* $row:ident $(<$life:lifetime>)? in $all:ident, $template:literal,
     { $($column:ident: $rust:ty as $sql:literal),+ $(,)? }) => {
        $(#[$doc])*
        pub(super) struct $row $(<$life>)? {
            $(pub(super) $column: $rust,)+
        }

        #[derive(Default)]
        pub(super) struct $all $(<$life>)? {
            $($column: Vec<$rust>,)+
        }

        impl $(<$life>)? $all $(<$life>)? {
            pub(super) fn push(&mut self, row: $row $(<$life>)?) {
                $(self.$column.push(row.$column);)+
            }
        }

        impl $(<$life>)? $crate::postgres::bulk::Bulk for $all $(<$life>)? {
            fn sql() -> &'static str {
                static SQL: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| {
                    $crate::postgres::bulk::statement($template, &[$((stringify!($column), $sql)),+])
                });
                &SQL
            }

            fn params(&self) -> Vec<&(dyn tokio_postgres::types::ToSql + Sync)> {
                vec![$(&self.$column),+]
            }

            fn is_empty(&self) -> bool {
                [$(self.$column.len()),+].contains(&0)
            }
        }
    };
}
pub(super) use bulk;

/// Fills a template in.
pub(super) fn statement(template: &str, columns: &[(&str, &str)]) -> String {
    let names = columns.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
    let arrays = (1..).zip(columns).map(|(at, (_, sql))| format!("${at}::{sql}[]"));
    let rows = format!("unnest({}) AS u ({names})", arrays.collect::<Vec<_>>().join(", "));
    let next = format!("${}", columns.len() + 1);
    template.replace("{columns}", &names).replace("{rows}", &rows).replace("{next}", &next)
}

/// Writes the rows, if there are any; how many were.
pub(super) async fn write<B: Bulk>(tx: &Transaction<'_>, rows: &B) -> Result<u64> {
    write_with(tx, rows, None).await
}

/// The same, with one more parameter.
pub(super) async fn write_with<B: Bulk>(
    tx: &Transaction<'_>,
    rows: &B,
    next: Option<&(dyn ToSql + Sync)>,
) -> Result<u64> {
    if rows.is_empty() {
        return Ok(0);
    }
    let statement = tx.prepare_cached(B::sql()).await?;
    let mut params = rows.params();
    params.extend(next);
    Ok(tx.execute(&statement, &params).await?)
}
