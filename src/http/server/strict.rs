//! [`Strict`]: a connection on which heads end their lines with CR LF, and say in one way how long their body is. The parser
//! behind it also takes a bare LF, a length beside a coding, and codings before the last, over which two servers in a row can
//! disagree where a request ends.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// How long a peer may leave an answer unread.
const WRITE_TIME: Duration = Duration::from_secs(30);

/// A connection that looks at heads as they arrive.
pub(super) struct Strict<S> {
    stream: S,
    head: Head,
    /// The last bytes of the head so far.
    tail: Tail,
    stalled: Option<Pin<Box<Sleep>>>,
}

/// Whether the next bytes belong to a head. A body is not looked at; once its request is answered, a head is due again.
#[derive(Clone, Debug)]
pub(super) struct Head(Arc<AtomicBool>);

/// How far the end of a head has come: CR LF CR LF.
#[derive(Clone, Copy, Debug, Default)]
struct Tail {
    return_before: bool,
    /// Whether a line has ended before; an empty one in front of all others ends nothing.
    line_before: bool,
    /// How the head announces a body.
    body: Option<Framing>,
    line: Line,
}

/// How the end of a body is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Framing {
    Chunked,
    Length,
}

/// What the end of a line ends.
#[derive(Clone, Copy, Debug)]
enum End {
    Head,
    Line,
    /// A line that may not stand there.
    Fault,
}

/// The one line that announces a coding and may stand, without spaces.
const CHUNKED: &[u8] = b"transfer-encoding:chunked";

/// The first bytes of a line, in lower case and without the spaces behind its first byte; one more than are compared.
#[derive(Clone, Copy, Debug, Default)]
struct Line {
    start: [u8; CHUNKED.len() + 1],
    length: usize,
}

impl<S> Strict<S> {
    pub(super) fn new(stream: S) -> (Self, Head) {
        let head = Head(Arc::new(AtomicBool::new(true)));
        (Self { stream, head: head.clone(), tail: Tail::default(), stalled: None }, head)
    }

    /// Looks at what was read. A bare LF, or that of a line that may not stand there, becomes a byte that no head may hold, so
    /// that the parser answers 400.
    fn look(&mut self, read: &mut [u8]) {
        let mut rest = read;
        while !rest.is_empty() && self.head.0.load(Ordering::Relaxed) {
            let length = rest.iter().position(|byte| *byte == b'\n');
            let (line, after) = rest.split_at_mut(length.unwrap_or(rest.len()));
            self.tail.take(line);
            let Some((feed, after)) = after.split_first_mut() else { return };
            match self.tail.end_line() {
                End::Line => {}
                End::Head => {
                    self.head.0.store(self.tail.body.is_none(), Ordering::Relaxed);
                    self.tail = Tail::default();
                }
                End::Fault => {
                    *feed = 0;
                    self.tail.take(&[0]);
                }
            }
            rest = after;
        }
    }
}

