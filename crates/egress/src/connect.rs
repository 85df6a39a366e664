//! From a vetted address to an open connection.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

use sellvik_domain::{EndpointUrl, Failure, FailureKind};
use tokio::net::TcpStream;
use tokio::time::sleep;
use tokio_rustls::TlsConnector;

use crate::connection::Connection;
use crate::stream::Stream;
use crate::{failure, tls};

/// How long the first address is tried alone, in milliseconds: longer than a connection takes across the
/// world, shorter than a person would call slow (RFC 8305 suggests 250).
const HEAD_START_MS: u64 = 300;

/// Opens a connection to one of the addresses, which all have been vetted.
pub async fn open(
    tls: &TlsConnector,
    url: &EndpointUrl,
    addresses: &[SocketAddr],
) -> Result<Box<Connection>, Failure> {
    let (stream, peer) = race(addresses).await.map_err(|error| failure::of_connect(&error, url.port()))?;
    let stream = if url.is_https() {
        let name = tls::server_name(&url.host())
            .ok_or_else(|| Failure::new(FailureKind::Tls, "no certificate can carry this name"))?;
        let stream = tls
            .connect(name, stream)
            .await
            .map_err(|error| failure::of_handshake(&error, url.host_text()))?;
        Stream::tls(stream)
    } else {
        Stream::plain(stream)
    };
    Connection::open(stream, peer).await.map_err(|error| failure::of_exchange(&error, url.host_text()))
}

/// Tries two of the addresses at most: a host that neither answers on is down, and the retry schedule
/// will ask again. The second starts when the first fails, or after its head start.
async fn race(addresses: &[SocketAddr]) -> io::Result<(TcpStream, SocketAddr)> {
    let Some((&first, others)) = addresses.split_first() else {
        return Err(io::ErrorKind::HostUnreachable.into());
    };
    // The other family if there is one: it often takes another way.
    let other_family = others.iter().find(|other| other.is_ipv4() != first.is_ipv4());
    let Some(&second) = other_family.or(others.first()) else {
        return dial(first).await;
    };
    let mut one = pin!(dial(first));
    tokio::select! {
        biased;
        dialled = &mut one => return match dialled {
            Ok(connected) => Ok(connected),
            Err(error) => dial(second).await.map_err(|other| more_telling(error, other)),
        },
        () = sleep(Duration::from_millis(HEAD_START_MS)) => {}
    }
    let mut two = pin!(dial(second));
    let (dialled, rest) = tokio::select! {
        dialled = &mut one => (dialled, two),
        dialled = &mut two => (dialled, one),
    };
    match dialled {
        Ok(connected) => Ok(connected),
        Err(error) => rest.await.map_err(|other| more_telling(error, other)),
    }
}

async fn dial(address: SocketAddr) -> io::Result<(TcpStream, SocketAddr)> {
    let stream = TcpStream::connect(address).await.map_err(|error| out_of_reach(address, error))?;
    // On loopback the kernel may pick the very port it connects to, and the socket meets itself.
    if address.ip().is_loopback() && stream.local_addr()? == address {
        return Err(io::ErrorKind::ConnectionRefused.into());
    }
    // A request is written at once: there is nothing to wait for.
    stream.set_nodelay(true)?;
    Ok((stream, address))
}

/// Without an address to connect from, IPv4 is out of ports, which is our own want of means. A machine that
/// has no IPv6 at all says the same of every IPv6 address, and that would be so in 30 s too.
fn out_of_reach(address: SocketAddr, error: io::Error) -> io::Error {
    if address.is_ipv6() && error.kind() == io::ErrorKind::AddrNotAvailable {
        return io::ErrorKind::NetworkUnreachable.into();
    }
    error
}

/// A host that refuses exists; one that cannot be reached may only be out of our family's reach.
fn more_telling(one: io::Error, other: io::Error) -> io::Error {
    if other.kind() == io::ErrorKind::ConnectionRefused { other } else { one }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_machine_without_ipv6_is_not_out_of_means() {
        let of = |address: &str| {
            let address = address.parse().unwrap_or_else(|_| unreachable!());
            let error = out_of_reach(address, io::ErrorKind::AddrNotAvailable.into());
            failure::of_connect(&error, 443).kind
        };
        assert_eq!(of("[2606:4700::1]:443"), FailureKind::Connect);
        assert_eq!(of("1.1.1.1:443"), FailureKind::OutOfMeans);
    }
}
