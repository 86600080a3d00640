//! One connection from its first byte to its last: limits, then hyper. What is answered lives in
//! `answers`.

use std::convert::Infallible;
use std::future::poll_fn;
use std::time::Duration;

use axum::body::Body;
use axum::http::Request;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::timeout;

use super::answers::{App, Peer};
use super::stream::Stream;

/// A request's line and headers come within this time, and so does the next one of a connection that
/// is kept.
const HEAD_LIMIT: Duration = Duration::from_secs(10);
/// Its line and headers together.
const HEAD_BYTES_MAX: usize = 16 * 1024;
const HEADERS_MAX: usize = 64;
/// Who is turned away is listened to for so long, so that the answer arrives.
const TURNED_AWAY_LIMIT: Duration = Duration::from_millis(500);

/// Serves until the other end has enough, or takes too long.
pub(super) async fn serve(stream: Stream, peer: Peer, app: App) {
    let service = service_fn(move |request: Request<hyper::body::Incoming>| {
        let (app, peer) = (app.clone(), peer.clone());
        Box::pin(async move {
            let answer = app.answer(request.map(Body::new), peer).await;
            Ok::<_, Infallible>(answer)
        })
    });
    let mut connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_LIMIT)
        .max_buf_size(HEAD_BYTES_MAX)
        .max_headers(HEADERS_MAX)
        .serve_connection(TokioIo::new(stream), service);
    let served = poll_fn(|context| connection.poll_without_shutdown(context)).await;
    let parts = connection.into_parts();
    let mut stream = parts.io.into_inner();
    if parts.read_buf.starts_with(b"PRI * HTTP/2") {
        let text = "HTTP/1.1 is spoken here";
        say(&mut stream, "505 HTTP Version Not Supported", text).await;
    }
    let is_late = served.is_err_and(|error| error.is_timeout());
    if is_late && !parts.read_buf.is_empty() {
        let text = "the request took too long to arrive";
        say(&mut stream, "408 Request Timeout", text).await;
    }
    let _ = timeout(TURNED_AWAY_LIMIT, stream.shutdown()).await;
}

/// Too many are connected.
pub(super) async fn turn_away(mut stream: Stream) {
    // What arrives after the end of a connection makes the kernel throw the answer away.
    let mut request = [0; 4096];
    let _ = timeout(TURNED_AWAY_LIMIT, stream.read(&mut request)).await;
    say(
        &mut stream,
        "503 Service Unavailable",
        "too many connections: try again in a second",
    )
    .await;
    let _ = timeout(TURNED_AWAY_LIMIT, stream.shutdown()).await;
}

async fn say(stream: &mut Stream, status: &str, text: &str) {
    let answer = format!(
        "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{text}\n",
        text.len() + 1
    );
    let _ = timeout(TURNED_AWAY_LIMIT, stream.write_all(answer.as_bytes())).await;
}
