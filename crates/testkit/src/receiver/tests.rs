use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use super::*;
use crate::{Client, Gate};

const POST: &str = "POST /hook HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi";

/// A connection on which `request` has been sent.
async fn sent(receiver: &Receiver, request: &str) -> TcpStream {
    let mut stream = TcpStream::connect(receiver.addr()).await.unwrap();
    stream.write_all(request.as_bytes()).await.unwrap();
    stream
}

/// All that comes until the receiver closes.
async fn rest(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    String::from_utf8(bytes).unwrap()
}

/// All that comes after the client said it would send no more, upon which the receiver closes.
async fn rest_after_shutdown(mut stream: TcpStream) -> String {
    stream.shutdown().await.unwrap();
    rest(stream).await
}

/// As many bytes as `expected` has are `expected`.
async fn reads(stream: &mut TcpStream, expected: &str) {
    let mut bytes = vec![0; expected.len()];
    stream.read_exact(&mut bytes).await.unwrap();
    assert_eq!(String::from_utf8(bytes).unwrap(), expected);
}

async fn with_script(replies: impl IntoIterator<Item = Reply>) -> Receiver {
    let receiver = Receiver::start().await;
    receiver.script("/hook", replies);
    receiver
}

#[tokio::test]
async fn by_default_the_answer_is_ok() {
    let receiver = Receiver::start().await;
    assert!(receiver.addr().ip().is_loopback());
    let mut stream = sent(&receiver, POST).await;
    reads(&mut stream, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok").await;
    let all = receiver.wait_for("/hook", 1).await;
    let [one] = all.as_slice() else { panic!("{all:?}") };
    assert_eq!((&*one.method, &*one.path, &*one.body), ("POST", "/hook", &b"hi"[..]));
    assert_eq!((one.header("host"), one.connection, receiver.connections()), ("x", 0, 1));
}

#[tokio::test]
async fn scripts_are_followed_in_order_and_the_last_reply_stays() {
    let receiver = with_script([Reply::status(500), Reply::status(429), Reply::status(204)]).await;
    let client = Client::new(&receiver.url(""));
    let mut statuses = Vec::new();
    for path in ["/hook", "/other", "/hook?a=b", "/hook", "/hook"] {
        statuses.push(client.get(path).await.status);
    }
    assert_eq!(statuses, [500, 200, 429, 204, 204]);
    receiver.script("/hook", [Reply::status(410)]);
    receiver.script("/hook?a=b", [Reply::status(418)]);
    assert_eq!(client.get("/hook").await.status, 410);
    assert_eq!(client.get("/hook?a=b").await.status, 418);
    assert_eq!(client.get("/hook?a=c").await.status, 410);
    receiver.script("/hook", []);
    assert_eq!(client.get("/hook").await.status, 200);
    assert_eq!((receiver.received().len(), receiver.received_at("/hook").len()), (9, 8));
    assert_eq!(receiver.received_at("/hook?a=b").len(), 2);
}

#[tokio::test]
async fn connections_are_kept_unless_someone_objects() {
    let receiver =
        with_script([Reply::status(204), Reply::status(204).with_header("Connection", "close")]).await;
    let mut stream = sent(&receiver, &[POST, POST].concat()).await;
    reads(&mut stream, "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n")
        .await;
    assert_eq!(rest(stream).await, "");
    receiver.script("/hook", [Reply::status(204)]);
    for request in ["GET /hook HTTP/1.1\r\nConnection: Close\r\n\r\n", "GET /hook HTTP/1.0\r\n\r\n"] {
        assert_eq!(rest(sent(&receiver, request).await).await, "HTTP/1.1 204 No Content\r\n\r\n");
    }
    let connections: Vec<_> = receiver.received().iter().map(|one| one.connection).collect();
    assert_eq!(connections, [0, 0, 1, 2]);
    receiver.wait_for_closed(3).await;
}

#[tokio::test]
async fn chunked_bodies_are_put_together() {
    let receiver = Receiver::start().await;
    let head = "POST /hook HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n";
    let mut stream = sent(&receiver, head).await;
    for piece in ["3;x=y\r\nab", "c\r", "\nA\r\n0123456789\r\n0\r\nTrailer: t\r\n", "\r\n"] {
        stream.write_all(piece.as_bytes()).await.unwrap();
    }
    assert_eq!(receiver.wait_for("/hook", 1).await[0].body, "abc0123456789");
    reads(&mut stream, "HTTP/1.1 200 OK\r\n").await;
}

#[tokio::test]
async fn what_is_no_request_is_refused_and_not_received() {
    let receiver = Receiver::start().await;
    let huge = format!("GET / HTTP/1.1\r\nX: {}", "a".repeat(70_000));
    for request in ["hello\r\n\r\n", "GET / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", &huge] {
        let answer = rest(sent(&receiver, request).await).await;
        assert!(answer.starts_with("HTTP/1.1 400 Bad Request\r\n"), "{answer}");
    }
    assert_eq!(rest_after_shutdown(sent(&receiver, "GET / HT").await).await, "");
    assert!(receiver.received().is_empty());
    assert_eq!(receiver.connections(), 4);
}

#[tokio::test]
async fn answers_are_written_as_scripted() {
    let twice = Reply::status(599).with_header("X-A", "1").with_header("x-a", "2").with_body("no");
    let lie = Reply::status(200).with_header("content-length", "9").with_body("short");
    let receiver = with_script([twice, lie, Reply::redirect(307, "/b"), Reply::continue_then(2, 200)]).await;
    let mut stream = sent(&receiver, &POST.repeat(4)).await;
    reads(&mut stream, "HTTP/1.1 599 Scripted\r\nX-A: 1\r\nx-a: 2\r\nContent-Length: 2\r\n\r\nno").await;
    reads(&mut stream, "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nshort").await;
    reads(&mut stream, "HTTP/1.1 307 Temporary Redirect\r\nLocation: /b\r\nContent-Length: 0\r\n\r\n").await;
    let twice = "HTTP/1.1 100 Continue\r\n\r\n".repeat(2);
    reads(&mut stream, &format!("{twice}HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")).await;
}

#[tokio::test]
async fn raw_bytes_are_written_as_they_are() {
    let receiver = with_script([Reply::raw("\0nonsense"), Reply::raw_keep("HTTP/1.1 2")]).await;
    assert_eq!(rest(sent(&receiver, POST).await).await, "\0nonsense");
    let mut stream = sent(&receiver, POST).await;
    reads(&mut stream, "HTTP/1.1 2").await;
    assert_eq!(rest_after_shutdown(stream).await, "");
}

#[tokio::test]
async fn silence_lasts_until_the_client_closes() {
    let receiver = with_script([Reply::hang()]).await;
    let stream = sent(&receiver, POST).await;
    receiver.wait_for("/hook", 1).await;
    assert_eq!(rest_after_shutdown(stream).await, "");
    receiver.wait_for_closed(1).await;
}

#[tokio::test]
async fn connections_end_with_the_receiver() {
    let receiver = with_script([Reply::hang()]).await;
    let stream = sent(&receiver, POST).await;
    receiver.wait_for("/hook", 1).await;
    drop(receiver);
    assert_eq!(rest(stream).await, "");
}

#[tokio::test]
async fn connections_are_closed_or_reset_without_a_byte() {
    let receiver = with_script([Reply::close(), Reply::reset()]).await;
    assert_eq!(rest(sent(&receiver, POST).await).await, "");
    let error = sent(&receiver, POST).await.read_u8().await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionReset);
    assert_eq!(receiver.wait_for("/hook", 2).await.len(), 2);
}

