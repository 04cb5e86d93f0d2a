//! [`Strict`]: a connection on which heads end their lines with CR LF, and say in one way how long their body is. The parser
//! behind it also takes a bare LF, a length beside a coding, and codings before the last, over which two servers in a row can
//! disagree where a request ends.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// How long a peer may leave an answer unread.
const WRITE_TIME: Duration = Duration::from_secs(30);

/// A connection that looks at heads as they arrive.
pub(super) struct Strict<S> {
    stream: S,
    due: Due,
    /// The last bytes of the head so far.
    tail: Tail,
    stalled: Option<Pin<Box<Sleep>>>,
}

/// What the next bytes belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Due {
    Head,
    /// A body of which so many bytes are left.
    Body(u64),
    /// A body in chunks, whose end is not looked for: no request follows on its connection.
    Chunks,
}

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
    /// In bytes.
    Length(u64),
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

const LENGTH: &[u8] = b"content-length:";

/// The most digits of a length; a longer body nobody sends.
const MAX_DIGITS: usize = 16;

/// The first bytes of a line, in lower case and without the spaces behind its first byte; one more than are compared.
#[derive(Clone, Copy, Debug, Default)]
struct Line {
    start: [u8; LENGTH.len() + MAX_DIGITS + 1],
    length: usize,
}

impl<S> Strict<S> {
    pub(super) fn new(stream: S) -> Self {
        Self { stream, due: Due::Head, tail: Tail::default(), stalled: None }
    }

    /// Looks at what was read. A bare LF, or that of a line that may not stand there, becomes a byte that no head may hold, so
    /// that the parser answers 400.
    fn look(&mut self, read: &mut [u8]) {
        let mut rest = read;
        while !rest.is_empty() {
            match self.due {
                Due::Head => rest = self.look_at_line(rest),
                Due::Body(left) => {
                    let skipped = usize::try_from(left).unwrap_or(usize::MAX).min(rest.len());
                    rest = &mut rest[skipped..];
                    let left = left.saturating_sub(skipped as u64);
                    self.due = if left == 0 { Due::Head } else { Due::Body(left) };
                }
                Due::Chunks => return,
            }
        }
    }

    /// Looks at a line of a head, or at what has arrived of it; returns what follows.
    fn look_at_line<'a>(&mut self, read: &'a mut [u8]) -> &'a mut [u8] {
        let length = read.iter().position(|byte| *byte == b'\n');
        let (line, rest) = read.split_at_mut(length.unwrap_or(read.len()));
        self.tail.take(line);
        let Some((feed, after)) = rest.split_first_mut() else { return &mut [] };
        match self.tail.end_line() {
            End::Line => {}
            End::Head => {
                self.due = match self.tail.body {
                    None | Some(Framing::Length(0)) => Due::Head,
                    Some(Framing::Length(length)) => Due::Body(length),
                    Some(Framing::Chunked) => Due::Chunks,
                };
                self.tail = Tail::default();
            }
            End::Fault => {
                *feed = 0;
                self.tail.take(&[0]);
            }
        }
        after
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
        let (framing, is_sound) = match &self.line {
            line if line.begins(LENGTH) => {
                let length = line.digits(LENGTH.len());
                // One that is given twice is compared by the parser.
                (length.map(Framing::Length), length.is_some() && self.body != Some(Framing::Chunked))
            }
            line if line.begins(b"transfer-encoding:") => {
                (Some(Framing::Chunked), self.body.is_none() && line.is(CHUNKED))
            }
            _ => (None, true),
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

    /// Reads the number from a place to the end of the line.
    fn digits(&self, from: usize) -> Option<u64> {
        let digits =
            std::str::from_utf8(&self.start[from..self.length]).ok().filter(|text| text.len() <= MAX_DIGITS)?;
        // A sign is none of the digits that a length may have.
        digits.parse().ok().filter(|_| digits.bytes().all(|byte| byte.is_ascii_digit()))
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
        let mut strict = Strict::new(());
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
            ("Content-Length: 9999999999999999\r\n".to_owned(), true),
            ("Content-Length: 10000000000000000\r\n".to_owned(), false),
            ("Content-Length: +1\r\n".to_owned(), false),
            ("Content-Length: 1, 1\r\n".to_owned(), false),
            ("Content-Length:\r\n".to_owned(), false),
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
    fn a_body_is_left_alone_and_what_follows_it_is_not() {
        let body = "POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\na\nb\n";
        let all = format!("{body}GET / HTTP/1.1\n");
        for at in 0..all.len() {
            assert_eq!(looked(&[&all[..at], &all[at..]]), format!("{body}GET / HTTP/1.1\0"));
        }
        let empty = "POST / HTTP/1.1\r\nContent-Length: 0\r\n\r\n";
        assert_eq!(looked(&[empty, "GET / HTTP/1.1\n"]), format!("{empty}GET / HTTP/1.1\0"));
        // The answer to a body in chunks is the last.
        let chunked = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n4\r\na\nb\n\r\n0\r\n\r\nGET / HTTP/1.1\n";
        assert_eq!(looked(&[chunked]), chunked);
    }
}
