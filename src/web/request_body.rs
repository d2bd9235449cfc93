//! Buffers a request's body before its handler runs, and tracks a response until the client has read it.
//!
//! A form has a few hundred bytes. A client that needs longer than [`BODY_TIMEOUT`] to send it occupies only its
//! connection; no handler waits for it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes, HttpBody};
use axum::http::{HeaderValue, Request, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use hyper::body::{Frame, SizeHint};

use super::connection_slots::{Activity, ConnectionSlot};
use super::form::LONGEST;

/// The time limit for the body, from the end of the head.
pub(super) const BODY_TIMEOUT: Duration = Duration::from_secs(10);

/// The request with its buffered body, and whether that is the whole one. Stops reading at the size limit of a form; `None`
/// if the body is late.
pub(super) async fn read_request<B>(request: Request<B>) -> Option<(Request<Body>, bool)>
where
    B: HttpBody<Data = Bytes> + Unpin,
{
    let (parts, mut body) = request.into_parts();
    let mut received = Received::default();
    let reading = async {
        while received.bytes.len() <= LONGEST {
            match body.frame().await {
                None => {
                    received.is_whole = true;
                    return;
                }
                Some(Ok(frame)) => received.bytes.extend(frame.into_data().unwrap_or_default()),
                Some(Err(_)) => {
                    received.is_broken = true;
                    return;
                }
            }
        }
    };
    tokio::time::timeout(BODY_TIMEOUT, reading).await.ok()?;
    let body = if received.is_broken { Body::new(Broken) } else { Body::from(received.bytes) };
    Some((Request::from_parts(parts, body), received.is_whole))
}

#[derive(Default)]
struct Received {
    bytes: Vec<u8>,
    is_whole: bool,
    is_broken: bool,
}

/// The body could not be read.
struct Broken;

impl HttpBody for Broken {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        Poll::Ready(Some(Err(std::io::ErrorKind::InvalidData.into())))
    }
}

/// The response to a request whose body is late.
pub(super) fn too_slow() -> Response<Body> {
    refusal(StatusCode::REQUEST_TIMEOUT, "The request did not arrive in time. Please try again.\n")
}

/// The response to a client whose network has too many requests in progress.
pub(super) fn too_many() -> Response<Body> {
    refusal(StatusCode::SERVICE_UNAVAILABLE, "Too many requests at once. Please try again.\n")
}

/// Ends the connection after this response.
pub(super) fn close_after(response: &mut Response<Body>) {
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
}

fn refusal(status: StatusCode, text: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(text));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    close_after(&mut response);
    response
}

/// The body of a response. Its connection becomes idle when it is dropped.
pub(super) struct TrackedBody {
    body: Body,
    slot: Arc<ConnectionSlot>,
}

impl TrackedBody {
    /// Marks the connection as sending this response.
    pub(super) fn to(slot: Arc<ConnectionSlot>, response: Response<Body>) -> Response<Self> {
        slot.set(Activity::Responding);
        response.map(|body| Self { body, slot })
    }
}

impl Drop for TrackedBody {
    fn drop(&mut self) {
        self.slot.end_request();
    }
}

impl HttpBody for TrackedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;

    use axum::body::to_bytes;

    use super::*;

    async fn read(body: Body) -> Option<Result<Bytes, axum::Error>> {
        Some(to_bytes(read_request(Request::new(body)).await?.0.into_body(), 1 << 20).await)
    }

    /// Yields one byte per second.
    struct Drip(u32, Pin<Box<tokio::time::Sleep>>);

    impl Drip {
        fn of(bytes: u32) -> Body {
            Body::new(Self(bytes, Box::pin(tokio::time::sleep(Duration::from_secs(1)))))
        }
    }

    impl HttpBody for Drip {
        type Data = Bytes;
        type Error = Infallible;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            context: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
            if self.0 == 0 {
                return Poll::Ready(None);
            }
            std::task::ready!(self.1.as_mut().poll(context));
            let next = tokio::time::Instant::now() + Duration::from_secs(1);
            self.1.as_mut().reset(next);
            self.0 -= 1;
            Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(b"a")))))
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_time_limit_covers_the_whole_body_however_often_bytes_arrive() {
        assert_eq!(read(Drip::of(5)).await.unwrap().unwrap(), "aaaaa");
        assert!(read(Drip::of(60)).await.is_none());
    }

    #[tokio::test]
    async fn a_body_that_is_too_long_or_broken_is_passed_on_as_such() {
        let long = read(Body::from(vec![b'a'; LONGEST + 9])).await.unwrap().unwrap();
        assert!(long.len() > LONGEST);
        assert!(read(Body::new(Broken)).await.unwrap().is_err());
        assert_eq!(read(Body::empty()).await.unwrap().unwrap(), "");
    }
}
