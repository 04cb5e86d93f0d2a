//! [`Paced`]: a body that breaks off when nothing of it has come for a while.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use std::{error, fmt};

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use tokio::time::{Sleep, sleep};

/// How long nothing may come.
const PAUSE: Duration = Duration::from_secs(10);

pub(super) struct Paced {
    body: Body,
    paused: Option<Pin<Box<Sleep>>>,
}

/// Nothing more came.
#[derive(Debug)]
pub(super) struct Paused;

impl Paced {
    pub(super) fn new(body: Body) -> Self {
        Self { body, paused: None }
    }
}

impl HttpBody for Paced {
    type Data = Bytes;
    type Error = Box<dyn error::Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.body).poll_frame(context) {
            self.paused = None;
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        ready!(self.paused.get_or_insert_with(|| Box::pin(sleep(PAUSE))).as_mut().poll(context));
        Poll::Ready(Some(Err(Paused.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl fmt::Display for Paused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "nothing more came for {} s", PAUSE.as_secs())
    }
}

impl error::Error for Paused {}
