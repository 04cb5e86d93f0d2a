//! Strangers who send at once more than a server has room for.

use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes, HttpBody};
use http_body_util::BodyExt;
use hyper::body::Frame;
use insta::assert_snapshot;
use mintage::http::Peer;
use tower::ServiceExt;

use super::{Server, request};

/// A body of so many MiB whose end never comes.
struct Endless {
    left: usize,
    piece: Bytes,
    waiting: Arc<AtomicUsize>,
}

impl HttpBody for Endless {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if self.left == 0 {
            self.waiting.fetch_add(1, Ordering::Relaxed);
            return Poll::Pending;
        }
        self.left -= 1;
        Poll::Ready(Some(Ok(Frame::data(self.piece.clone()))))
    }
}

#[test]
fn long_bodies_beyond_the_room_for_them_are_turned_away_until_there_is_some() {
    let server = Server::vendor();
    let (piece, waiting) = (Bytes::from(vec![b' '; 1 << 20]), Arc::new(AtomicUsize::new(0)));
    let ask = |body: Body| {
        let mut request = request("POST", "/api/v1/verify", &[]).body(body).unwrap();
        request.extensions_mut().insert(Peer(IpAddr::from([192, 0, 2, 1])));
        let answer = server.router.clone().oneshot(request);
        async move {
            let (parts, body) = answer.await.unwrap().into_parts();
            let retry_after = parts.headers.get("retry-after").map(|seconds| seconds.to_str().unwrap().to_owned());
            let body = body.collect().await.unwrap().to_bytes();
            (parts.status.as_u16(), retry_after, String::from_utf8(body.to_vec()).unwrap())
        }
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(async {
        let endless = |left| Body::new(Endless { left, piece: piece.clone(), waiting: Arc::clone(&waiting) });
        // 256 MiB of bodies may take eight times as much; the first 64 KiB of each are not counted.
        let held: Vec<_> = [64, 64, 64, 63].map(|left| tokio::spawn(ask(endless(left)))).into();
        while waiting.load(Ordering::Relaxed) < held.len() {
            tokio::task::yield_now().await;
        }
        let (status, retry_after, body) = ask(endless(2)).await;
        assert_eq!((status, retry_after.as_deref()), (503, Some("5")));
        assert_snapshot!(body, @r#"{"code":"busy","error":"the server holds as many documents as it has memory for","hints":["try again as soon as the header Retry-After says"],"message":"the server holds as many documents as it has memory for"}"#);
        // Short ones are answered all the while.
        assert_eq!(ask(Body::from("no token")).await.0, 200);
        for one in held {
            one.abort();
            assert!(one.await.unwrap_err().is_cancelled());
        }
        let long = Body::from(vec![b' '; 4 << 20]);
        assert_eq!(ask(long).await.0, 400);
    });
}
