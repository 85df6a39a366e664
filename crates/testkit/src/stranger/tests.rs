use rustls::pki_types::ServerName;
use rustls::pki_types::pem::PemObject as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio_rustls::TlsConnector;

use super::*;
use crate::TestCa;

const POST: &[u8] = b"POST /hook HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi";

async fn asked(stranger: &Stranger) -> TcpStream {
    let mut stream = TcpStream::connect(stranger.addr()).await.unwrap();
    stream.write_all(POST).await.unwrap();
    stream
}

/// All that comes until the stranger closes, and how it did.
async fn rest(mut stream: TcpStream) -> (String, Option<io::ErrorKind>) {
    let mut bytes = Vec::new();
    let end = stream.read_to_end(&mut bytes).await.err().map(|error| error.kind());
    (String::from_utf8(bytes).unwrap(), end)
}

#[tokio::test]
async fn a_script_is_played_move_by_move_and_ends_with_fin() {
    let gate = Gate::new();
    let script =
        vec![Move::Hear, Move::say("one "), Move::Await(gate.clone()), Move::Spell(Bytes::from("two"))];
    let stranger = Stranger::start([script]).await;
    let mut stream = asked(&stranger).await;
    let mut one = [0; 4];
    stream.read_exact(&mut one).await.unwrap();
    assert_eq!((&one, stranger.requests()), (b"one ", 1));
    gate.open();
    assert_eq!(rest(stream).await, ("two".to_owned(), None));
    stranger.wait_for_closed(1).await;
    assert_eq!(stranger.connections(), 1);
}

#[tokio::test]
async fn each_connection_has_its_script_and_the_last_stays() {
    let stranger = Stranger::start([vec![Move::say("a")], vec![Move::Hear, Move::say("b"), Move::Cut]]).await;
    for expected in ["a", "b", "b"] {
        assert_eq!(rest(asked(&stranger).await).await, (expected.to_owned(), None));
    }
    stranger.wait_for_closed(3).await;
}

#[tokio::test]
async fn a_reset_comes_after_what_was_said() {
    let reset = Some(io::ErrorKind::ConnectionReset);
    for last in [vec![Move::Hear, Move::say("half"), Move::Reset], vec![Move::say("half"), Move::Reset]] {
        let stranger = Stranger::start([last]).await;
        assert_eq!(rest(asked(&stranger).await).await, ("half".to_owned(), reset));
        stranger.wait_for_closed(1).await;
    }
}

#[tokio::test]
async fn what_goes_on_for_ever_ends_when_the_client_leaves() {
    let drip = Move::Drip(Bytes::from("ab"), Duration::from_millis(1));
    for forever in [Move::SayForever(Bytes::from("ab")), drip] {
        let stranger = Stranger::start([vec![Move::HearBytes(10), forever]]).await;
        let mut stream = asked(&stranger).await;
        let mut bytes = [0; 6];
        stream.read_exact(&mut bytes).await.unwrap();
        assert_eq!(&bytes, b"ababab");
        drop(stream);
        stranger.wait_for_closed(1).await;
    }
    let ignoring = vec![Move::Ignore(Duration::from_millis(1)), Move::Silence];
    let stranger = Stranger::start([vec![Move::Silence], ignoring]).await;
    drop((asked(&stranger).await, asked(&stranger).await));
    stranger.wait_for_closed(2).await;
}

#[tokio::test]
async fn a_cut_leaves_out_the_end_of_tls() {
    let ca = TestCa::new();
    let mut roots = rustls::RootCertStore::empty();
    roots.add(rustls::pki_types::CertificateDer::from_pem_slice(ca.pem().as_bytes()).unwrap()).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector = TlsConnector::from(Arc::new(config));
    let heard = [Move::Hear, Move::say("half")];
    let scripts = [heard.to_vec(), [&heard[..], &[Move::Cut]].concat()];
    let stranger = Stranger::start_tls(&ca.server(&["127.0.0.1"]), scripts).await;
    for end in [None, Some(io::ErrorKind::UnexpectedEof)] {
        let stream = TcpStream::connect(stranger.addr()).await.unwrap();
        let name = ServerName::try_from("127.0.0.1").unwrap();
        let mut stream = connector.connect(name, stream).await.unwrap();
        stream.write_all(POST).await.unwrap();
        let mut bytes = Vec::new();
        let error = stream.read_to_end(&mut bytes).await.err().map(|error| error.kind());
        assert_eq!((bytes, error), (b"half".to_vec(), end));
    }
    assert!(stranger.url("/x").starts_with("https://127.0.0.1:"));
}
