//! Those who look on while a daemon works: listeners to its events, and whoever asks now and then.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// So often what the listeners were sent is read: one thread for all, so that an event wakes nobody
/// beside the daemon.
const READ_EVERY: Duration = Duration::from_millis(20);

/// Ends when dropped.
pub struct Audience {
    is_over: Arc<AtomicBool>,
    answers: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

impl Audience {
    /// So many listeners, and somebody who asks for each of those paths so often, of a daemon that serves
    /// HTTP there.
    pub fn start(
        address: SocketAddr,
        listeners: usize,
        asks: &'static [(&'static str, Duration)],
    ) -> Self {
        let mut streams: Vec<TcpStream> = (0..listeners).map(|_| listen(address)).collect();
        let is_over = Arc::new(AtomicBool::new(false));
        let answers = Arc::new(AtomicUsize::new(0));
        let (ours, count) = (Arc::clone(&is_over), Arc::clone(&answers));
        let thread = std::thread::spawn(move || {
            let began = Instant::now();
            let mut due = vec![began; asks.len()];
            while !ours.load(Ordering::SeqCst) {
                for stream in &mut streams {
                    let mut piece = [0; 4096];
                    while stream.read(&mut piece).is_ok_and(|read| read > 0) {}
                }
                for ((path, every), due) in asks.iter().zip(&mut due) {
                    if Instant::now() >= *due {
                        *due += *every;
                        count.fetch_add(usize::from(ask(address, path)), Ordering::SeqCst);
                    }
                }
                std::thread::sleep(READ_EVERY);
            }
        });
        Self {
            is_over,
            answers,
            thread: Some(thread),
        }
    }

    /// How often it got what it asked for.
    pub fn answers(&self) -> usize {
        self.answers.load(Ordering::SeqCst)
    }
}

impl Drop for Audience {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn listen(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).expect("a connection");
    let request = b"GET /api/v1/events HTTP/1.1\r\nHost: localhost\r\n\r\n";
    stream.write_all(request).expect("a request");
    let mut first = [0; 12];
    stream.read_exact(&mut first).expect("an answer");
    assert_eq!(&first, b"HTTP/1.1 200");
    stream.set_nonblocking(true).expect("not to wait");
    stream
}

/// Whether what is there came, whole.
fn ask(address: SocketAddr, path: &str) -> bool {
    let ask = || {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes())?;
        let mut page = String::new();
        stream.read_to_string(&mut page)?;
        Ok::<_, std::io::Error>(page)
    };
    ask().is_ok_and(|page| page.starts_with("HTTP/1.1 200"))
}
