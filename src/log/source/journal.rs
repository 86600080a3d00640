//! Lines from systemd's journal, through `journalctl --follow`: one entry is one line.
//!
//! Each entry comes as JSON, so that a newline in a message begins no second entry, and gets a head
//! that names the program it came from: whether that is HAProxy is decided where heads are read.
//! `look` finds out whether there is anything to follow.

mod look;
mod process;

use std::io::{self, Read};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustix::process::{WaitId, WaitIdOptions, waitid};
use serde::Deserialize;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use self::look::{Found, Look};
use self::process::Process;
use super::news::{Notices, SourceNews};
use super::stdin::StdinSource;
use super::{Core, LineSource, Standing, Wait};
use crate::log::lines::{Counters, Item, SourceState};
use crate::words::time::Timestamp;

/// The program that reads the journal, looked for on the `PATH`.
const PROGRAM: &str = "journalctl";
/// An entry is JSON: a byte is at most six characters in it, and there are some fields beside it.
const ENTRY_BYTES_PER_BYTE: usize = 6;
/// See [`ENTRY_BYTES_PER_BYTE`].
const ENTRY_BYTES_BESIDE: usize = 16 * 1024;
/// After its first end it is started again so soon, then twice as late each time.
const RESTART_FIRST: Duration = Duration::from_secs(1);
/// The longest pause before it is started again.
const RESTART_LAST: Duration = Duration::from_secs(60);
/// Having run for so long, it works.
const SETTLED: Duration = Duration::from_secs(2);
/// Whether there is anything of the unit is looked at so late: who may not read the journal is told
/// before by who follows.
const LOOK_AFTER: Duration = Duration::from_millis(500);
/// Lines of its standard error that are passed on for each start, and the length of each.
const COMPLAINTS_MAX: usize = 5;
/// See [`COMPLAINTS_MAX`].
const COMPLAINT_BYTES_MAX: usize = 300;
/// What it wrote last before it ended is waited for so long: whoever it started may hold its
/// standard error open.
const LAST_WORDS_LIMIT: Duration = Duration::from_millis(500);

/// A running `journalctl`. Killed when dropped.
#[derive(Debug)]
struct Running {
    process: Process,
    entries: StdinSource,
    complaint: Arc<Mutex<String>>,
    /// Closed when its standard error has been read to the end and it has ended.
    end: mpsc::Receiver<()>,
    /// There are no more entries; it is not waited for any longer than this.
    last_words_until: Option<Instant>,
    started: Instant,
}

/// What `journalctl` finds of one unit from now on.
#[derive(Debug)]
pub(super) struct JournalSource {
    program: PathBuf,
    unit: String,
    max_line_bytes: usize,
    running: Option<Running>,
    look: Look,
    /// The last look found nothing, and no entry has come since.
    is_bare: bool,
    next_start: Instant,
    pause: Duration,
    /// With what the last one ended: the next one that says the same says nothing new.
    last_complaint: String,
    core: Core,
}

impl LineSource for JournalSource {
    fn wait(&mut self) -> Wait<'_> {
        Box::pin(async move {
            let is_unsettled = self.core.state != SourceState::Reading && !self.is_bare;
            let Some(running) = &mut self.running else {
                sleep_until(self.next_start).await;
                return;
            };
            if let Some(until) = running.last_words_until {
                tokio::select! {
                    _ = running.end.recv() => {}
                    () = sleep_until(until) => {}
                }
                return;
            }
            let settled = running.started + SETTLED;
            tokio::select! {
                () = running.entries.wait() => {}
                () = self.look.wait() => {}
                () = sleep_until(settled), if is_unsettled => {}
            }
        })
    }

    fn turn(&mut self, now: Timestamp, sink: &mut dyn FnMut(Item<'_>)) -> bool {
        let started = Instant::now();
        if self.running.is_none() && started >= self.next_start {
            self.start(started);
        }
        if let Some(found) = self.look.turn(&self.program, &self.unit, started) {
            self.note_found(started, &found);
        }
        let mut more = false;
        if let Some(running) = &mut self.running {
            let (counters, max_line_bytes) = (&mut self.core.counters, self.max_line_bytes);
            let before = counters.lines;
            let bytes = running.entries.standing().counters.bytes;
            more = running.entries.turn(now, &mut |item| {
                hand_out(item, max_line_bytes, counters, sink);
            });
            let entries = running.entries.standing();
            counters.bytes += entries.counters.bytes.saturating_sub(bytes);
            self.core.behind_bytes = entries.behind_bytes;
            let is_over = *entries.state == SourceState::Ended;
            let is_settled = started.saturating_duration_since(running.started) >= SETTLED;
            if counters.lines > before {
                (self.look, self.is_bare) = (Look::Done, false);
                self.core.state = SourceState::Reading;
            }
            if is_over {
                let until = started + LAST_WORDS_LIMIT;
                let until = *running.last_words_until.get_or_insert(until);
                if running.end.is_closed() || started >= until {
                    self.note_end(started);
                }
            } else if is_settled && !self.is_bare {
                self.core.state = SourceState::Reading;
            }
        }
        more
    }

    fn standing(&self) -> Standing<'_> {
        self.core.standing()
    }

    /// `journal:haproxy`.
    fn describe(&self) -> String {
        format!("journal:{}", self.unit)
    }
}

