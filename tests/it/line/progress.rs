//! The bar: what it says, and that nothing of it stays.

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use haproxy_autoscale::cli::Bar;
use haproxy_autoscale::log::recorded::{Block, LogSet, Progress};

use crate::support::wait_for;

/// A terminal that can be looked at.
#[derive(Clone, Default)]
struct Terminal(Arc<Mutex<Vec<u8>>>);

impl Terminal {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Terminal {
    fn write(&mut self, buffer: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(buffer)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// A log of three million bytes of which a third has been read, twice as much being announced.
fn a_sixth() -> Progress {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("x.log");
    std::fs::write(&path, b"some line\n".repeat(300_000)).unwrap();
    let mut logs = LogSet::new(&[path.to_str().unwrap().to_owned()]);
    let progress = Progress::default();
    logs.watch(&progress, 2);
    let mut logs = logs.read(100);
    let mut block = Block::new();
    while logs.bytes_read() < 1_000_000 {
        assert!(logs.next_block(&mut block).unwrap());
    }
    progress
}

#[test]
fn it_says_how_much_is_done_how_fast_and_how_long_it_will_take() {
    let text = a_sixth().text(Duration::from_secs(1));
    assert!(
        text.starts_with("17 % of 6 MB · 1 MB/s · 0:0") && text.ends_with(" left"),
        "{text}"
    );
    let unknown = Progress::default().text(Duration::ZERO);
    assert_eq!(unknown, "0 MB · 0 MB/s");
}

#[test]
fn it_is_erased_before_each_output_and_at_the_end() {
    let terminal = Terminal::default();
    let bar = Bar::start(a_sixth(), terminal.clone());
    let mut out = bar.beside(terminal.clone());
    out.write_all(b"decision\n").unwrap();
    wait_for("a drawn bar", Duration::from_secs(20), || {
        terminal.text().ends_with(" left")
    });
    out.write_all(b"another\n").unwrap();
    let text = terminal.text();
    assert!(text.contains(" left\r\x1b[Kanother\n"), "{text:?}");
    drop(bar);
    let text = terminal.text();
    assert!(
        text.ends_with("another\n") || text.ends_with("\r\x1b[K"),
        "{text:?}"
    );
}
