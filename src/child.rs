//! A child process in a group of its own: what it gets, how long it and all that it starts may take, what
//! it says meanwhile. What it is for, and what its answer means, belongs to whoever runs it.

use std::ffi::OsString;
use std::io;
use std::mem;
use std::path::Path;
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use crate::words::one_line::escaped;

/// What a child has started may keep its pipes open for longer.
const PIPES_LIMIT: Duration = Duration::from_millis(250);
/// How often it is looked whether an ended group is gone.
const GONE_INTERVAL: Duration = Duration::from_millis(20);
/// Longest line of complaints, bytes; of a longer one the beginning is told.
const LINE_BYTES_MAX: usize = 1024;
/// So many lines of complaints are told as they come; of all others the last one alone, at the end.
pub const LINES_MAX: usize = 200;
/// As much as a pipe holds.
const READ_BYTES: usize = 64 * 1024;
/// Whoever says more than this is read no more often than …
const UNPACED_BYTES: usize = 256 * 1024;
/// … with this pause: one that says something all the time would take a whole core of ours.
const READ_PAUSE: Duration = Duration::from_millis(25);
/// Whoever installs a program may not have closed it yet.
const BUSY_TRIES: u32 = 10;
const BUSY_PAUSE: Duration = Duration::from_millis(20);

/// What is run, and within what limits.
#[derive(Debug)]
pub struct Task<'a> {
    pub program: &'a Path,
    pub arguments: &'a [String],
    pub environment: Environment,
    /// Its standard input.
    pub input: &'a [u8],
    /// Bytes that are kept of its standard output; `None`: nobody reads it.
    pub output_bytes_max: Option<usize>,
    /// After this long its whole group is ended.
    pub limit: Duration,
    /// From the request to end (TERM) to KILL; zero: it is not asked.
    pub grace: Duration,
}

