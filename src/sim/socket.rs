//! The admin socket of a pretend HAProxy: one line, one reply, and the connection is closed. What is
//! answered is the caller's business. And what such small servers share.

use std::future::poll_fn;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt};
use tokio::net::{UnixListener, UnixStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// A command is at most this long, as `tune.bufsize` has it.
const MAX_COMMAND_BYTES: usize = 16 * 1024;
/// A client that has not sent its line by then is dropped (`stats timeout`).
const COMMAND_TIMEOUT: Duration = Duration::from_secs(10);
/// Clients at a time (`stats maxconn`); the next one waits unanswered.
const MAX_CLIENTS: usize = 10;
/// After an accept that failed (no file descriptors), before the next.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Answers on that socket for ever. A line for which there is `None` gets no answer until its client
/// leaves, nor does one without its newline.
pub async fn serve<A, R>(listener: UnixListener, answer: A)
where
    A: Fn(&str) -> Option<R> + Send + Sync + 'static,
    R: AsRef<[u8]> + Send,
{
    let answer = Arc::new(answer);
    let accept = |context: &mut Context<'_>| listener.poll_accept(context);
    serve_each(accept, MAX_CLIENTS, |stream| {
        let answer = Arc::clone(&answer);
        async move { timeout(COMMAND_TIMEOUT, one_shot(stream, &*answer)).await? }
    })
    .await;
}

async fn one_shot<R: AsRef<[u8]>>(
    mut stream: UnixStream,
    answer: &impl Fn(&str) -> Option<R>,
) -> io::Result<()> {
    let Some(line) = read_until(&mut stream, b"\n", MAX_COMMAND_BYTES).await? else {
        return Ok(());
    };
    match answer(&line) {
        Some(reply) => {
            stream.write_all(reply.as_ref()).await?;
            stream.shutdown().await
        }
        None => stream.read_to_end(&mut Vec::new()).await.map(|_| ()),
    }
}

/// Serves what comes, so many at a time; more wait in the system's queue.
pub async fn serve_each<S, A, F>(
    mut accept: impl FnMut(&mut Context<'_>) -> Poll<io::Result<(S, A)>>,
    at_a_time: usize,
    serve: impl Fn(S) -> F,
) where
    F: Future<Output = io::Result<()>> + Send + 'static,
{
    let mut clients = JoinSet::new();
    loop {
        while clients.try_join_next().is_some() {}
        if clients.len() >= at_a_time {
            clients.join_next().await;
        }
        match poll_fn(&mut accept).await {
            // A client that goes away in between is its own affair.
            Ok((stream, _)) => {
                clients.spawn(serve(stream));
            }
            Err(_) => sleep(ACCEPT_PAUSE).await,
        }
    }
}

/// What comes before `end`; `None`: the client left without it, or sends too much.
pub async fn read_until(
    stream: &mut (impl AsyncRead + Unpin),
    end: &[u8],
    max_bytes: usize,
) -> io::Result<Option<String>> {
    let mut text = Vec::new();
    loop {
        if let Some(at) = text.windows(end.len()).position(|it| it == end) {
            text.truncate(at);
            return Ok(Some(String::from_utf8_lossy(&text).into_owned()));
        }
        if text.len() > max_bytes || stream.read_buf(&mut text).await? == 0 {
            return Ok(None);
        }
    }
}
