//! What the nodes tell each other, by `NOTIFY`: that a webhook changed, and which lanes have something that the
//! teller has no room for. What is lost is covered: while nobody can listen nothing is kept at hand, and what
//! waits is looked for every now and then anyway.

use std::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;

use deadpool_postgres::Transaction;
use sellvik_domain::{Lane, ShopId, Timestamp};
use tokio::time::timeout;
use tokio_postgres::tls::MakeTlsConnect;
use tokio_postgres::{AsyncMessage, Client, NoTls, Socket};
use uuid::Uuid;

use super::address::PostgresAddress;
use super::ledger::Ledger;
use super::rows;
use crate::error::chain;
use crate::{Result, StoreError};

/// How often the listening connection is asked whether it still lives, and how long it has to answer: together
/// less than the second within which a change at one node counts at all.
const BEAT: Duration = Duration::from_millis(300);
const BEAT_ANSWER: Duration = Duration::from_millis(400);

/// Pause before listening is tried again, and how long that may take. As long as nobody is heard, all that is kept
/// at hand is thrown away this often: so a change counts within the second all the same.
const RETRY: Duration = Duration::from_millis(100);
const BEGIN: Duration = Duration::from_millis(500);

/// How long lanes are gathered for a note, and how many go into one, which may have 8000 bytes.
const GATHER: Duration = Duration::from_millis(20);
const LANES_MAX: usize = 200;

const NOTIFY: &str = "SELECT pg_notify($1, $2)";

/// What a node says.
pub(super) enum Note {
    /// A shop's routes changed.
    Shop(ShopId),
    /// A webhook changed.
    Webhook(ShopId, Lane),
    /// These lanes have something due at these moments that the teller has no room for.
    Waiting(Vec<(Lane, Timestamp)>),
}

impl Note {
    fn write(&self, node: i32) -> String {
        let shop = |shop: &ShopId| rows::id(shop.as_bytes());
        match self {
            Self::Shop(id) => format!("{node} shop {}", shop(id)),
            Self::Webhook(id, lane) => format!("{node} webhook {} {}", shop(id), lane.0),
            Self::Waiting(lanes) => {
                let lanes = lanes.iter().map(|(lane, due)| format!(" {} {}", lane.0, due.as_millis()));
                format!("{node} waiting{}", lanes.collect::<String>())
            }
        }
    }

    /// Who says what; nothing if this version does not understand it.
    fn read(text: &str) -> Option<(i32, Self)> {
        let mut words = text.split(' ');
        let teller = words.next()?.parse().ok()?;
        let shop = |word: Option<&str>| Some(ShopId::from_bytes(word?.parse::<Uuid>().ok()?.into_bytes()));
        let note = match words.next()? {
            "shop" => Self::Shop(shop(words.next())?),
            "webhook" => Self::Webhook(shop(words.next())?, Lane(words.next()?.parse().ok()?)),
            "waiting" => {
                let mut lanes = Vec::new();
                while let Some(lane) = words.next() {
                    let due = Timestamp::from_millis(words.next()?.parse().ok()?);
                    lanes.push((Lane(lane.parse().ok()?), due));
                }
                Self::Waiting(lanes)
            }
            _ => return None,
        };
        Some((teller, note))
    }
}

/// Says it to the other nodes if the transaction commits.
pub(super) async fn tell(ledger: &Ledger, tx: &Transaction<'_>, note: &Note) -> Result<()> {
    let statement = tx.prepare_cached(NOTIFY).await?;
    tx.query(&statement, &[&ledger.channel, &note.write(ledger.node)]).await?;
    Ok(())
}

