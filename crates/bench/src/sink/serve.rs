//! One connection of a receiver: note what came, answer, go on.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite};
use tokio::net::TcpStream;

use super::Shared;
use super::arrivals::Arrival;
use crate::clock;
use crate::wire::{Message, Wire};

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
const LAST_ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok";

/// Answers until the connection ends, or has had as many requests as one may.
pub(super) async fn answer<S>(stream: S, shared: Arc<Shared>) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let mut wire = Wire::new(stream);
    let mut served = 0;
    while let Some(request) = wire.read().await? {
        let Some(arrival) = arrival(&request) else {
            return wire.write(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n").await;
        };
        shared.arrivals.lock().came(arrival);
        if shared.delay > Duration::ZERO && arrival.hook >= shared.delayed_from {
            tokio::time::sleep(shared.delay).await;
        }
        shared.arrivals.lock().answered(arrival.hook);
        served += 1;
        let most = shared.requests_max.load(Ordering::Relaxed);
        if most > 0 && served >= most {
            wire.write(LAST_ANSWER).await?;
            return wire.close().await;
        }
        wire.write(ANSWER).await?;
    }
    Ok(())
}

/// Reads whatever comes and never answers.
pub(super) async fn swallow(mut stream: TcpStream) {
    let mut buffer = [0; 4096];
    while matches!(stream.read(&mut buffer).await, Ok(1..)) {}
}

fn arrival(request: &Message) -> Option<Arrival> {
    let at = clock::monotonic_ns();
    let path = request.head().split(|byte| *byte == b' ').nth(1)?;
    let (mut event, mut delivery) = (None, None);
    for (name, value) in request.headers() {
        if name.eq_ignore_ascii_case(b"x-sellvik-event-id") {
            event = number_at_end(value);
        } else if name.eq_ignore_ascii_case(b"x-sellvik-delivery") {
            delivery = Some(fnv1a(value));
        }
    }
    Some(Arrival { event: event?, hook: number_at_end(path)?, at, delivery: delivery? })
}

fn number_at_end(text: &[u8]) -> Option<u32> {
    let digits = text.rsplit(|byte| !byte.is_ascii_digit()).next()?;
    std::str::from_utf8(digits).ok()?.parse().ok()
}

fn fnv1a(text: &[u8]) -> u64 {
    text.iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
