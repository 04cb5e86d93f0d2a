//! [`Paced`]: a body that breaks off when it comes too slowly. Every ten seconds 64 KiB of it must come, or all that is left,
//! so that a drip of bytes holds no connection, and a line of 7 kB a second still gets through.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use std::{error, fmt};

use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use tokio::time::{Sleep, sleep};

/// How long the next [`LEAST_BYTES`] may take.
const SPAN: Duration = Duration::from_secs(10);

/// What must come in each [`SPAN`] unless the body ends in it, in bytes.
const LEAST_BYTES: usize = 64 << 10;

pub(super) struct Paced {
    body: Body,
    /// The end of the span under way; none before anything had to be waited for.
    span: Option<Pin<Box<Sleep>>>,
    /// How much came in this span, in bytes.
    came: usize,
}

/// Too little came.
#[derive(Debug)]
pub(super) struct TooSlow;

impl Paced {
    pub(super) fn new(body: Body) -> Self {
        Self { body, span: None, came: 0 }
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
            if let Some(Ok(frame)) = &frame {
                self.came += frame.data_ref().map_or(0, Bytes::len);
            }
            if self.came >= LEAST_BYTES {
                (self.span, self.came) = (None, 0);
            }
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        ready!(self.span.get_or_insert_with(|| Box::pin(sleep(SPAN))).as_mut().poll(context));
        Poll::Ready(Some(Err(TooSlow.into())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl fmt::Display for TooSlow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "less than {LEAST_BYTES} bytes of the body came in {} s, and not its end", SPAN.as_secs())
    }
}

impl error::Error for TooSlow {}
