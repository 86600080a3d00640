//! The line on a terminal that says how far reading has come. Whether there is a terminal is not
//! decided here.

use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use crate::log::recorded::Progress;

/// What takes less time shows no bar.
const SILENCE: Duration = Duration::from_secs(1);
/// Between two drawings.
const EVERY: Duration = Duration::from_millis(200);
/// To the beginning of the line, and away with what stands there (ECMA-48 §8.3.41).
const ERASE: &str = "\r\x1b[K";

/// A line that is drawn over and over by a thread of its own, until this is dropped, which takes it
/// away.
pub struct Bar {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    screen: Mutex<Screen>,
    over: Condvar,
}

struct Screen {
    out: Box<dyn Write + Send>,
    is_shown: bool,
    is_over: bool,
}

impl Bar {
    /// Shows `progress` on `out`, a terminal, once a second has passed.
    pub fn start(progress: Progress, out: impl Write + Send + 'static) -> Self {
        let shared = Arc::new(Shared {
            screen: Mutex::new(Screen {
                out: Box::new(out),
                is_shown: false,
                is_over: false,
            }),
            over: Condvar::new(),
        });
        let drawing = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("progress".to_owned())
            .spawn(move || drawing.draw_until_over(&progress))
            .ok();
        Self { shared, thread }
    }

    /// A writer to the same terminal that never writes behind the bar.
    pub fn beside<W: Write>(&self, out: W) -> Beside<W> {
        Beside {
            shared: Arc::clone(&self.shared),
            out,
        }
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        let mut screen = self.shared.lock();
        screen.is_over = true;
        screen.erase();
        drop(screen);
        self.shared.over.notify_all();
        if let Some(thread) = self.thread.take() {
            // It cannot have panicked, and there would be nothing to do about it.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Screen> {
        self.screen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn draw_until_over(&self, progress: &Progress) {
        let started = Instant::now();
        let mut screen = self.lock();
        while !screen.is_over {
            let waited = self.over.wait_timeout(screen, EVERY);
            screen = waited.unwrap_or_else(PoisonError::into_inner).0;
            let elapsed = started.elapsed();
            if elapsed >= SILENCE && !screen.is_over {
                screen.draw(&progress.text(elapsed));
            }
        }
    }
}

impl Screen {
    /// A terminal that is gone is nobody's loss.
    fn draw(&mut self, text: &str) {
        let _ = write!(self.out, "{ERASE}{text}");
        let _ = self.out.flush();
        self.is_shown = true;
    }

    fn erase(&mut self) {
        if self.is_shown {
            let _ = self.out.write_all(ERASE.as_bytes());
            let _ = self.out.flush();
            self.is_shown = false;
        }
    }
}

/// See [`Bar::beside`].
pub struct Beside<W> {
    shared: Arc<Shared>,
    out: W,
}

impl<W: Write> Write for Beside<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.shared.lock().erase();
        self.out.write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