impl JournalSource {
    /// Starts `journalctl`. `unit` is what [`super::LogSource`] lets pass: it goes to a command line.
    pub(super) fn new(unit: String, max_line_bytes: usize, notices: Notices) -> Self {
        Self::through(PathBuf::from(PROGRAM), unit, max_line_bytes, notices)
    }

    fn through(program: PathBuf, unit: String, max_line_bytes: usize, notices: Notices) -> Self {
        let mut this = Self {
            program,
            unit,
            max_line_bytes,
            running: None,
            look: Look::Done,
            is_bare: false,
            next_start: Instant::now(),
            pause: RESTART_FIRST,
            last_complaint: String::new(),
            core: Core::new(notices),
        };
        this.start(Instant::now());
        this
    }

    fn start(&mut self, now: Instant) {
        match Running::start(self, now) {
            Ok(running) => {
                self.running = Some(running);
                self.look = Look::Due(now + LOOK_AFTER);
            }
            Err(error) => {
                let cause = if error.kind() == io::ErrorKind::NotFound {
                    format!(
                        "there is no {PROGRAM} on the PATH: a journal needs systemd; take another \
                         [log] source"
                    )
                } else {
                    format!("cannot run {PROGRAM}: {error}")
                };
                self.retry(now, &cause);
            }
        }
    }

    fn note_found(&mut self, now: Instant, found: &Found) {
        match found {
            Found::Nothing(words) => {
                self.is_bare = true;
                let cause = if words.is_empty() {
                    format!(
                        "it has no entry of a unit of that name so far; `journalctl --unit={}` \
                         shows what it has",
                        self.unit
                    )
                } else {
                    format!("{PROGRAM} says: {words}")
                };
                self.wait_because(&cause);
            }
            // What it followed before there was anything, it never sees.
            Found::Entries if self.is_bare => {
                self.is_bare = false;
                self.running = None;
                self.start(now);
                self.look = Look::Done;
            }
            Found::Entries => {}
        }
    }

    fn retry(&mut self, now: Instant, cause: &str) {
        self.running = None;
        self.core.behind_bytes = 0;
        (self.look, self.is_bare) = (Look::Done, false);
        self.next_start = now + self.pause;
        self.pause = (self.pause * 2).min(RESTART_LAST);
        self.wait_because(cause);
    }

    fn wait_because(&mut self, cause: &str) {
        self.core.state = SourceState::Waiting(Arc::from(format!(
            "cannot read {}: {cause}; trying again",
            self.describe()
        )));
    }

    fn note_end(&mut self, now: Instant) {
        let Some(mut running) = self.running.take() else {
            return;
        };
        if now.saturating_duration_since(running.started) >= RESTART_LAST {
            self.pause = RESTART_FIRST;
        }
        let complaint = running.complaint();
        let mut cause = match running.process.ended() {
            Ok(Some(status)) => format!("{PROGRAM} ended ({status})"),
            Ok(None) => format!("{PROGRAM} closed its output"),
            Err(error) => format!("{PROGRAM} ended ({error})"),
        };
        if !complaint.is_empty() {
            cause = format!("{cause}: {complaint}");
            self.last_complaint = complaint;
        }
        self.retry(now, &cause);
    }
}

impl Running {
    fn start(source: &JournalSource, now: Instant) -> io::Result<Self> {
        let options = [
            "--follow",
            "--lines=0",
            "--output=json",
            // Without it a long message comes as `null`.
            "--all",
            "--output-fields=MESSAGE,SYSLOG_IDENTIFIER",
        ];
        let (process, entries, complaints) =
            Process::start(&source.program, &source.unit, &options)?;
        let pid = process.pid();
        let entry_bytes = source
            .max_line_bytes
            .saturating_mul(ENTRY_BYTES_PER_BYTE)
            .saturating_add(ENTRY_BYTES_BESIDE);
        let complaint = Arc::new(Mutex::new(String::new()));
        let notices = source.core.notices.clone();
        let (running_on, end) = mpsc::channel::<()>(1);
        let running = Self {
            process,
            entries: StdinSource::new(entries, PROGRAM, entry_bytes, notices.clone()),
            complaint: Arc::clone(&complaint),
            end,
            last_words_until: None,
            started: now,
        };
        let known = source.last_complaint.clone();
        std::thread::Builder::new()
            .name("journalctl-stderr".to_owned())
            .spawn(move || {
                pass_on(complaints, &complaint, &known, &notices);
                // It stays to be asked how it ended.
                let how = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
                let _ = pid.map(|pid| waitid(WaitId::Pid(pid), how));
                drop(running_on);
            })?;
        Ok(running)
    }

