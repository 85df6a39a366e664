//! The start of a response body.

use std::time::Duration;

use bytes::Buf;
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use sellvik_domain::RESPONSE_BODY_BYTES_MAX;
use tokio::time::timeout;

use crate::connection::Connection;

/// What was read of a body.
pub struct Kept {
    /// Its first [`RESPONSE_BODY_BYTES_MAX`] bytes.
    pub bytes: Vec<u8>,
    /// Whether the body was read to its end, so that its connection can carry another request.
    pub finished: bool,
}

/// Reads until the body's end, the bytes' limit or the time's, whichever comes first. A body that breaks
/// off is one that did not finish, nothing worse.
pub async fn read(connection: &mut Connection, mut body: Incoming, within: Duration) -> Kept {
    let mut bytes = Vec::new();
    let reading = async {
        loop {
            if body.is_end_stream() {
                return true;
            }
            if bytes.len() >= RESPONSE_BODY_BYTES_MAX {
                return false;
            }
            match body.frame().await {
                None => return true,
                Some(Err(_broken)) => return false,
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        keep(&mut bytes, data.chunk());
                    }
                }
            }
        }
    };
    let finished = timeout(within, connection.drive(reading)).await.unwrap_or(false);
    Kept { bytes, finished }
}

fn keep(bytes: &mut Vec<u8>, data: &[u8]) {
    let room = RESPONSE_BODY_BYTES_MAX - bytes.len();
    bytes.extend_from_slice(&data[..data.len().min(room)]);
}
