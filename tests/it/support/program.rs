//! The program as a child process: run to its end, or watched while it runs. No test lives here.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::{binary, holds_within, wait_for, wait_for_some};

/// A command that has not ended by then hangs.
pub const LIMIT: Duration = Duration::from_secs(60);
/// What is about to happen happens within this time, on a busy machine too.
pub const SOON: Duration = Duration::from_secs(8);

/// A command that has ended.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Ran {
    /// Its output, of a command that was expected to succeed.
    #[track_caller]
    pub fn succeeded(self) -> String {
        assert_eq!(self.code, Some(0), "{self:?}");
        self.out
    }

    /// What it said, of a command that was expected to end with `code` and to give no data.
    #[track_caller]
    pub fn failed(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "{self:?}");
        assert_eq!(self.out, "", "data of a command that failed");
        self.err
    }
}

/// The program with nothing of the tester's own environment that could change what it does.
pub fn program<S: AsRef<OsStr>>(args: &[S]) -> Command {
    let mut command = undisturbed(binary());
    command.args(args);
    command
}

/// The same for any program that ends up as ours.
pub fn undisturbed(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    for name in [
        "HAPROXY_AUTOSCALE_CONFIG",
        "HAPROXY_AUTOSCALE_LOG",
        "NO_COLOR",
        "CLICOLOR",
        "CLICOLOR_FORCE",
        "JOURNAL_STREAM",
        "NOTIFY_SOCKET",
        "SUDO_UID",
        "SUDO_USER",
    ] {
        command.env_remove(name);
    }
    command.stdin(Stdio::null());
    command
}

/// Runs it to its end.
#[track_caller]
pub fn run<S: AsRef<OsStr>>(args: &[S]) -> Ran {
    finish(&mut program(args), b"")
}

/// Runs it to its end with that on its standard input.
#[track_caller]
pub fn run_with<S: AsRef<OsStr>>(args: &[S], input: &[u8]) -> Ran {
    finish(program(args).stdin(Stdio::piped()), input)
}

/// Runs a prepared command to its end.
#[track_caller]
pub fn finish(command: &mut Command, input: &[u8]) -> Ran {
    let mut running = Running::start(command);
    if let Some(mut stdin) = running.child.stdin.take() {
        // It may end without having read everything.
        let _ = stdin.write_all(input);
    }
    let status = running.ended(LIMIT);
    running.close();
    Ran {
        code: status.code(),
        out: running.out.text(),
        err: running.err.text(),
    }
}

/// One line that a child wrote.
#[derive(Clone, Debug)]
pub struct Told {
    /// When it arrived here.
    pub at: Instant,
    /// The line.
    pub text: String,
}

/// One output of a child, collected as it comes.
#[derive(Debug)]
pub struct Collected {
    heard: Arc<Mutex<Heard>>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Heard {
    bytes: Vec<u8>,
    /// Where lines end, and when they came.
    ends: Vec<(usize, Instant)>,
}

impl Heard {
    fn take(&mut self, piece: &[u8]) {
        let (start, at) = (self.bytes.len(), Instant::now());
        self.bytes.extend_from_slice(piece);
        let ends = piece.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
        self.ends.extend(ends.map(|(end, _)| (start + end, at)));
    }
}

impl Collected {
    fn of(source: Option<impl Read + Send + 'static>) -> Self {
        let heard = Arc::<Mutex<Heard>>::default();
        let thread = source.map(|source| {
            let heard = Arc::clone(&heard);
            std::thread::spawn(move || {
                let mut source = BufReader::new(source);
                while let Ok(piece) = source.fill_buf() {
                    let count = piece.len();
                    if count == 0 {
                        return;
                    }
                    let mut all = heard.lock().unwrap_or_else(PoisonError::into_inner);
                    all.take(piece);
                    source.consume(count);
                }
            })
        });
        Self { heard, thread }
    }

    /// Of a stream that goes elsewhere.
    pub fn nothing() -> Self {
        Self::of(None::<std::io::Empty>)
    }

    fn heard(&self) -> MutexGuard<'_, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Everything so far.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.heard().bytes).into_owned()
    }

    /// Every whole line so far.
    pub fn told(&self) -> Vec<Told> {
        let heard = self.heard();
        let mut start = 0;
        let line = |&(end, at): &(usize, Instant)| {
            let text = String::from_utf8_lossy(&heard.bytes[start..end]).into_owned();
            start = end + 1;
            Told { at, text }
        };
        heard.ends.iter().map(line).collect()
    }

    /// Waits until it contains that.
    #[track_caller]
    pub fn wait_for(&self, text: &str) {
        let is_there = holds_within(SOON, || self.text().contains(text));
        assert!(is_there, "no {text:?} in {SOON:?}, only: {}", self.text());
    }
}