/// The environment of a child.
#[derive(Debug)]
pub enum Environment {
    /// Ours, but for what speaks to the service manager.
    Ours,
    /// These variables and no other.
    Only(Vec<(&'static str, OsString)>),
}

/// A child that has ended by itself.
#[derive(Debug)]
pub struct Ended {
    pub status: ExitStatus,
    /// Its standard output, as far as it is kept.
    pub output: Vec<u8>,
    /// It said more than that.
    pub has_more: bool,
}

/// Why there is no end to tell of.
#[derive(Debug)]
pub enum Failure {
    /// It was never run.
    NotStarted(io::Error),
    /// It was ended by the limit.
    TooLong,
    /// It ran; how it ended was not told.
    Lost(io::Error),
}

/// Runs it to its end, or to its limit. `complain` gets each line of its standard error as it comes, up to
/// [`LINES_MAX`] of them, and then its last one.
///
/// What it has started and left behind lives on when it ended by itself. When it did not, or when this
/// is dropped, all of its group ends: by TERM, by KILL if there is no grace.
///
/// # Errors
/// See [`Failure`].
pub async fn run(task: Task<'_>, complain: impl FnMut(&str)) -> Result<Ended, Failure> {
    let mut child = spawn(&task).await.map_err(Failure::NotStarted)?;
    let mut group = Group::of(&child, task.grace);
    let (input, errors, output) = (child.stdin.take(), child.stderr.take(), child.stdout.take());
    let write = async {
        if let Some(mut input) = input {
            // One that does not want it all is not wrong.
            let _ = input.write_all(task.input).await;
        }
    };
    let id = group.id;
    let work = async {
        let whole = async { tokio::join!(child.wait(), write).0 };
        if let Ok(status) = timeout(task.limit, whole).await {
            return status.map_err(Failure::Lost);
        }
        end(&mut child, id, task.grace).await;
        Err(Failure::TooLong)
    };
    let (mut kept, mut has_more) = (Vec::new(), false);
    let bytes_max = task.output_bytes_max.unwrap_or(0);
    let mut complaints = Complaints::new(complain);
    let read = async {
        let output = read_all(output, |part| {
            let room = bytes_max.saturating_sub(kept.len()).min(part.len());
            kept.extend_from_slice(part.get(..room).unwrap_or_default());
            has_more |= room < part.len();
        });
        let errors = read_all(errors, |part| complaints.take(part));
        tokio::join!(errors, output);
    };
    let status = beside(work, read).await;
    complaints.end();
    group.is_done();
    Ok(Ended {
        status: status?,
        output: kept,
        has_more,
    })
}

async fn spawn(task: &Task<'_>) -> io::Result<Child> {
    let mut command = Command::new(task.program);
    match &task.environment {
        Environment::Ours => {
            command.env_remove("NOTIFY_SOCKET");
        }
        Environment::Only(variables) => {
            command.env_clear().envs(variables.iter().cloned());
        }
    }
    let is_read = task.output_bytes_max.is_some();
    command
        .args(task.arguments)
        .stdin(Stdio::piped())
        .stdout(if is_read {
            Stdio::piped()
        } else {
            Stdio::null()
        })
        .stderr(Stdio::piped())
        .process_group(0);
    let mut tries = 1;
    loop {
        match command.spawn() {
            Err(error)
                if error.kind() == io::ErrorKind::ExecutableFileBusy && tries < BUSY_TRIES =>
            {
                tries += 1;
                sleep(BUSY_PAUSE).await;
            }
            done => return done,
        }
    }
}

/// Waits for the end of `work` and reads meanwhile: a pipe that nobody reads is full at 64 KiB, and holds up
/// whoever writes.
async fn beside<T>(work: impl Future<Output = T>, read: impl Future<Output = ()>) -> T {
    let (mut work, mut read) = (pin!(work), pin!(read));
    tokio::select! {
        done = &mut work => {
            let _ = timeout(PIPES_LIMIT, read).await;
            done
        }
        () = &mut read => work.await,
    }
}

/// Reads to the end, and after a while not at any rate.
async fn read_all(pipe: Option<impl AsyncRead + Unpin>, mut take: impl FnMut(&[u8])) {
    let Some(mut pipe) = pipe else { return };
    let (mut part, mut bytes) = (vec![0; READ_BYTES], 0_usize);
    while let Ok(length) = pipe.read(&mut part).await
        && length > 0
    {
        take(part.get(..length).unwrap_or_default());
        bytes = bytes.saturating_add(length);
        if bytes > UNPACED_BYTES {
            sleep(READ_PAUSE).await;
        }
    }
}

/// What a child writes to its standard error, as lines. Blank ones are none.
struct Complaints<F> {
    tell: F,
    told: usize,
    /// One that has not ended yet, as far as it is kept.
    line: Vec<u8>,
    /// The last one that is not told as it comes.
    last: Vec<u8>,
}

impl<F: FnMut(&str)> Complaints<F> {
    const fn new(tell: F) -> Self {
        Self {
            tell,
            told: 0,
            line: Vec::new(),
            last: Vec::new(),
        }
    }

    fn take(&mut self, part: &[u8]) {
        let is_end = |byte: &u8| *byte == b'\n';
        let mut rest = part;
        while self.told < LINES_MAX {
            let mut two = rest.splitn(2, is_end);
            self.go_on(two.next().unwrap_or_default());
            let Some(after) = two.next() else { return };
            let line = mem::take(&mut self.line);
            self.tell(&line);
            rest = after;
        }
        self.keep_last(rest);
    }

    /// Looks at the ends of what came alone: at its first line, which may have begun before, and at the last ones.
    fn keep_last(&mut self, part: &[u8]) {
        let is_end = |byte: &u8| *byte == b'\n';
        let mut two = part.splitn(2, is_end);
        self.go_on(two.next().unwrap_or_default());
        let Some(after) = two.next() else { return };
        let first = mem::take(&mut self.line);
        let mut others = after.rsplit(is_end);
        self.go_on(others.next().unwrap_or_default());
        match others.find(|line| !line.trim_ascii().is_empty()) {
            Some(line) => self.last = line.iter().copied().take(LINE_BYTES_MAX).collect(),
            None if first.trim_ascii().is_empty() => {}
            None => self.last = first,
        }
    }

    /// More of the line that has not ended yet.
    fn go_on(&mut self, bytes: &[u8]) {
        let room = LINE_BYTES_MAX.saturating_sub(self.line.len());
        self.line.extend(bytes.iter().take(room));
    }

    fn tell(&mut self, line: &[u8]) {
        if line.trim_ascii().is_empty() {
            return; // A flood of these may come.
        }
        let text = escaped(&String::from_utf8_lossy(line));
        if !text.trim().is_empty() {
            self.told += 1;
            (self.tell)(text.trim());
        }
    }

    /// Nothing more comes: tells the last line, a half one too.
    fn end(mut self) {
        let (half, last) = (mem::take(&mut self.line), mem::take(&mut self.last));
        let is_whole = half.trim_ascii().is_empty();
        self.tell(if is_whole { &last } else { &half });
    }
}

/// Ends a group that has had its time.
async fn end(child: &mut Child, group: Option<Pid>, grace: Duration) {
    if !grace.is_zero() {
        signal(group, Signal::TERM);
        let gone = async {
            while group.is_some_and(|group| test_kill_process_group(group).is_ok()) {
                // One that has ended counts until it was asked how.
                let _ = child.try_wait();
                sleep(GONE_INTERVAL).await;
            }
        };
        let _ = timeout(grace, gone).await;
    }
    signal(group, Signal::KILL);
    let _ = timeout(PIPES_LIMIT, child.wait()).await;
}

fn signal(group: Option<Pid>, signal: Signal) {
    if let Some(group) = group {
        let _ = kill_process_group(group, signal);
    }
}

/// All that a child started, ended when this is dropped before it is done.
struct Group {
    id: Option<Pid>,
    signal: Signal,
}

impl Group {
    fn of(child: &Child, grace: Duration) -> Self {
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        Self {
            id: id.and_then(Pid::from_raw),
            signal: if grace.is_zero() {
                Signal::KILL
            } else {
                Signal::TERM
            },
        }
    }

    const fn is_done(&mut self) {
        self.id = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        signal(self.id, self.signal);
    }
}
