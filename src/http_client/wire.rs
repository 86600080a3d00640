//! Servers as they are: they answer before they were asked, close without reading the request, and end TLS
//! without a word. To whoever reads here that is an answer like any other.

use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// An open connection for one request.
pub(super) struct Wire<'a, S> {
    stream: S,
    /// Something came.
    has_heard: &'a AtomicBool,
    /// Who wanted to read before anything was sent.
    early_reader: Option<Waker>,
    is_asked: bool,
    /// Nothing more can be sent.
    is_shut: bool,
    /// Why not, until it is told.
    unsent: Option<io::Error>,
}

impl<'a, S> Wire<'a, S> {
    /// `has_heard` becomes true with the first byte of an answer.
    pub(super) const fn new(stream: S, has_heard: &'a AtomicBool) -> Self {
        Self {
            stream,
            has_heard,
            early_reader: None,
            is_asked: false,
            is_shut: false,
            unsent: None,
        }
    }

    /// Whatever cannot be sent counts as sent: the answer may be there all the same. Why is told if it is
    /// not.
    fn shut(&mut self, why: io::Error) {
        self.is_shut = true;
        self.unsent.get_or_insert(why);
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Wire<'_, S> {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let wire = self.get_mut();
        if !wire.is_asked {
            wire.early_reader = Some(context.waker().clone());
            return Poll::Pending;
        }
        let before = buffer.filled().len();
        let outcome = ready!(Pin::new(&mut wire.stream).poll_read(context, buffer));
        match outcome {
            // Over TLS many servers close without saying so first (`close_notify`).
            Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => {
                return Poll::Ready(Err(wire.unsent.take().unwrap_or(error)));
            }
            Ok(()) | Err(_) => {}
        }
        if buffer.filled().len() > before {
            wire.has_heard.store(true, Ordering::Relaxed);
        } else if !wire.has_heard.load(Ordering::Relaxed)
            && let Some(error) = wire.unsent.take()
        {
            return Poll::Ready(Err(error));
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Wire<'_, S> {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let wire = self.get_mut();
        wire.is_asked = true;
        if let Some(reader) = wire.early_reader.take() {
            reader.wake();
        }
        if wire.is_shut {
            return Poll::Ready(Ok(bytes.len()));
        }
        let written = ready!(Pin::new(&mut wire.stream).poll_write(context, bytes));
        Poll::Ready(Ok(written.unwrap_or_else(|error| {
            wire.shut(error);
            bytes.len()
        })))
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let wire = self.get_mut();
        if wire.is_shut {
            return Poll::Ready(Ok(()));
        }
        if let Err(error) = ready!(Pin::new(&mut wire.stream).poll_flush(context)) {
            wire.shut(error);
        }
        Poll::Ready(Ok(()))
    }

    /// It is closed at once in any case: saying so before would only wake its server twice.
    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