/// A command that runs; it is killed when dropped.
#[derive(Debug)]
pub struct Running {
    pub child: Child,
    pub out: Collected,
    pub err: Collected,
}

impl Running {
    /// Starts it and collects what it writes.
    pub fn start(command: &mut Command) -> Self {
        let mut child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program");
        Self {
            out: Collected::of(child.stdout.take()),
            err: Collected::of(child.stderr.take()),
            child,
        }
    }

    pub fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).expect("a signal to our own child");
    }

    /// Waits for its end.
    #[track_caller]
    pub fn ended(&mut self, limit: Duration) -> ExitStatus {
        let child = &mut self.child;
        let is_ended = holds_within(limit, || matches!(child.try_wait(), Ok(Some(_)) | Err(_)));
        if !is_ended {
            let said = self.err.text();
            panic!("runs after {limit:?}; it said: {said}");
        }
        self.child.wait().expect("it has ended")
    }

    /// Asks it to end; gives its exit code and how long it took.
    #[track_caller]
    pub fn stop(&mut self, signal: Signal) -> (Option<i32>, Duration) {
        let asked = Instant::now();
        self.signal(signal);
        let status = self.ended(LIMIT);
        (status.code(), asked.elapsed())
    }

    /// Ends it at once, as `kill -9` does, and waits for the rest of what it wrote.
    pub fn kill(&mut self) {
        let _ = self.child.kill();
        // One that is writing to a busy disk (fsync) ends only when that is done.
        let _ = self.child.wait();
        for thread in [self.out.thread.take(), self.err.thread.take()] {
            thread.map(JoinHandle::join);
        }
    }

    /// After its end: waits for the rest of what it wrote.
    pub fn close(&mut self) {
        let threads = [self.out.thread.take(), self.err.thread.take()];
        for thread in threads.into_iter().flatten() {
            wait_for("the end of an output", SOON, || thread.is_finished());
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A file of the repository.
pub fn in_repository(path: &str) -> String {
    format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))
}

/// Writes a file into a test's own folder and gives its path.
pub fn file(folder: &Path, name: &str, text: impl AsRef<[u8]>) -> String {
    let path = folder.join(name);
    std::fs::write(&path, text).expect("a file in a temporary folder");
    path.to_str().expect("a path in UTF-8").to_owned()
}

/// Runs it with a reader that goes away after so many bytes of its output.
#[track_caller]
pub fn run_into_closed_pipe<S: AsRef<OsStr>>(args: &[S], bytes_read: usize) -> Ran {
    into_closed_pipe(&mut program(args), bytes_read)
}

/// The same for a prepared command.
#[track_caller]
pub fn into_closed_pipe(command: &mut Command, bytes_read: usize) -> Ran {
    let mut child = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program");
    let err = Collected::of(child.stderr.take());
    let mut out = child.stdout.take().expect("a pipe");
    let mut start = vec![0; bytes_read];
    let read = out.read(&mut start).expect("the start of its output");
    drop(out);
    let mut running = Running {
        child,
        out: Collected::nothing(),
        err,
    };
    let status = running.ended(Duration::from_secs(60));
    running.close();
    Ran {
        code: status.code(),
        out: String::from_utf8_lossy(start.get(..read).unwrap_or_default()).into_owned(),
        err: running.err.text(),
    }
}

/// The objects of an output of one JSON object a line.
#[track_caller]
pub fn objects(text: &str) -> Vec<serde_json::Value> {
    text.lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}")))
        .collect()
}

/// The names of a JSON object in the order in which they are written; nested ones are not listed.
#[track_caller]
pub fn names_in_order(object: &str) -> Vec<String> {
    let (mut names, mut depth, mut at) = (Vec::new(), 0_i32, 0);
    while let Some(letter) = object[at..].chars().next() {
        match letter {
            '{' | '[' => depth += 1,
            '}' | ']' => depth -= 1,
            '"' => {
                let end = end_of_text(&object[at..]) + at;
                if depth == 1 && object[end..].starts_with(':') {
                    names.push(object[at + 1..end - 1].to_owned());
                }
                at = end;
                continue;
            }
            _ => {}
        }
        at += letter.len_utf8();
    }
    names
}

/// Bytes of the JSON text that begins here, quotes included.
fn end_of_text(text: &str) -> usize {
    let mut is_escaped = false;
    for (at, letter) in text.char_indices().skip(1) {
        match letter {
            _ if is_escaped => is_escaped = false,
            '\\' => is_escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    panic!("a text without end: {text}");
}

/// Waits for a value of a growing output.
#[track_caller]
pub fn lines_within(collected: &Collected, count: usize) -> Vec<String> {
    wait_for_some(&format!("{count} lines"), SOON, || {
        let text = collected.text();
        let lines: Vec<String> = text.lines().map(str::to_owned).collect();
        (lines.len() >= count && text.ends_with('\n')).then_some(lines)
    })
}
