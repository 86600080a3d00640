//! Sessions that are open and wait for nobody: websockets, and downloads by slow readers.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use super::load::get;
use super::server::WEBSOCKET_KEY;

/// From the request to the first byte of the answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);
/// A slow reader takes so many bytes …
const SIP_BYTES: usize = 512;
/// … so often.
const SIP_EVERY: Duration = Duration::from_millis(500);

/// They are open until this is dropped.
pub struct OpenSessions {
    stopped: Arc<AtomicBool>,
    reader: Option<JoinHandle<()>>,
}

impl OpenSessions {
    /// So many websockets on which nobody says anything.
    pub fn websockets(target: SocketAddr, count: usize) -> Self {
        let upgrade = format!(
            "GET / HTTP/1.1\r\nHost: test\r\nUser-Agent: load\r\nConnection: Upgrade\r\n\
             Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: {WEBSOCKET_KEY}\r\n\r\n"
        );
        Self::open(target, count, &upgrade, "HTTP/1.1 101")
    }

    /// So many downloads of that many KiB, each by somebody who reads 1 KiB a second.
    pub fn downloads(target: SocketAddr, count: usize, kib: u16) -> Self {
        let request = get(&format!("/?kib={kib}"), &[]);
        Self::open(target, count, &request, "HTTP/1.1 200")
    }

    fn open(target: SocketAddr, count: usize, request: &str, expected: &str) -> Self {
        let open = |_| {
            let mut stream = TcpStream::connect(target).expect("a connection");
            stream.write_all(request.as_bytes()).expect("a request");
            let limit = stream.set_read_timeout(Some(ANSWER_LIMIT));
            limit.expect("a time limit");
            let mut first = vec![0; expected.len()];
            stream.read_exact(&mut first).expect("an answer");
            assert_eq!(String::from_utf8_lossy(&first), expected);
            stream.set_nonblocking(true).expect("no waiting");
            stream
        };
        let mut streams: Vec<TcpStream> = (0..count).map(open).collect();
        let stopped = Arc::new(AtomicBool::new(false));
        let has_stopped = Arc::clone(&stopped);
        let reader = std::thread::spawn(move || {
            while !has_stopped.load(Ordering::SeqCst) {
                for stream in &mut streams {
                    let read = stream.read(&mut [0; SIP_BYTES]);
                    let is_open = match read {
                        Ok(bytes) => bytes > 0,
                        Err(error) => error.kind() == ErrorKind::WouldBlock,
                    };
                    assert!(is_open, "a session was closed");
                }
                std::thread::sleep(SIP_EVERY);
            }
        });
        Self {
            stopped,
            reader: Some(reader),
        }
    }

    /// Ends them.
    ///
    /// # Panics
    /// One of them was closed before.
    pub fn close(mut self) {
        let ended = self.end();
        assert!(ended, "all were open until the end");
    }

    fn end(&mut self) -> bool {
        self.stopped.store(true, Ordering::SeqCst);
        self.reader.take().is_none_or(|it| it.join().is_ok())
    }
}

impl Drop for OpenSessions {
    fn drop(&mut self) {
        self.end();
    }
}
