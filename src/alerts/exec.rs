//! A command of the operator's: it gets the event as JSON on its standard input.

use std::pin::pin;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, ChildStderr, Command};
use tokio::time::timeout;

use super::way::{Failure, FailureKind};
use crate::publish::alert::Notice;
use crate::words::os_words::plain;

/// It is killed, with all that it started, after this time.
const LIMIT: Duration = Duration::from_secs(10);
/// What it started may keep its error open for longer.
const ERRORS_LIMIT: Duration = Duration::from_millis(100);
/// What it complains about, as far as it is shown.
const ERRORS_BYTES_MAX: usize = 1024;

pub(super) async fn send(
    command: &[String],
    notice: &Notice,
    host: &str,
) -> Result<String, Failure> {
    let (program, arguments) = command
        .split_first()
        .ok_or_else(|| Failure::passing("there is no program to run"))?;
    let mut child = Command::new(program)
        .args(arguments)
        .env_remove("NOTIFY_SOCKET")
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| Failure::passing(format!("cannot run it: {}", plain(&error))))?;
    // However this ends, nothing of it goes on.
    let mut group = Group::of(&child);
    let event = format!("{}\n", notice.json(host));
    let (input, errors) = (child.stdin.take(), child.stderr.take());
    let mut said = Vec::new();
    let work = async {
        let write = async {
            if let Some(mut input) = input {
                // One that does not want it all is not wrong.
                let _ = input.write_all(event.as_bytes()).await;
            }
        };
        let (status, ()) = tokio::join!(child.wait(), write);
        status
    };
    let ended = timeout(LIMIT, beside(work, errors, &mut said)).await;
    if ended.is_ok() {
        group.is_done();
    }
    match ended {
        Err(_) => {
            let limit = humantime::format_duration(LIMIT);
            Err(Failure {
                text: format!("it was not done after {limit} and was killed"),
                kind: FailureKind::Unanswered,
            })
        }
        Ok(Err(error)) => Err(Failure::passing(format!(
            "cannot wait for it: {}",
            plain(&error)
        ))),
        Ok(Ok(status)) if status.success() => Ok("ended with 0".to_owned()),
        Ok(Ok(status)) => {
            let said = String::from_utf8_lossy(&said);
            let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
            let colon = if said.is_empty() { "" } else { ": " };
            Err(Failure::passing(format!("{status}{colon}{said}")))
        }
    }
}

/// Waits for its end and reads what it complains about meanwhile: a pipe that nobody reads is full at
/// 64 KiB, and holds up whoever writes.
async fn beside<T>(
    work: impl Future<Output = T>,
    errors: Option<ChildStderr>,
    said: &mut Vec<u8>,
) -> T {
    let read = async {
        let Some(mut errors) = errors else { return };
        let mut part = [0; ERRORS_BYTES_MAX];
        while let Ok(length) = errors.read(&mut part).await
            && length > 0
        {
            let room = ERRORS_BYTES_MAX.saturating_sub(said.len()).min(length);
            said.extend_from_slice(part.get(..room).unwrap_or_default());
        }
    };
    let (mut work, mut read) = (pin!(work), pin!(read));
    tokio::select! {
        done = &mut work => {
            let _ = timeout(ERRORS_LIMIT, read).await;
            done
        }
        () = &mut read => work.await,
    }
}

/// All that a command started, killed when this is dropped before it is done.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Self {
        let id = child.id().and_then(|id| i32::try_from(id).ok());
        Self(id.and_then(Pid::from_raw))
    }

    const fn is_done(&mut self) {
        self.0 = None;
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}
