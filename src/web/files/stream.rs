//! Streams a file to a client in pieces.
//!
//! A separate task reads the pieces on a blocking thread. It waits for a slow client and gives up on one that has stopped
//! reading.

use std::fs::File;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::HttpBody;
use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use tokio::sync::mpsc;

use crate::platform;

/// The size of a piece.
const PIECE: u64 = 64 * 1024;
/// How long a piece may wait for the client.
const CLIENT_TIMEOUT: Duration = Duration::from_secs(30);

/// The body of a response.
pub(super) struct FileBody {
    pieces: mpsc::Receiver<io::Result<Bytes>>,
    left: u64,
}

impl FileBody {
    /// Streams `length` bytes of `file`, starting at `from`.
    pub(super) fn start(file: File, from: u64, length: u64) -> Self {
        let (sender, pieces) = mpsc::channel(2);
        tokio::spawn(read(Arc::new(file), from, length, sender));
        Self { pieces, left: length }
    }
}

async fn read(file: Arc<File>, mut from: u64, length: u64, sender: mpsc::Sender<io::Result<Bytes>>) {
    let end = from + length;
    while from < end {
        let (file, size) = (Arc::clone(&file), PIECE.min(end - from));
        let piece = tokio::task::spawn_blocking(move || {
            let mut piece = vec![0; usize::try_from(size).unwrap_or_default()];
            platform::read_exact_at(&file, &mut piece, from).map(|()| Bytes::from(piece))
        });
        let piece = piece.await.unwrap_or_else(|panic| Err(io::Error::other(panic)));
        // If the file has become shorter, abort the connection so that the client doesn't take a part for the whole.
        let is_last = piece.is_err();
        let sent = tokio::time::timeout(CLIENT_TIMEOUT, sender.send(piece)).await;
        if is_last || !matches!(sent, Ok(Ok(()))) {
            return;
        }
        from += size;
    }
}

impl HttpBody for FileBody {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        self.pieces.poll_recv(context).map(|piece| match piece {
            Some(Ok(piece)) => {
                self.left = self.left.saturating_sub(piece.len() as u64);
                Some(Ok(Frame::data(piece)))
            }
            Some(Err(error)) => Some(Err(error)),
            None if self.left > 0 => Some(Err(io::ErrorKind::TimedOut.into())),
            None => None,
        })
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

#[cfg(test)]
mod tests {
    use axum::body::{Body, to_bytes};

    use super::*;

    #[tokio::test]
    async fn a_large_file_arrives_in_order_and_a_part_of_it_too() {
        let mut file = tempfile::tempfile().unwrap();
        let bytes: Vec<u8> = (0..300_000_u32).flat_map(u32::to_be_bytes).collect();
        io::Write::write_all(&mut file, &bytes).unwrap();
        for (from, to) in [(0, bytes.len()), (70_001, 700_001), (5, 6)] {
            let part = FileBody::start(file.try_clone().unwrap(), from as u64, (to - from) as u64);
            let arrived = to_bytes(Body::new(part), usize::MAX).await.unwrap();
            assert!(arrived == bytes[from..to], "{from}..{to}");
        }
        let beyond = FileBody::start(file, bytes.len() as u64 - 5, 10);
        assert!(
            to_bytes(Body::new(beyond), usize::MAX).await.is_err(),
            "never half of it as if it were whole"
        );
    }
}
