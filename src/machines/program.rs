//! One run of a program that starts and stops machines: may it be run at all, how long, what it says
//! meanwhile, and why there is no answer. What its answer means is known to [`super::exec`] and
//! [`super::fence`].

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::io;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::ExitStatus;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout};

use super::{GRACE, Said, Tell, trust};
use crate::child::{self, Ended, Environment, Task};
use crate::words::machine::MachineFailure;
use crate::words::names::ServerName;
use crate::words::os_words::plain;

/// Lines that are told of one run.
const LINES_MAX: usize = child::LINES_MAX;
/// What is passed on of our own environment.
const PASSED_ON: [&str; 3] = ["PATH", "HOME", "LANG"];
/// Where there is no PATH.
const USUAL_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What is run, and what it is told.
pub(super) struct Program<'a> {
    pub path: &'a Path,
    pub arguments: &'a [String],
    /// Besides the few variables that every program gets.
    pub variables: Vec<(&'static str, OsString)>,
    pub input: &'a [u8],
    pub output_bytes_max: usize,
    pub limit: Duration,
}

impl Program<'_> {
    /// Runs it to its end. Each line of its complaints goes through `hear` to the ear.
    pub(super) async fn run(
        mut self,
        ear: &mut Ear<'_>,
        hear: impl Fn(&str) -> Option<String>,
    ) -> Result<Ended, MachineFailure> {
        let (path, limit) = (self.path, self.limit);
        let begun = Instant::now();
        let asked = path.to_owned();
        let checked = look(limit, move || trust::check(&asked)).await?;
        let real = checked.map_err(|fault| MachineFailure::Refused(fault.to_string()))?;
        self.variables.extend(passed_on());
        let task = Task {
            program: &real,
            arguments: self.arguments,
            environment: Environment::Only(self.variables),
            input: self.input,
            output_bytes_max: Some(self.output_bytes_max),
            limit: limit.saturating_sub(begun.elapsed()),
            grace: GRACE,
        };
        let complain = |line: &str| {
            if let Some(line) = hear(line) {
                ear.hear(&line);
            }
        };
        match child::run(task, complain).await {
            Ok(ended) => Ok(ended),
            Err(child::Failure::NotStarted(error)) => Err(not_started(&error, path)),
            Err(child::Failure::TooLong) => {
                let seconds = limit.as_secs() + u64::from(limit.subsec_nanos() > 0);
                let limit = humantime::format_duration(Duration::from_secs(seconds));
                let text = format!("it was not done after {limit} and was ended");
                Err(MachineFailure::Unknown(ear.with_last(&text)))
            }
            Err(child::Failure::Lost(error)) => {
                let text = format!("cannot wait for it: {}", plain(&error));
                Err(MachineFailure::Unknown(text))
            }
        }
    }
}

/// Looks at files within that time, without holding anybody up: a file system elsewhere may hang.
///
/// # Errors
/// Nothing was seen until then, so that nothing was run.
pub(super) async fn look<T: Send + 'static>(
    limit: Duration,
    looks: impl FnOnce() -> T + Send + 'static,
) -> Result<T, MachineFailure> {
    let Ok(Ok(seen)) = timeout(limit, spawn_blocking(looks)).await else {
        let text = "its program could not be looked at in time; does its file system hang?";
        return Err(MachineFailure::Failed(text.to_owned()));
    };
    Ok(seen)
}

fn not_started(error: &io::Error, path: &Path) -> MachineFailure {
    let text = format!("cannot run {}: {}", path.display(), plain(error));
    // It has no kind of its own.
    let no_exec = rustix::io::Errno::NOEXEC.raw_os_error();
    if error.raw_os_error() == Some(no_exec) {
        return MachineFailure::Refused(format!("{text}; does it begin with `#!/bin/sh`?"));
    }
    let kinds = [io::ErrorKind::NotFound, io::ErrorKind::PermissionDenied];
    if kinds.contains(&error.kind()) {
        return MachineFailure::Refused(text);
    }
    MachineFailure::Failed(text)
}

/// The variables of our own that every program gets.
fn passed_on() -> impl Iterator<Item = (&'static str, OsString)> {
    PASSED_ON
        .into_iter()
        .filter_map(|name| match env::var_os(name) {
            None if name == "PATH" => Some((name, OsString::from(USUAL_PATH))),
            value => Some((name, value?)),
        })
}

/// How it ended, in words.
pub(super) fn how(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("it ended with {code}"),
        (None, Some(signal)) => format!("it was ended by signal {signal}"),
        (None, None) => "it ended".to_owned(),
    }
}

/// Hears one run of a program.
pub(super) struct Ear<'a> {
    tell: &'a Tell,
    server: Option<&'a ServerName>,
    verb: &'static str,
    told: usize,
    /// Its last words.
    last: String,
    /// What is to be told at the end, where it may be nothing new.
    kept: Option<Vec<String>>,
}

/// What was told of programs that are asked over and over: the same is not told again.
#[derive(Debug, Default)]
pub(super) struct Heard(Mutex<BTreeMap<Vec<String>, Vec<String>>>);

impl Heard {
    /// Takes what `of` says now; whether that is something new.
    fn is_new(&self, of: Vec<String>, lines: &[String]) -> bool {
        let mut heard = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let before = if lines.is_empty() {
            heard.remove(&of)
        } else {
            heard.insert(of, lines.to_vec())
        };
        before.unwrap_or_default() != lines
    }
}

impl<'a> Ear<'a> {
    pub(super) fn new(tell: &'a Tell, server: Option<&'a ServerName>, verb: &'static str) -> Self {
        Self {
            tell,
            server,
            verb,
            told: 0,
            last: String::new(),
            kept: None,
        }
    }

    /// One that keeps what it hears to itself until [`Ear::tell_news`].
    pub(super) fn keeping(self) -> Self {
        Self {
            kept: Some(Vec::new()),
            ..self
        }
    }

    /// Gives what it kept to another one that keeps, each line once.
    pub(super) fn pass_on(self, to: &mut Self) {
        let Some(kept) = &mut to.kept else { return };
        for line in self.kept.unwrap_or_default() {
            if !kept.contains(&line) {
                kept.push(line);
            }
        }
    }

    /// Tells what it kept, unless the last run `of` the same said the same.
    pub(super) fn tell_news(mut self, heard: &Heard, of: Vec<String>) {
        let Some(lines) = self.kept.take() else {
            return;
        };
        if heard.is_new(of, &lines) {
            for line in lines {
                self.say(line);
            }
        }
    }

    /// Anything was said.
    pub(super) const fn has_heard(&self) -> bool {
        self.told > 0
    }

    /// More was heard than is told.
    pub(super) const fn is_full(&self) -> bool {
        self.told > LINES_MAX
    }

    pub(super) fn hear(&mut self, line: &str) {
        line.clone_into(&mut self.last);
        self.told += 1;
        if self.told <= LINES_MAX {
            self.say(line.to_owned());
        } else if self.told == LINES_MAX + 1 {
            self.say(format!("only the first {LINES_MAX} lines are shown"));
        }
    }

    fn say(&mut self, text: String) {
        if let Some(kept) = &mut self.kept {
            kept.push(text);
            return;
        }
        (self.tell)(Said {
            server: self.server.cloned(),
            verb: self.verb,
            text,
        });
    }

    /// `why`, and the last words behind it.
    pub(super) fn with_last(&self, why: &str) -> String {
        match self.last.as_str() {
            "" => why.to_owned(),
            last => format!("{why}: {last}"),
        }
    }
}
