//! Reads the body of a request: not too long, not too slowly, and only while there is room for it.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::HeaderMap;
use axum::http::header;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use tokio::time::timeout;

use super::paced::{Paced, TooSlow};
use crate::code::Code;
use crate::http::auth::header_text;
use crate::http::problem::Problem;
use crate::http::room::{Room, Share};

/// How long a body may take to arrive, however steadily it comes.
const BODY_TIME: Duration = Duration::from_secs(300);

/// Reads a body of at most `limit` bytes; its share of the room is given back by whoever has done with it.
pub(super) async fn read(
    room: &Room,
    body: Body,
    headers: &HeaderMap,
    limit: usize,
) -> Result<(Bytes, Share), Problem> {
    let limit = limit.min(room.longest());
    let announced = header_text(headers, header::CONTENT_LENGTH.as_str()).and_then(|length| length.parse().ok());
    if announced.is_some_and(|length: usize| length > limit) {
        return Err(too_large(limit));
    }
    timeout(BODY_TIME, gather(room, body, limit)).await.unwrap_or_else(|_| {
        Err(Problem::new(Code::TimedOut, format_args!("the body took more than {} s", BODY_TIME.as_secs())))
    })
}

async fn gather(room: &Room, body: Body, limit: usize) -> Result<(Bytes, Share), Problem> {
    let mut body = Limited::new(Paced::new(body), limit);
    let mut share = Share::default();
    // Most bodies come in one piece, which is not copied.
    let (mut first, mut whole) = (Bytes::new(), Vec::new());
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|error| match error {
            error if error.is::<LengthLimitError>() => too_large(limit),
            error if error.is::<TooSlow>() => Problem::new(Code::TimedOut, error),
            _ => Problem::new(Code::Malformed, "the body broke off").hint("send it whole"),
        })?;
        let Ok(data) = frame.into_data() else { continue };
        if first.is_empty() && whole.is_empty() {
            first = data;
            room.hold(&mut share, first.len())?;
            continue;
        }
        if whole.is_empty() {
            whole.extend_from_slice(&std::mem::take(&mut first));
        }
        room.hold(&mut share, whole.len() + data.len())?;
        whole.extend_from_slice(&data);
    }
    Ok((if whole.is_empty() { first } else { whole.into() }, share))
}

fn too_large(limit: usize) -> Problem {
    Problem::new(Code::TooLarge, format_args!("the body is larger than the {limit} bytes that are read"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_body_holds_room_until_its_answer_is_given() {
        let (room, headers) = (Room::of_mib(16), HeaderMap::new());
        let long = || Body::from(vec![b' '; 2 << 20]);
        let (text, share) = read(&room, long(), &headers, 4 << 20).await.unwrap();
        assert_eq!(text.len(), 2 << 20);
        assert_eq!(read(&room, long(), &headers, 4 << 20).await.unwrap_err().code, Code::Busy);
        // A short one is read all the same.
        assert_eq!(read(&room, Body::from("{}"), &headers, 4 << 20).await.unwrap().0, "{}");
        let longest = Room::of_mib(16).longest();
        let too_long = read(&room, Body::from(vec![b' '; longest + 1]), &headers, 4 << 20).await.unwrap_err();
        assert_eq!(too_long.message, format!("the body is larger than the {longest} bytes that are read"));
        drop(share);
        assert!(read(&room, long(), &headers, 4 << 20).await.is_ok());
        assert_eq!(read(&room, long(), &headers, 1 << 20).await.unwrap_err().code, Code::TooLarge);
    }
}
