//! What should outlive the daemon, on disk: one small file for each admin socket.
//! A new file, fsync, rename, fsync of the directory: at every instant the old or the new one is
//! whole. What the file says lives in `format`, what it means in `scaler::memory`.
//!
//! A disk that is full, read-only, missing or slow stops nothing: the daemon goes on from memory and
//! says so. Files are opened without following a link.

mod format;
pub mod name;
mod slot;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::watch;

use crate::scaler::memory::Memory;
use crate::words::files;
use crate::words::time::{Timestamp, ms_since_1970};

use self::slot::Slot;

pub use self::format::{decode, encode};

/// Largest file that is read.
const FILE_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// A command to HAProxy waits this long for the disk and no longer: slow users are worse than a
/// forgotten intent.
pub const WRITE_LIMIT: Duration = Duration::from_millis(500);
/// What could not be written is tried again after this.
const RETRY: Duration = Duration::from_secs(10);

/// Milliseconds since 1970 by the wall clock. Used for the ends of what is kept on disk and for nothing
/// else.
pub fn wall_ms() -> u64 {
    ms_since_1970(SystemTime::now())
}

/// What was found on disk.
#[derive(Clone, Debug, PartialEq)]
pub enum Found {
    /// No file: a first start.
    Nothing,
    Memory(Memory),
    /// One that cannot be read or understood, and what was done about it.
    Lost(String),
}

/// Reads the file of that name. One that is torn, damaged or of another version is renamed to
/// `NAME.bad` and kept for whoever wants to know.
pub fn load(dir: &Path, name: &str, now: Timestamp, wall_ms: u64) -> Found {
    let path = dir.join(name);
    let shown = path.display();
    if path.exists()
        && let Err(error) = fs::metadata(dir).and_then(|found| files::trusted(&found))
    {
        return Found::Lost(format!(
            "the remembered state {shown} is not believed: {error}"
        ));
    }
    let bytes = match bytes_of(&path) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => return Found::Nothing,
        Err(error) => {
            return Found::Lost(format!("cannot read the remembered state {shown}: {error}"));
        }
    };
    match decode(&bytes, now, wall_ms) {
        Ok(memory) => Found::Memory(memory),
        Err(why) => {
            let bad = dir.join(format!("{name}.bad"));
            let moved = match fs::rename(&path, &bad) {
                Ok(()) => format!("it is {} now", bad.display()),
                Err(error) => format!("and it cannot be renamed: {error}"),
            };
            Found::Lost(format!("the remembered state {shown} {why}; {moved}"))
        }
    }
}

/// What stands in it; `None`: there is none. Without a directory there was no memory; that none can be kept is
/// said when it is tried.
fn bytes_of(path: &Path) -> io::Result<Option<Vec<u8>>> {
    match files::read(path, FILE_BYTES_MAX) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
            ) =>
        {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// What that file says, to somebody who only looks; `None`: there is none. It stays as it is.
///
/// # Errors
/// Why it cannot be read or understood.
pub fn peek(dir: &Path, name: &str) -> Result<Option<Memory>, String> {
    let path = dir.join(name);
    let bytes = match bytes_of(&path) {
        Ok(Some(bytes)) => bytes,
        Ok(None) => return Ok(None),
        Err(error) => return Err(format!("cannot read {}: {error}", path.display())),
    };
    let memory = decode(&bytes, Timestamp::default(), wall_ms());
    memory
        .map(Some)
        .map_err(|why| format!("{} {why}", path.display()))
}

/// How the last write went.
#[derive(Clone, Debug, Default)]
struct Done {
    number: u64,
    problem: Option<String>,
}

/// Waits for a write.
#[derive(Clone, Debug)]
pub struct Written(Option<(watch::Receiver<Done>, u64)>);

impl Written {
    /// Of a daemon that keeps nothing.
    pub const fn at_once() -> Self {
        Self(None)
    }

    /// Returns when it is on disk, or could not be, or takes too long; why it is not, if it is not.
    pub async fn wait(self) -> Option<String> {
        let Self(Some((mut done, number))) = self else {
            return None;
        };
        let all = done.wait_for(|done| done.number >= number);
        match tokio::time::timeout(WRITE_LIMIT, all).await {
            Ok(Ok(done)) => done.problem.clone(),
            // The thread has ended, or the disk is slow.
            Ok(Err(_)) | Err(_) => Some(format!(
                "the state is not on disk after {} ms, the disk of [state] dir is slow or hangs; \
                 until it is there a restart does not know of this",
                WRITE_LIMIT.as_millis()
            )),
        }
    }
}

/// Keeps the file as the daemon's memory is, on a thread of its own.
#[derive(Debug)]
pub struct Keeper {
    jobs: Arc<Slot<(u64, String)>>,
    done: watch::Receiver<Done>,
    asked: u64,
    last: Option<Memory>,
    /// There is, or was, one from before.
    has_file: bool,
}

impl Keeper {
    /// Keeps that file from now on; nothing is written yet.
    ///
    /// # Errors
    /// No thread could be started.
    pub fn start(dir: PathBuf, name: String) -> io::Result<Self> {
        let jobs = Arc::new(Slot::default());
        let receiver = Arc::clone(&jobs);
        let (sender, done) = watch::channel(Done::default());
        std::thread::Builder::new()
            .name("state".to_owned())
            .spawn(move || keep(&dir, &name, &receiver, &sender))?;
        Ok(Self {
            jobs,
            done,
            asked: 0,
            last: None,
            has_file: false,
        })
    }

    /// There is a file from before: that nothing is left to keep is worth writing down, too.
    pub const fn replace_file(&mut self) {
        self.has_file = true;
    }

    /// Has that written unless it is what was written last. What waits for the disk and is older is
    /// never written. The first file is made when there is something to keep: a mistyped socket
    /// leaves none behind.
    pub fn keep(&mut self, now: Timestamp, memory: Memory) {
        let is_known = self.last.as_ref() == Some(&memory);
        if is_known || !self.has_file && memory.is_blank() {
            return;
        }
        self.has_file = true;
        self.asked += 1;
        let text = encode(&memory, now, wall_ms());
        self.jobs.put((self.asked, text));
        self.last = Some(memory);
    }

    /// Waits for all that is to be kept so far.
    pub fn written(&self) -> Written {
        Written(Some((self.done.clone(), self.asked)))
    }

    /// Why the file is not as it should be.
    pub fn problem(&self) -> Option<String> {
        self.done.borrow().problem.clone()
    }

    /// Returns when a write has ended. May be dropped at any time.
    pub async fn changed(&mut self) {
        if self.done.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

impl Drop for Keeper {
    /// What was asked for last is still written.
    fn drop(&mut self) {
        self.jobs.close();
    }
}

fn keep(dir: &Path, name: &str, jobs: &Slot<(u64, String)>, done: &watch::Sender<Done>) {
    let mut failed: Option<(u64, String)> = None;
    loop {
        let next = match failed.take() {
            None => jobs.take(),
            Some(again) => jobs.take_within(RETRY, again),
        };
        let Some((number, text)) = next else { return };
        let problem = files::write(dir, name, text.as_bytes()).err().map(|error| {
            format!(
                "cannot keep the state in {}: {error} (dir under [state]); pauses, pins and holds \
                 are kept in memory alone, and a restart knows those of before",
                dir.display()
            )
        });
        failed = problem.is_some().then_some((number, text));
        done.send_replace(Done { number, problem });
    }
}
