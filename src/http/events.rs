//! `/api/v1/events`: what happens as server-sent events, and what happened before from the daemon's
//! file. A listener that is slow holds up nobody: it reads on in the daemon's memory, or misses what is
//! not there any more.

use std::convert::Infallible;
use std::path::PathBuf;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use hyper::body::Frame;
use serde::Deserialize;
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};

use super::answers::{App, Counted, Problem};
use crate::publish::events::Events;
use crate::publish::events::history::Reader;

/// Listeners at the same time; the connections that are left are for those who ask and go.
const STREAMS_MAX: usize = 56;
/// So often something is sent to a listener.
const PING_EVERY: Duration = Duration::from_secs(15);
/// What every stream begins with: a listener that loses it tries again after two seconds.
const RETRY: &str = "retry: 2000\n\n";
/// How long events are gathered before they are sent.
const GATHER_FOR: Duration = Duration::from_millis(50);
/// Pieces that wait for one listener.
const WAITING_MAX: usize = 4;
/// A piece of history ends with the first event beyond this size.
const PIECE_BYTES: usize = 32 * 1024;

#[derive(Debug, Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    since: Option<u64>,
}

/// What is sent to one listener.
struct Streamed {
    pieces: mpsc::Receiver<Bytes>,
    _counted: Counted,
}

impl hyper::body::Body for Streamed {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let piece = self.pieces.poll_recv(context);
        piece.map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
    }
}

pub(super) async fn show(
    State(app): State<App>,
    asked: Result<Query<Asked>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Query(asked) = asked.map_err(|_| {
        let text = "`since` is the id of an event, such as 0 for all that are kept";
        Problem::new(StatusCode::BAD_REQUEST, text)
    })?;
    let Some(counted) = app.streams(STREAMS_MAX) else {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        let text = format!("{STREAMS_MAX} others are sent events already; try again later");
        return Err(Problem::new(status, text));
    };
    // A browser that lost its connection says what it has.
    let last = headers.get("last-event-id").and_then(|it| it.to_str().ok());
    let last = last.and_then(|it| it.parse().ok());
    let after = last.or(asked.since);
    let (sender, pieces) = mpsc::channel(WAITING_MAX);
    tokio::spawn(feed(
        app.events.clone(),
        app.gathered(),
        app.events_file(),
        after,
        sender,
    ));
    let body = Body::new(Streamed {
        pieces,
        _counted: counted,
    });
    Ok(([(CONTENT_TYPE, "text/event-stream")], body).into_response())
}

/// Tells those who listen of events a moment later, so that a decision and what follows from it at once
/// has the processor, and comes as one piece. Ends with the daemon.
pub(super) async fn gather(events: Events, gathered: watch::Sender<u64>) {
    let mut newest = events.newest();
    loop {
        gathered.send_replace(*newest.borrow_and_update());
        if newest.changed().await.is_err() {
            return;
        }
        sleep(GATHER_FOR).await;
    }
}

/// Sends all events after that number, or those that are new, until nobody listens any more.
async fn feed(
    events: Events,
    mut newest: watch::Receiver<u64>,
    file: Option<PathBuf>,
    after: Option<u64>,
    to: mpsc::Sender<Bytes>,
) {
    let mut last = after.unwrap_or_else(|| *newest.borrow());
    if to.send(Bytes::from_static(RETRY.as_bytes())).await.is_err() {
        return;
    }
    if after.is_some()
        && let Some(file) = file
        && events
            .after(last)
            .first()
            .is_none_or(|it| it.event.id > last + 1)
    {
        let sender = to.clone();
        let read = tokio::task::spawn_blocking(move || history(file, last, &sender));
        last = read.await.unwrap_or(last);
    }
    loop {
        newest.mark_unchanged();
        for piece in pieces(&events, &mut last) {
            if to.send(piece).await.is_err() {
                return;
            }
        }
        let changed = tokio::select! {
            changed = timeout(PING_EVERY, newest.changed()) => changed,
            () = to.closed() => return,
        };
        match changed {
            Ok(Ok(())) => {}
            Ok(Err(_)) => return, // The daemon ends.
            Err(_) => {
                if to.send(Bytes::from_static(b": ping\n\n")).await.is_err() {
                    return;
                }
            }
        }
    }
}

/// What is in memory after that number, in pieces; the number grows.
fn pieces(events: &Events, last: &mut u64) -> Vec<Bytes> {
    let mut pieces = Vec::new();
    let mut piece = String::new();
    for entry in events.after(*last) {
        *last = entry.event.id;
        piece.push_str(&message(entry.event.id, &entry.line));
        if piece.len() >= PIECE_BYTES {
            pieces.push(std::mem::take(&mut piece).into());
        }
    }
    if !piece.is_empty() {
        pieces.push(piece.into());
    }
    pieces
}

fn message(id: u64, line: &str) -> String {
    format!("id: {id}\ndata: {line}\n\n")
}

/// Sends what the file has after that number; the number of the last one. For a thread that may wait.
fn history(file: PathBuf, after: u64, to: &mpsc::Sender<Bytes>) -> u64 {
    let (mut last, mut piece) = (after, String::new());
    let send = |piece: &mut String| {
        let sent = to.blocking_send(std::mem::take(piece).into());
        sent.map_err(|_| std::io::ErrorKind::BrokenPipe.into())
    };
    if let Ok(mut reader) = Reader::open(file) {
        // What cannot be read is a gap in the numbers, as it is for everybody.
        let _ = reader.read(None, |event| {
            if event.id > last {
                last = event.id;
                piece.push_str(&message(event.id, &event.json()));
            }
            if piece.len() < PIECE_BYTES {
                return Ok(());
            }
            send(&mut piece)
        });
    }
    if !piece.is_empty() {
        let _ = send(&mut piece);
    }
    last
}