/// Tells the other nodes, now and then, what this one has no room for. Not in the transactions themselves: those
/// that notify commit one after the other.
pub(super) async fn tell_of_waiting(ledger: Arc<Ledger>) {
    loop {
        ledger.overflow.bell.notified().await;
        tokio::time::sleep(GATHER).await;
        loop {
            let some = ledger.overflow.take(LANES_MAX);
            if some.is_empty() {
                break;
            }
            let note = Note::Waiting(some).write(ledger.node);
            if let Err(error) = ledger.sessions.all(NOTIFY, &[&ledger.channel, &note]).await {
                tracing::debug!(error = %error, "other nodes were not told what waits; they will look for it");
            }
        }
    }
}

/// Listens for as long as the ledger is open.
pub(super) async fn listen(ledger: Arc<Ledger>, address: PostgresAddress) {
    let mut heard = true;
    loop {
        let begun = async {
            match address.tls() {
                Some(tls) => begin(&ledger, &address, tls).await,
                None => begin(&ledger, &address, NoTls).await,
            }
        };
        let begun = timeout(BEGIN, begun).await.map_err(StoreError::unavailable).flatten();
        // Whatever is kept at hand may have changed unheard.
        ledger.all_changed();
        let ended = match begun {
            Ok(client) => {
                heard = true;
                hear(client).await
            }
            Err(error) => error,
        };
        if std::mem::replace(&mut heard, false) {
            tracing::warn!(error = %chain(&ended), "the other nodes cannot be heard; listening is tried again");
        }
        ledger.all_changed();
        tokio::time::sleep(RETRY).await;
    }
}

/// A connection that listens.
async fn begin<T>(ledger: &Arc<Ledger>, address: &PostgresAddress, tls: T) -> Result<Client>
where
    T: MakeTlsConnect<Socket>,
    T::Stream: Send + 'static,
{
    let (client, mut connection) = address.config().connect(tls).await?;
    let hearer = ledger.clone();
    // Ends with its client.
    tokio::spawn(async move {
        while let Some(Ok(message)) = poll_fn(|cx| connection.poll_message(cx)).await {
            if let AsyncMessage::Notification(note) = message {
                hearer.hear(note.payload());
            }
        }
    });
    client.batch_execute(&format!("LISTEN \"{}\"", ledger.channel)).await?;
    Ok(client)
}

/// Returns once the connection has ended or does not answer in time.
async fn hear(client: Client) -> StoreError {
    loop {
        tokio::time::sleep(BEAT).await;
        match timeout(BEAT_ANSWER, client.simple_query("")).await {
            Ok(Ok(_)) => {}
            Ok(Err(error)) => return error.into(),
            Err(late) => return StoreError::unavailable(late),
        }
    }
}

impl Ledger {
    fn hear(&self, said: &str) {
        match Note::read(said) {
            // One's own words.
            Some((teller, _)) if teller == self.node => {}
            Some((_, Note::Shop(shop))) => self.routes.forget(shop),
            Some((_, Note::Webhook(shop, lane))) => self.changed(shop, lane),
            Some((_, Note::Waiting(lanes))) => {
                if let Some(intake) = self.intake.get() {
                    intake.waiting(&lanes);
                }
            }
            // A newer version's: what it changed is not known.
            None => self.all_changed(),
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;

    #[test]
    fn a_note_is_read_as_it_was_written() {
        let shop = ShopId::new([7; 16]);
        let due = |n| (Lane(n), Timestamp::from_millis(1_779_889_500_000 + n));
        let most: Vec<_> = (0..200).map(|n| due(i64::from(i32::MAX) * 1000 + n)).collect();
        for note in [Note::Shop(shop), Note::Webhook(shop, Lane(12)), Note::Waiting(most)] {
            let text = note.write(i32::MAX);
            assert!(text.len() < 8000, "{} bytes are more than a note may have", text.len());
            let (node, read) = Note::read(&text).unwrap();
            assert_eq!((node, read.write(node)), (i32::MAX, text));
        }
        for unknown in ["", "x", "1", "1 moon", "1 shop", "1 shop x", "1 webhook", "1 waiting 5"] {
            assert!(Note::read(unknown).is_none(), "{unknown}");
        }
    }
}