    /// The last that it wrote to its standard error.
    fn complaint(&self) -> String {
        let complaint = self.complaint.lock();
        complaint.unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for JournalSource {
    fn drop(&mut self) {
        self.look.end();
        if let Some(running) = &mut self.running {
            running.process.end();
        }
    }
}

/// Reads its standard error to the end: notes the first lines of it, but for one that is `known`, and
/// keeps the last.
fn pass_on(mut complaints: impl Read, last: &Mutex<String>, known: &str, notices: &Notices) {
    let mut said = 0;
    let mut line = Vec::new();
    let mut buffer = [0; 1024];
    while let Ok(count @ 1..) = complaints.read(&mut buffer) {
        for &byte in buffer.iter().take(count) {
            if byte != b'\n' {
                if line.len() < COMPLAINT_BYTES_MAX && !byte.is_ascii_control() {
                    line.push(byte);
                }
                continue;
            }
            let text = String::from_utf8_lossy(&line).trim().to_owned();
            line.clear();
            if !text.is_empty() {
                if said < COMPLAINTS_MAX && text != known {
                    said += 1;
                    notices.put(SourceNews::Complaint {
                        program: PROGRAM,
                        text: text.clone(),
                    });
                }
                *last.lock().unwrap_or_else(PoisonError::into_inner) = text;
            }
        }
    }
}

/// What is of interest in an entry.
#[derive(Deserialize)]
struct Entry {
    #[serde(rename = "MESSAGE", default)]
    message: Field,
    #[serde(rename = "SYSLOG_IDENTIFIER", default)]
    identifier: Field,
}

/// A field of the journal's JSON: text, or bytes where it is no text.
#[derive(Default, Deserialize)]
#[serde(untagged)]
enum Field {
    Text(String),
    Bytes(Vec<u8>),
    /// `null`, or a list where an entry has the field twice.
    Other(serde::de::IgnoredAny),
    #[default]
    Missing,
}

impl Field {
    fn bytes(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Bytes(bytes) => bytes,
            Self::Other(_) | Self::Missing => b"",
        }
    }
}

/// One line of `journalctl --output=json` as the line that a syslog daemon would send (RFC 5424),
/// so that the program's name is judged where all are.
fn hand_out(
    item: Item<'_>,
    max_line_bytes: usize,
    counters: &mut Counters,
    sink: &mut dyn FnMut(Item<'_>),
) {
    let entry = match item {
        Item::Line(json) if json.starts_with(b"{") => json,
        // `-- Journal begins at …`, `-- Boot … --`: not from the journal.
        Item::Line(_) => return,
        Item::TooLong => return counters.hand_out(None, max_line_bytes, sink),
    };
    let Ok(entry) = serde_json::from_slice::<Entry>(entry) else {
        counters.dropped_partial += 1; // Cut off when it ended.
        return;
    };
    let message = entry.message.bytes();
    if message.len() > max_line_bytes {
        return counters.hand_out(None, max_line_bytes, sink);
    }
    let identifier = entry.identifier.bytes();
    // Any process of the unit can choose it: a space in it must not end it.
    let is_word = !identifier.is_empty() && identifier.iter().all(u8::is_ascii_graphic);
    let program = if is_word { identifier } else { b"-" };
    let line = [b"<6>1 - - ", program, b" - - - ", message].concat();
    counters.lines += 1;
    sink(Item::Line(&line));
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::process::Command;

    use super::*;

    /// Written by another process: who executes a file that is open for writing fails.
    fn program(folder: &Path, script: &str) -> PathBuf {
        let program = folder.join(PROGRAM);
        let written = Command::new("/bin/sh")
            .args(["-c", "printf '%s' \"$2\" > \"$1\" && chmod +x \"$1\"", "sh"])
            .args([program.as_os_str(), script.as_ref()])
            .status();
        assert!(written.is_ok_and(|status| status.success()));
        program
    }

    #[test]
    fn no_turn_waits_for_one_that_has_ended_and_left_its_standard_error_to_others() {
        let script = "#!/bin/sh\necho 'it is broken' >&2\nsleep 3 >/dev/null &\nexit 3\n";
        let folder = tempfile::tempdir().expect("a folder");
        let program = program(folder.path(), script);
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_all().build().expect("a runtime");
        runtime.block_on(async {
            let mut source =
                JournalSource::through(program, "haproxy".to_owned(), 1024, Notices::default());
            let mut longest = Duration::ZERO;
            while source.core.state == SourceState::Reading {
                source.wait().await;
                let started = std::time::Instant::now();
                source.turn(Timestamp::default(), &mut |_| {});
                longest = longest.max(started.elapsed());
            }
            assert!(longest < LAST_WORDS_LIMIT / 2, "{longest:?}");
            let said = format!("{:?}", source.core.state);
            let wanted = "journalctl ended (exit status: 3): it is broken";
            assert!(said.contains(wanted), "{said}");
        });
    }
}
