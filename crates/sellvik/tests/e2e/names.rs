//! A name server whose one answer to every question can be changed.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex};

use tokio::net::UdpSocket;
use tokio::task::JoinSet;

const SERVER_FAILURE: u8 = 2;
const TYPE_A: [u8; 2] = [0, 1];

/// Listens at 127.0.0.1 until it is dropped. At first it fails every question.
pub struct Names {
    pub address: SocketAddr,
    answer: Arc<Mutex<Vec<Ipv4Addr>>>,
    _task: JoinSet<()>,
}

impl Names {
    pub async fn start() -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
        let address = socket.local_addr().unwrap();
        let answer = Arc::<Mutex<Vec<Ipv4Addr>>>::default();
        let (mut task, known) = (JoinSet::new(), Arc::clone(&answer));
        task.spawn(async move {
            let mut buffer = [0; 1500];
            while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
                let packet = reply(&buffer[..length], &known.lock().unwrap());
                socket.send_to(&packet, from).await.unwrap();
            }
        });
        Self { address, answer, _task: task }
    }

    /// From now on every name has these addresses.
    pub fn set(&self, addresses: &[Ipv4Addr]) {
        *self.answer.lock().unwrap() = addresses.to_vec();
    }
}

/// The question repeated, and answers with a time to live of zero (RFC 1035 §4).
fn reply(question: &[u8], addresses: &[Ipv4Addr]) -> Vec<u8> {
    // The header has 12 bytes; labels, each behind its length, end with an empty one.
    let mut end = 12;
    while question[end] != 0 {
        end += 1 + usize::from(question[end]);
    }
    let kind = &question[end + 1..end + 3];
    let records = if kind == TYPE_A { addresses } else { &[] };
    let code = if addresses.is_empty() { SERVER_FAILURE } else { 0 };
    let mut packet = question[..2].to_vec();
    packet.extend([0x81, 0x80 | code, 0, 1, 0, u8::try_from(records.len()).unwrap(), 0, 0, 0, 0]);
    packet.extend(&question[12..end + 5]);
    for address in records {
        packet.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4]);
        packet.extend(address.octets());
    }
    packet
}