impl Head {
    /// Says that a request was answered.
    pub(super) fn expect(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Tail {
    /// Takes more of a line.
    fn take(&mut self, piece: &[u8]) {
        if let Some(last) = piece.last() {
            self.return_before = *last == b'\r';
            self.line.push(piece);
        }
    }

    /// Takes the end of a line.
    fn end_line(&mut self) -> End {
        let framing = match &self.line {
            line if line.begins(b"content-length:") => Some(Framing::Length),
            line if line.begins(b"transfer-encoding:") => Some(Framing::Chunked),
            _ => None,
        };
        let is_sound = match framing {
            None => true,
            // One that is given twice is compared by the parser.
            Some(Framing::Length) => self.body != Some(Framing::Chunked),
            Some(Framing::Chunked) => self.body.is_none() && self.line.is(CHUNKED),
        };
        if !self.return_before || !is_sound {
            return End::Fault;
        }
        let end = if self.line.length == 0 && self.line_before { End::Head } else { End::Line };
        *self = Self { body: framing.or(self.body), line_before: true, ..Self::default() };
        end
    }
}

impl Line {
    /// Takes more of the line, as much as is looked at.
    fn push(&mut self, piece: &[u8]) {
        for byte in piece.iter().filter(|byte| **byte != b'\r') {
            if self.length > 0 && matches!(byte, b' ' | b'\t') {
                continue;
            }
            let Some(place) = self.start.get_mut(self.length) else { return };
            *place = byte.to_ascii_lowercase();
            self.length += 1;
        }
    }

    fn begins(&self, name: &[u8]) -> bool {
        self.start[..self.length].starts_with(name)
    }

    fn is(&self, line: &[u8]) -> bool {
        self.start[..self.length] == *line
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Strict<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(context, buffer))?;
        self.look(&mut buffer.filled_mut()[before..]);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> Strict<S> {
    /// Gives up on a peer that leaves its answer unread.
    fn or_stalled<T>(&mut self, context: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(WRITE_TIME)));
        ready!(stalled.as_mut().poll(context));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Strict<S> {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(context, data);
        self.or_stalled(context, written)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.stream).poll_flush(context);
        self.or_stalled(context, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let shut = Pin::new(&mut self.stream).poll_shutdown(context);
        self.or_stalled(context, shut)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(context, slices);
        self.or_stalled(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looked(parts: &[&str]) -> String {
        let (mut strict, _) = Strict::new(());
        let mut all = String::new();
        for part in parts {
            let mut bytes = part.as_bytes().to_vec();
            strict.look(&mut bytes);
            all += std::str::from_utf8(&bytes).unwrap();
        }
        all
    }

    #[test]
    fn a_bare_line_feed_in_a_head_is_made_unreadable() {
        assert_eq!(looked(&["GET / HTTP/1.1\nHost: a\r\n\r\n"]), "GET / HTTP/1.1\0Host: a\r\n\r\n");
        let sound = "GET / HTTP/1.1\r\nHost: a\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n";
        assert_eq!(looked(&[sound]), sound);
        assert_eq!(looked(&["GET / HTTP/1.1\r", "\nHost: a\n"]), "GET / HTTP/1.1\r\nHost: a\0");
        // In pieces or whole, and whatever stands in front.
        for at in 0..sound.len() {
            assert_eq!(looked(&[&sound[..at], &sound[at..]]), sound);
        }
        let late = "\r\nGET / HTTP/1.1\r\nHost: a\n\r\n";
        assert_eq!(looked(&[late]), late.replace("a\n", "a\0"));
        // A second head is looked at like the first.
        assert_eq!(looked(&["GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\n"]), "GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\0");
    }

    #[test]
    fn a_head_says_in_one_way_where_its_body_ends() {
        let length = "Content-Length: 1\r\n";
        for (lines, is_sound) in [
            (length.to_owned(), true),
            ("Transfer-Encoding: chunked\r\n".to_owned(), true),
            ("TRANSFER-ENCODING:\tChunked \r\n".to_owned(), true),
            // The same twice is for the parser, and so is what only looks alike.
            (length.repeat(2), true),
            ("Transfer-Encoding: chunked\r\nContent-Length-X: 1\r\nTransfer-Encoding-X: y\r\n".to_owned(), true),
            (format!("{length}Transfer-Encoding: chunked\r\n"), false),
            (format!("Transfer-Encoding: chunked\r\n{length}"), false),
            (format!("{length}X: y\r\ntransfer-encoding: identity\r\n"), false),
            ("Transfer-Encoding: chunked, chunked\r\n".to_owned(), false),
            ("Transfer-Encoding: gzip, chunked\r\n".to_owned(), false),
            ("Transfer-Encoding: xchunked\r\n".to_owned(), false),
            ("Transfer-Encoding: chunkedx\r\n".to_owned(), false),
            ("Transfer-Encoding:\r\n".to_owned(), false),
            ("Transfer-Encoding: chunked\r\n".repeat(2), false),
        ] {
            let sound = format!("POST / HTTP/1.1\r\nHost: a\r\n{lines}\r\n");
            for at in 0..sound.len() {
                let looked = looked(&[&sound[..at], &sound[at..]]);
                assert_eq!(looked == sound, is_sound, "{lines:?} {at} {looked:?}");
            }
        }
    }

    #[test]
    fn a_body_is_left_alone_until_its_request_is_answered() {
        let (mut strict, head) = Strict::new(());
        let mut request = *b"POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\na\nb\n";
        let sound = request;
        strict.look(&mut request);
        assert_eq!(request, sound);
        head.expect();
        let mut next = *b"GET / HTTP/1.1\n";
        strict.look(&mut next);
        assert_eq!(&next, b"GET / HTTP/1.1\0");
    }
}