#[tokio::test]
async fn endless_and_dripping_answers_go_on_until_the_client_leaves() {
    let tick = Duration::from_millis(1);
    let receiver = with_script([Reply::endless_body(), Reply::drip_head(tick), Reply::drip_body(tick)]).await;
    let chunked = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

    let mut stream = sent(&receiver, POST).await;
    reads(&mut stream, chunked).await;
    let mut much = vec![0; 1 << 20];
    stream.read_exact(&mut much).await.unwrap();
    drop(stream);
    receiver.wait_for_closed(1).await;

    let mut stream = sent(&receiver, POST).await;
    reads(&mut stream, "HTTP/1.1 200 OK\r\nX-Drip: aaa").await;
    drop(stream);
    receiver.wait_for_closed(2).await;

    let mut stream = sent(&receiver, POST).await;
    reads(&mut stream, &format!("{chunked}1\r\na\r\n1\r\na\r\n")).await;
    drop(stream);
    receiver.wait_for_closed(3).await;
}

#[tokio::test]
async fn gates_hold_answers_back() {
    let (first, second) = (Gate::new(), Gate::new());
    let held = Reply::gate(first.clone(), 202).after(second.clone());
    let receiver = with_script([held]).await;
    let leaving = sent(&receiver, POST).await;
    receiver.wait_for("/hook", 1).await;
    first.open();
    assert_eq!(rest_after_shutdown(leaving).await, "");
    let mut staying = sent(&receiver, POST).await;
    receiver.wait_for("/hook", 2).await;
    second.open();
    reads(&mut staying, "HTTP/1.1 202 Accepted\r\n").await;
    let mut late = sent(&receiver, POST).await;
    reads(&mut late, "HTTP/1.1 202 Accepted\r\n").await;
}

#[tokio::test]
async fn waiting_sees_what_comes_later() {
    let receiver = Receiver::start().await;
    let client = Client::new(&receiver.url(""));
    let ((), all) = tokio::join!(
        async {
            for _ in 0..3 {
                assert_eq!(client.get("/late").await.status, 200);
            }
        },
        receiver.wait_for("/late", 3),
    );
    assert_eq!(all.len(), 3);
    assert!(all.is_sorted_by_key(|one| one.at));
}

#[tokio::test]
#[should_panic(expected = "for 2 things; so far 1 connections, 0 ended, and the requests [\"POST /hook\"]")]
async fn waiting_in_vain_is_a_panic() {
    let receiver = with_script([Reply::hang()]).await;
    let _stream = sent(&receiver, POST).await;
    receiver.wait_for("/hook", 1).await;
    receiver.wait_within(Duration::ZERO, "2 things", |state| state.received.len() == 2).await;
}

#[test]
#[should_panic(expected = "has neither headers nor a body")]
fn only_answers_have_bodies() {
    let _ = Reply::hang().with_body("words");
}
