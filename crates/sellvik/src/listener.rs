//! Accepting connections, within bounds, until told to stop.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;

mod seats;
mod stream;

use crate::doors::Doors;
use seats::{Seat, Seats};
use stream::Stream;

/// Connections at once, if there may be so many open files.
const CONNECTIONS_MAX: u64 = 16_384;

/// Open files that callers leave to the courier's attempts and its connections at rest, and to the ledger;
/// but half of them, where there are few.
const FILES_KEPT: u64 = 5_120;

/// How long a request's head may take, and the wait for it: a slow one is cut off.
const HEAD_TIME_MAX: Duration = Duration::from_secs(10);

/// A request's head, in bytes and headers.
const HEAD_BYTES_MAX: usize = 32 << 10;
const HEADERS_MAX: usize = 100;

/// Pause after an accept that failed, most likely for want of file descriptors.
const ACCEPT_RETRY: Duration = Duration::from_millis(100);

/// How long a shutdown waits at most for requests that are being answered.
const GRACE_MAX: Duration = Duration::from_secs(5);

/// Callers whom the kernel keeps waiting at most, until they are accepted: a burst of thousands fits, where
/// the kernel's own limit allows it.
const BACKLOG: u32 = 4096;

/// Listens at this address.
pub(crate) fn bind(address: SocketAddr) -> std::io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // So that a restart need not wait for the connections of before.
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves until `stop`, then lets requests under way end, within the grace.
pub(crate) async fn serve(listener: TcpListener, doors: Doors, stop: CancellationToken, grace: Duration) {
    let seats = Seats::new(connections_max());
    let graceful = GracefulShutdown::new();
    loop {
        let accepted = tokio::select! {
            accepted = accept(&listener, &seats) => accepted,
            () = stop.cancelled() => break,
        };
        let Some((stream, seat)) = accepted else { continue };
        let (doors, stop, watcher) = (doors.clone(), stop.clone(), graceful.watcher());
        tokio::spawn(async move {
            tokio::select! {
                () = attend(stream, &seat, doors, stop, watcher) => {}
                () = seat.sent_away() => tracing::debug!("a silent caller made room for another"),
            }
        });
    }
    drop(listener);
    if timeout(grace.min(GRACE_MAX), graceful.shutdown()).await.is_err() {
        tracing::warn!("requests cut short by shutdown");
    }
}

/// Serves one connection to its end.
async fn attend(
    stream: TcpStream,
    seat: &Arc<Seat>,
    doors: Doors,
    stop: CancellationToken,
    watcher: Watcher,
) {
    // Who says nothing at all costs no buffers.
    let mut first = [0];
    tokio::select! {
        spoken = timeout(HEAD_TIME_MAX, stream.peek(&mut first)) => {
            let Ok(Ok(1..)) = spoken else { return };
        }
        () = stop.cancelled() => return,
    }
    let seat = seat.clone();
    let service = service_fn(move |request: Request<Incoming>| {
        let (answer, under_way) = (doors.clone().answer(request.map(Body::new)), seat.request());
        async move {
            let _under_way = under_way;
            answer.await
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIME_MAX)
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .serve_connection(TokioIo::new(Stream::new(stream)), service);
    // Boxed: the state of a connection is kilobytes, which silent ones need not reserve.
    if let Err(error) = Box::pin(watcher.watch(connection)).await {
        tracing::debug!(error = %error, "connection ended");
    }
}

async fn accept(listener: &TcpListener, seats: &Arc<Seats>) -> Option<(TcpStream, Arc<Seat>)> {
    match listener.accept().await {
        Ok((stream, _)) => {
            // Answers are small and somebody waits for them.
            let _ = stream.set_nodelay(true);
            Some((stream, Arc::new(seats.take().await)))
        }
        Err(error) => {
            tracing::warn!(error = %error, "a connection could not be accepted");
            tokio::time::sleep(ACCEPT_RETRY).await;
            None
        }
    }
}

fn connections_max() -> usize {
    let files = rlimit::Resource::NOFILE.get_soft().unwrap_or(u64::MAX);
    let many = files.saturating_sub(FILES_KEPT).max(files / 2).min(CONNECTIONS_MAX);
    usize::try_from(many).unwrap_or(usize::MAX)
}
