//! A name server that answers from a table.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::net::UdpSocket;
use tokio::task::JoinSet;

/// What a name stands for.
#[derive(Clone)]
pub enum Entry {
    Addresses(Vec<IpAddr>),
    /// Answers about IPv4 only; questions about IPv6 are never answered.
    OnlyFour(IpAddr),
    /// The name server keeps silent.
    Silence,
}

/// Listens on a port of its own until it is dropped; names it does not know do not exist.
pub struct Names {
    pub address: SocketAddr,
    table: Arc<Mutex<HashMap<String, Entry>>>,
    questions: Arc<Mutex<Vec<String>>>,
    _task: JoinSet<()>,
}

impl Names {
    pub async fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let table = Arc::<Mutex<HashMap<String, Entry>>>::default();
        let questions = Arc::<Mutex<Vec<String>>>::default();
        let mut task = JoinSet::new();
        let (entries, asked) = (Arc::clone(&table), Arc::clone(&questions));
        task.spawn(async move {
            let mut buffer = [0; 1500];
            while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
                let question = Question::read(&buffer[..length]);
                asked.lock().push(question.name.clone());
                let entry = entries.lock().get(&question.name).cloned();
                if let Some(answer) = question.answer(entry.as_ref()) {
                    socket.send_to(&answer, from).await.unwrap();
                }
            }
        });
        Self { address, table, questions, _task: task }
    }

    pub fn set(&self, name: &str, entry: Entry) {
        self.table.lock().insert(name.to_owned(), entry);
    }

    pub fn set_addresses(&self, name: &str, addresses: &[&str]) {
        self.set(name, Entry::Addresses(addresses.iter().map(|text| text.parse().unwrap()).collect()));
    }

    /// The names asked for, in order.
    pub fn questions(&self) -> Vec<String> {
        self.questions.lock().clone()
    }
}

const TYPE_A: u16 = 1;
const TYPE_AAAA: u16 = 28;

struct Question {
    name: String,
    kind: u16,
    id: [u8; 2],
    /// As it came, to be repeated in the answer.
    bytes: Vec<u8>,
}

impl Question {
    fn read(packet: &[u8]) -> Self {
        let mut at = 12;
        let mut labels = Vec::new();
        while packet[at] != 0 {
            let end = at + 1 + usize::from(packet[at]);
            labels.push(String::from_utf8(packet[at + 1..end].to_vec()).unwrap().to_lowercase());
            at = end;
        }
        let kind = u16::from_be_bytes([packet[at + 1], packet[at + 2]]);
        let id = [packet[0], packet[1]];
        Self { name: labels.join("."), kind, id, bytes: packet[12..at + 5].to_vec() }
    }

    fn answer(&self, entry: Option<&Entry>) -> Option<Vec<u8>> {
        let addresses = match entry {
            None => return Some(self.packet(3, &[])),
            Some(Entry::Silence) => return None,
            Some(Entry::OnlyFour(_)) if self.kind == TYPE_AAAA => return None,
            Some(Entry::OnlyFour(address)) => vec![*address],
            Some(Entry::Addresses(addresses)) => addresses.clone(),
        };
        let records: Vec<Vec<u8>> = addresses
            .into_iter()
            .filter_map(|address| match address {
                IpAddr::V4(v4) => (self.kind == TYPE_A).then(|| v4.octets().to_vec()),
                IpAddr::V6(v6) => (self.kind == TYPE_AAAA).then(|| v6.octets().to_vec()),
            })
            .collect();
        Some(self.packet(0, &records))
    }

    /// The question repeated, and answers of this name with a time to live of zero (RFC 1035 §4).
    fn packet(&self, code: u8, records: &[Vec<u8>]) -> Vec<u8> {
        let count = u8::try_from(records.len()).unwrap();
        let mut packet = self.id.to_vec();
        packet.extend([0x81, 0x80 | code, 0, 1, 0, count, 0, 0, 0, 0]);
        packet.extend(&self.bytes);
        for record in records {
            packet.extend([0xc0, 12]);
            packet.extend(self.kind.to_be_bytes());
            packet.extend([0, 1, 0, 0, 0, 0]);
            packet.extend(u16::try_from(record.len()).unwrap().to_be_bytes());
            packet.extend(record);
        }
        packet
    }
}
