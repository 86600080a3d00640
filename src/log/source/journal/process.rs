//! A process of ours that must not outlive us and that nobody may have to wait for: ended, it is
//! waited for by a thread. What it says does not live here.

use std::io;
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdout, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Pid;

/// A killed process is gone within this time, unless it hangs in the kernel.
const END_LIMIT: Duration = Duration::from_millis(100);
/// It is looked for so often meanwhile.
const END_STEP: Duration = Duration::from_millis(1);

/// Killed when dropped.
#[derive(Debug)]
pub(super) struct Process(Option<Child>);

impl Process {
    /// Starts `journalctl` for that unit; both of its outputs are to be read.
    pub(super) fn start(
        program: &Path,
        unit: &str,
        options: &[&str],
    ) -> io::Result<(Self, ChildStdout, ChildStderr)> {
        let mut child = Command::new(program)
            .args(options)
            .arg("--no-pager")
            .arg(format!("--unit={unit}"))
            // It speaks for nobody but itself.
            .env_remove("NOTIFY_SOCKET")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let streams = (child.stdout.take(), child.stderr.take());
        let process = Self(Some(child));
        match streams {
            (Some(output), Some(errors)) => Ok((process, output, errors)),
            (None, _) | (_, None) => Err(io::Error::other("it has no output")),
        }
    }

    pub(super) fn pid(&self) -> Option<Pid> {
        self.0.as_ref().map(Pid::from_child)
    }

    /// How it ended; `None` while it runs.
    pub(super) fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.0.as_mut().map_or(Ok(None), Child::try_wait)
    }

    /// Ends it and sees it gone: for when this program ends too, with all of its threads.
    pub(super) fn end(&mut self) {
        let Some(child) = &mut self.0 else { return };
        let _ = child.kill();
        let until = Instant::now() + END_LIMIT;
        while matches!(child.try_wait(), Ok(None)) && Instant::now() < until {
            std::thread::sleep(END_STEP);
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let Some(mut child) = self.0.take() else {
            return;
        };
        let _ = child.kill();
        if let Ok(None) = child.try_wait() {
            // Without a thread its entry in the table of processes stays until we end.
            let _ = std::thread::Builder::new()
                .name("journalctl-end".to_owned())
                .spawn(move || child.wait());
        }
    }
}
