//! A command of the operator's: it gets the event as JSON on its standard input.

use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::Command;
use tokio::time::timeout;

use super::way::Failure;
use crate::publish::alert::Notice;
use crate::words::os_words::plain;

/// It is killed, with all that it started, after this time.
const LIMIT: Duration = Duration::from_secs(10);
/// What it started may keep its error open for longer.
const ERRORS_LIMIT: Duration = Duration::from_millis(100);
/// What it complains about, as far as it is shown.
const ERRORS_BYTES_MAX: u64 = 1024;

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
    let group = child
        .id()
        .and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
    let event = format!("{}\n", notice.json(host));
    let (input, errors) = (child.stdin.take(), child.stderr.take());
    let ended = timeout(LIMIT, async {
        if let Some(mut input) = input {
            // One that does not want it all is not wrong.
            let _ = input.write_all(event.as_bytes()).await;
        }
        let mut said = Vec::new();
        let status = child.wait().await;
        if let Some(errors) = errors {
            let mut errors = errors.take(ERRORS_BYTES_MAX);
            let _ = timeout(ERRORS_LIMIT, errors.read_to_end(&mut said)).await;
        }
        status.map(|status| (status, said))
    });
    match ended.await {
        Err(_) => {
            if let Some(group) = group {
                let _ = kill_process_group(group, Signal::KILL);
            }
            let limit = humantime::format_duration(LIMIT);
            Err(Failure::passing(format!(
                "it was not done after {limit} and was killed"
            )))
        }
        Ok(Err(error)) => Err(Failure::passing(format!(
            "cannot wait for it: {}",
            plain(&error)
        ))),
        Ok(Ok((status, _))) if status.success() => Ok("ended with 0".to_owned()),
        Ok(Ok((status, said))) => {
            let said = String::from_utf8_lossy(&said);
            let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
            let colon = if said.is_empty() { "" } else { ": " };
            Err(Failure::passing(format!("{status}{colon}{said}")))
        }
    }
}
