//! A name server on loopback that answers from a table, so that no question leaves the machine.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

const TYPE_A: u16 = 1;
const TYPE_AAAA: u16 = 28;
const NO_SUCH_NAME: u8 = 3;

type Table = HashMap<String, Vec<IpAddr>>;

/// Answers until it is dropped. Names it does not know do not exist; names with no addresses are met
/// with silence.
pub struct Dns {
    pub address: SocketAddr,
    table: Arc<Mutex<Table>>,
    answering: JoinHandle<()>,
}

impl Dns {
    pub async fn start(table: &[(&str, &[&str])]) -> Self {
        let known = table.iter().map(|(name, addresses)| row(name, addresses)).collect();
        let table = Arc::new(Mutex::new(known));
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let shared = table.clone();
        let answering = tokio::spawn(async move {
            let mut packet = [0; 1500];
            while let Ok((length, from)) = socket.recv_from(&mut packet).await {
                let reply = answer(&packet[..length], &shared.lock().unwrap());
                if let Some(answer) = reply {
                    let _ = socket.send_to(&answer, from).await;
                }
            }
        });
        Self { address, table, answering }
    }

    /// From now on this name has these addresses.
    pub fn set(&self, name: &str, addresses: &[&str]) {
        self.table.lock().unwrap().extend([row(name, addresses)]);
    }
}

impl Drop for Dns {
    fn drop(&mut self) {
        self.answering.abort();
    }
}

fn row(name: &str, addresses: &[&str]) -> (String, Vec<IpAddr>) {
    (name.to_owned(), addresses.iter().map(|address| address.parse().unwrap()).collect())
}

/// The question repeated, and answers with a time to live of zero (RFC 1035 §4).
fn answer(packet: &[u8], table: &Table) -> Option<Vec<u8>> {
    let (mut at, mut labels) = (12, Vec::new());
    while packet[at] != 0 {
        let end = at + 1 + usize::from(packet[at]);
        labels.push(String::from_utf8_lossy(&packet[at + 1..end]).to_lowercase());
        at = end;
    }
    let kind = u16::from_be_bytes([packet[at + 1], packet[at + 2]]);
    let addresses = table.get(&labels.join("."));
    if addresses.is_some_and(Vec::is_empty) {
        return None;
    }
    let records: Vec<Vec<u8>> = addresses
        .into_iter()
        .flatten()
        .filter_map(|address| match address {
            IpAddr::V4(v4) => (kind == TYPE_A).then(|| v4.octets().to_vec()),
            IpAddr::V6(v6) => (kind == TYPE_AAAA).then(|| v6.octets().to_vec()),
        })
        .collect();
    let code = if addresses.is_some() { 0 } else { NO_SUCH_NAME };
    let mut answer = packet[..2].to_vec();
    answer.extend([0x81, 0x80 | code, 0, 1, 0, u8::try_from(records.len()).unwrap(), 0, 0, 0, 0]);
    answer.extend(&packet[12..at + 5]);
    for record in records {
        answer.extend([0xc0, 12]);
        answer.extend(kind.to_be_bytes());
        answer.extend([0, 1, 0, 0, 0, 0]);
        answer.extend(u16::try_from(record.len()).unwrap().to_be_bytes());
        answer.extend(record);
    }
    Some(answer)
}
