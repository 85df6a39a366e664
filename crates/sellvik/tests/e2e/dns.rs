//! A name server on loopback that answers from a table, so that no question leaves the machine.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};

use tokio::net::UdpSocket;
use tokio::task::JoinHandle;

const TYPE_A: u16 = 1;
const TYPE_AAAA: u16 = 28;
const NO_SUCH_NAME: u8 = 3;

/// What a name stands for, and what was asked about it.
#[derive(Default)]
struct Entry {
    /// The addresses of the first question and answer, the second, and so on; the last ones for ever.
    turns: Vec<Vec<IpAddr>>,
    asked: HashMap<u16, usize>,
}

type Table = HashMap<String, Entry>;

/// Answers until it is dropped. Names it does not know do not exist; names with no addresses are met
/// with silence.
pub struct Dns {
    pub address: SocketAddr,
    table: Arc<Mutex<Table>>,
    answering: JoinHandle<()>,
}

impl Dns {
    pub async fn start(table: &[(&str, &[&str])]) -> Self {
        let known = table.iter().map(|(name, addresses)| ((*name).to_owned(), entry(&[addresses]))).collect();
        let table = Arc::new(Mutex::new(known));
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let shared = table.clone();
        let answering = tokio::spawn(async move {
            let mut packet = [0; 1500];
            while let Ok((length, from)) = socket.recv_from(&mut packet).await {
                let reply = answer(&packet[..length], &mut shared.lock().unwrap());
                if let Some(answer) = reply {
                    let _ = socket.send_to(&answer, from).await;
                }
            }
        });
        Self { address, table, answering }
    }

    /// From now on this name has these addresses.
    pub fn set(&self, name: &str, addresses: &[&str]) {
        self.set_turns(name, &[addresses]);
    }

    /// From now on this name has other addresses each time it is asked for, in the end the last ones.
    pub fn set_turns(&self, name: &str, turns: &[&[&str]]) {
        self.table.lock().unwrap().insert(name.to_owned(), entry(turns));
    }

    /// How often the name's IPv4 and IPv6 addresses were asked for since they were set.
    pub fn asked(&self, name: &str) -> (usize, usize) {
        let table = self.table.lock().unwrap();
        let asked = |kind| table[name].asked.get(&kind).copied().unwrap_or_default();
        (asked(TYPE_A), asked(TYPE_AAAA))
    }
}

impl Drop for Dns {
    fn drop(&mut self) {
        self.answering.abort();
    }
}

fn entry(turns: &[&[&str]]) -> Entry {
    let parsed = |addresses: &&[&str]| addresses.iter().map(|address| address.parse().unwrap()).collect();
    Entry { turns: turns.iter().map(parsed).collect(), asked: HashMap::new() }
}

impl Entry {
    /// The addresses of this turn; both families' turns go by their own questions.
    fn next(&mut self, kind: u16) -> &[IpAddr] {
        let asked = self.asked.entry(kind).or_default();
        *asked += 1;
        &self.turns[(*asked).min(self.turns.len()) - 1]
    }
}

/// The question repeated, and answers with a time to live of zero (RFC 1035 §4).
fn answer(packet: &[u8], table: &mut Table) -> Option<Vec<u8>> {
    let (mut at, mut labels) = (12, Vec::new());
    while packet[at] != 0 {
        let end = at + 1 + usize::from(packet[at]);
        labels.push(String::from_utf8_lossy(&packet[at + 1..end]).to_lowercase());
        at = end;
    }
    let kind = u16::from_be_bytes([packet[at + 1], packet[at + 2]]);
    let addresses = table.get_mut(&labels.join(".")).map(|entry| entry.next(kind));
    if addresses.is_some_and(<[IpAddr]>::is_empty) {
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
