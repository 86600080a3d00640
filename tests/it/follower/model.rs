//! A writer with a real directory that knows what must become of each line it writes.
//!
//! A line's fate: it must be handed out exactly once, or it may be lost because it was unread when
//! its file was cut or unlinked.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use haproxy_autoscale::log::file::checkpoint::Checkpoint;
use haproxy_autoscale::log::file::{Follower, Item, Limits, OLD_FILES_MAX};
use haproxy_autoscale::words::time::Timestamp;
use proptest::prelude::*;

/// Every line but those that fill up a rewritten file; at least as long as a telling head.
const LINE_BYTES: usize = 80;

#[derive(Clone, Debug)]
pub(super) enum Op {
    Append(u8),
    PartialWrite,
    Rename,
    Reopen,
    LateWrite,
    DoubleRotation(u8),
    CopyTruncate,
    TruncateRegrow(u8),
    SameSizeRewrite,
    Shrink,
    DeleteRecreate,
    SymlinkSwap,
    Hole(u32),
    Turn,
    /// The daemon stops: in an orderly way, or killed.
    Stop(bool),
    Start,
}

pub(super) fn rename_ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        4 => (1..4_u8).prop_map(Op::Append),
        2 => Just(Op::PartialWrite),
        2 => Just(Op::Rename),
        2 => Just(Op::Reopen),
        3 => Just(Op::LateWrite),
        1 => (0..3_u8).prop_map(Op::DoubleRotation),
        1 => Just(Op::Stop(true)),
        2 => Just(Op::Start),
        5 => Just(Op::Turn),
    ];
    proptest::collection::vec(op, 1..40)
}

pub(super) fn all_ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        6 => (1..4_u8).prop_map(Op::Append),
        2 => Just(Op::PartialWrite),
        1 => Just(Op::Rename),
        2 => Just(Op::Reopen),
        2 => Just(Op::LateWrite),
        1 => (0..3_u8).prop_map(Op::DoubleRotation),
        1 => Just(Op::CopyTruncate),
        1 => (1..6_u8).prop_map(Op::TruncateRegrow),
        1 => Just(Op::SameSizeRewrite),
        1 => Just(Op::Shrink),
        1 => Just(Op::DeleteRecreate),
        1 => Just(Op::SymlinkSwap),
        1 => prop_oneof![Just(0), Just(3000), Just(300_000)].prop_map(Op::Hole),
        1 => proptest::bool::weighted(0.8).prop_map(Op::Stop),
        2 => Just(Op::Start),
        6 => Just(Op::Turn),
    ];
    proptest::collection::vec(op, 1..40)
}

/// One file of the writer, under whatever name.
#[allow(clippy::struct_excessive_bools)] // each one is a fact of its own
struct Written {
    number: usize,
    file: File,
    real_path: PathBuf,
    partial: Option<String>,
    unread: Vec<String>,
    /// Lengths of its whole lines, for shrinking it at a line's end.
    lines: Vec<usize>,
    /// A turn saw it under the log's name.
    is_seen: bool,
    /// It begins with a hole, so that nothing tells whether it was read before.
    has_hole: bool,
    /// Cut since the last turn in a way that leaves its first line.
    is_shrunk: bool,
    /// Its half line was begun since then.
    is_half_shrunk: bool,
    /// It went out of sight before any turn saw it, and under a name that is not searched.
    is_out_of_sight: bool,
    /// It never had the log's name itself.
    is_elsewhere: bool,
}

pub(super) struct World {
    dir: PathBuf,
    path: PathBuf,
    /// `None` while the daemon is stopped.
    follower: Option<Follower>,
    limits: Limits,
    checkpoint: Option<Checkpoint>,
    now_ms: u64,
    current: Option<Written>,
    renamed: Vec<Written>,
    /// The log's name led to them before it was made to lead elsewhere.
    elsewhere: Vec<Written>,
    is_symlink: bool,
    next_line: usize,
    next_file: usize,
    created_at: SystemTime,
    /// Every line that was completed, with the number of its file.
    written: BTreeMap<String, usize>,
    may_be_lost: BTreeSet<String>,
    /// Those that a stop may lose, whatever else happens.
    excused: BTreeSet<String>,
    emitted: Vec<String>,
}

/// Runs a schedule and says what promise was broken.
pub(super) fn run(dir: &Path, ops: &[Op], limits: Limits, is_lossless: bool) -> Result<(), String> {
    let mut world = World::new(dir, limits);
    for op in ops {
        world.apply(op);
        let open_files = world.follower.as_ref().map_or(0, Follower::open_files);
        if open_files > OLD_FILES_MAX + 1 {
            return Err(format!("{open_files} files are open"));
        }
    }
    world.settle();
    world.judge(is_lossless)
}

impl World {
    fn new(dir: &Path, limits: Limits) -> Self {
        let path = dir.join("haproxy.log");
        let old = format!("{:-<100}\n", "from before the start ");
        fs::write(&path, old.repeat(3)).unwrap();
        fs::write(
            dir.join("haproxy.log.1"),
            format!("{old}rotated long ago\n"),
        )
        .unwrap();
        let mut world = Self {
            dir: dir.to_owned(),
            follower: Some(Follower::new(path.clone(), limits.clone())),
            limits,
            checkpoint: None,
            path,
            now_ms: 0,
            current: None,
            renamed: Vec::new(),
            elsewhere: Vec::new(),
            is_symlink: false,
            next_line: 0,
            next_file: 0,
            created_at: SystemTime::UNIX_EPOCH,
            written: BTreeMap::new(),
            may_be_lost: BTreeSet::new(),
            excused: BTreeSet::new(),
            emitted: Vec::new(),
        };
        let mut first = world.create(&world.path.clone());
        first.lines = vec![101; 3];
        first.is_seen = true;
        world.current = Some(first);
        world
    }

    /// No two files have the same time. Kernels before 6.13, and some file systems after it, give
    /// that to all that happens within 4 ms; no log is rotated twice in that.
    fn wait_for_tick(&mut self) {
        let time = || tempfile::tempfile_in(&self.dir)?.metadata()?.modified();
        let mut now = time().unwrap();
        while now <= self.created_at {
            std::thread::sleep(Duration::from_millis(1));
            now = time().unwrap();
        }
        self.created_at = now;
    }

    fn create(&mut self, path: &Path) -> Written {
        self.wait_for_tick();
        self.next_file += 1;
        let file = OpenOptions::new()
            .append(true)
            .read(true)
            .create(true)
            .open(path)
            .unwrap();
        Written {
            number: self.next_file,
            file,
            real_path: path.to_owned(),
            partial: None,
            unread: Vec::new(),
            lines: Vec::new(),
            is_seen: false,
            has_hole: false,
            is_shrunk: false,
            is_half_shrunk: false,
            is_out_of_sight: false,
            is_elsewhere: false,
        }
    }

    fn line(&mut self, bytes: usize) -> String {
        self.next_line += 1;
        format!(
            "line-{:06}-{:=<width$}",
            self.next_line,
            "",
            width = bytes - 13
        )
    }

    fn write_line(&mut self, to: &mut Written, line: String) {
        let rest = match to.partial.take() {
            Some(half) => line[half.len()..].to_owned(),
            None => line.clone(),
        };
        to.file.write_all(format!("{rest}\n").as_bytes()).unwrap();
        self.completed(to, line);
    }

    fn completed(&mut self, to: &mut Written, line: String) {
        to.lines.push(line.len() + 1);
        self.written.insert(line.clone(), to.number);
        // Only so many old files are held. Copies count, for they may be held until proven.
        let is_let_go = self.next_file - to.number > OLD_FILES_MAX;
        if is_let_go || to.is_shrunk || to.is_half_shrunk {
            self.may_be_lost.insert(line.clone());
        }
        if to.is_out_of_sight {
            self.excused.insert(line.clone());
        }
        to.is_half_shrunk = false;
        to.unread.push(line);
    }

    fn append(&mut self, to: &mut Written, count: u8) {
        for _ in 0..count {
            let line = match &to.partial {
                Some(half) => format!("{half}{:+<40}", ""),
                None => self.line(LINE_BYTES),
            };
            self.write_line(to, line);
        }
    }

    /// Its file is cut to nothing; its half line is abandoned.
    fn cut(&mut self, file: &mut Written, to_bytes: u64) {
        self.may_be_lost.extend(file.unread.drain(..));
        file.partial = None;
        file.is_half_shrunk = false;
        file.file.set_len(to_bytes).unwrap();
    }

    fn shift_names(&self) {
        let name = |number: usize| self.dir.join(format!("haproxy.log.{number}"));
        let last = (1..1000).find(|number| !name(*number).exists()).unwrap();
        for number in (1..last).rev() {
            fs::rename(name(number), name(number + 1)).unwrap();
        }
    }

    fn rename(&mut self) {
        let Some(mut current) = self.current.take() else {
            return;
        };
        self.shift_names();
        fs::rename(&self.path, self.dir.join("haproxy.log.1")).unwrap();
        // A renamed link leads to no rotated file.
        let is_watched = current.is_seen && self.follower.is_some();
        current.is_elsewhere = self.is_symlink;
        if (self.is_symlink || current.has_hole) && !is_watched {
            self.may_be_lost.extend(current.unread.drain(..));
            current.is_out_of_sight = true;
        }
        self.is_symlink = false;
        self.renamed.push(current);
    }

    fn reopen(&mut self) {
        if self.current.is_none() {
            let path = self.path.clone();
            self.current = Some(self.create(&path));
        }
    }

    fn apply(&mut self, op: &Op) {
        match op {
            Op::Append(count) => self.with_writer(|world, file| world.append(file, *count)),
            Op::PartialWrite => self.with_writer(|world, file| {
                if file.partial.is_none() {
                    let half = world.line(40);
                    file.file.write_all(half.as_bytes()).unwrap();
                    file.partial = Some(half);
                    file.is_half_shrunk = file.is_shrunk;
                }
            }),
            Op::Rename => self.rename(),
            Op::Reopen => self.reopen(),
            Op::LateWrite => {
                if let Some(mut file) = self.renamed.pop() {
                    self.append(&mut file, 1);
                    self.renamed.push(file);
                }
            }
            Op::DoubleRotation(count) => {
                for _ in 0..2 {
                    self.rename();
                    self.reopen();
                    self.with_writer(|world, file| world.append(file, *count));
                }
            }
            Op::DeleteRecreate => self.delete_and_recreate(),
            Op::SymlinkSwap => self.swap_symlink(),
            Op::CopyTruncate
            | Op::TruncateRegrow(_)
            | Op::SameSizeRewrite
            | Op::Shrink
            | Op::Hole(_) => {
                if let Some(mut file) = self.current.take() {
                    self.rewrite(&mut file, op);
                    self.current = Some(file);
                }
            }
            Op::Turn => self.turn(),
            Op::Stop(is_orderly) => self.stop(*is_orderly),
            Op::Start => self.start(),
        }
    }

    /// The writer writes to the file that it has open, whatever its name is by now.
    fn with_writer(&mut self, act: impl FnOnce(&mut Self, &mut Written)) {
        let is_renamed = self.current.is_none();
        let file = if is_renamed {
            self.renamed.pop()
        } else {
            self.current.take()
        };
        let Some(mut file) = file else { return };
        act(self, &mut file);
        if is_renamed {
            self.renamed.push(file);
        } else {
            self.current = Some(file);
        }
    }

    fn rewrite(&mut self, file: &mut Written, op: &Op) {
        let size = file.file.metadata().unwrap().len();
        match op {
            Op::CopyTruncate => {
                self.next_file += 1;
                self.shift_names();
                fs::copy(
                    file.real_path_of(&self.path),
                    self.dir.join("haproxy.log.1"),
                )
                .unwrap();
                self.cut(file, 0);
                file.lines.clear();
            }
            Op::TruncateRegrow(count) => {
                self.cut(file, 0);
                file.lines.clear();
                self.append(file, *count);
            }
            Op::SameSizeRewrite => {
                let size = usize::try_from(size).unwrap();
                if size < LINE_BYTES + 1 {
                    return;
                }
                self.cut(file, 0);
                file.lines.clear();
                let count = size / (LINE_BYTES + 1);
                for _ in 1..count {
                    let line = self.line(LINE_BYTES);
                    self.write_line(file, line);
                }
                let last = self.line(size - (count - 1) * (LINE_BYTES + 1) - 1);
                self.write_line(file, last);
            }
            Op::Shrink => {
                // A hole or a half line may stand anywhere: only plain files are cut.
                if file.lines.len() < 2 || file.lines.iter().sum::<usize>() as u64 != size {
                    return;
                }
                let kept = file.lines.len() / 2;
                file.lines.truncate(kept);
                self.cut(file, file.lines.iter().sum::<usize>() as u64);
                file.is_shrunk = true;
            }
            Op::Hole(more) => {
                self.cut(file, 0);
                file.lines.clear();
                file.has_hole = true;
                let line = self.line(LINE_BYTES);
                // `O_APPEND` would make this an append: it is what a writer without it does.
                let plain = OpenOptions::new()
                    .write(true)
                    .open(file.real_path_of(&self.path))
                    .unwrap();
                plain
                    .write_all_at(format!("{line}\n").as_bytes(), size + u64::from(*more))
                    .unwrap();
                self.completed(file, line);
            }
            Op::Append(_)
            | Op::PartialWrite
            | Op::Rename
            | Op::Reopen
            | Op::LateWrite
            | Op::DoubleRotation(_)
            | Op::DeleteRecreate
            | Op::SymlinkSwap
            | Op::Turn
            | Op::Stop(_)
            | Op::Start => unreachable!("not a rewrite"),
        }
    }

    fn delete_and_recreate(&mut self) {
        if let Some(mut file) = self.current.take() {
            self.may_be_lost.extend(file.unread.drain(..));
            fs::remove_file(&self.path).unwrap();
        }
        self.is_symlink = false;
        self.reopen();
        self.with_writer(|world, file| world.append(file, 1));
    }

    /// The name leads to another file in another directory; the one before stays where it is.
    fn swap_symlink(&mut self) {
        let targets = self.dir.join("targets");
        fs::create_dir_all(&targets).unwrap();
        let target = targets.join(format!("{}", self.next_file + 1));
        let created = self.create(&target);
        let link = self.dir.join("link");
        std::os::unix::fs::symlink(&target, &link).unwrap();
        fs::rename(&link, &self.path).unwrap();
        if let Some(mut before) = self.current.replace(created) {
            if !before.is_seen || self.follower.is_none() {
                self.may_be_lost.extend(before.unread.drain(..));
            }
            self.elsewhere.push(before);
        }
        self.is_symlink = true;
    }

    fn stop(&mut self, is_orderly: bool) {
        if let Some(follower) = self.follower.take() {
            self.checkpoint = follower
                .checkpoint(SystemTime::now())
                .filter(|_| is_orderly);
            // Of a renamed file of which no line was read nothing can be proven later.
            for file in &mut self.renamed {
                let is_unread = file.lines.len() == file.unread.len();
                file.is_out_of_sight |= is_unread || file.has_hole || file.is_elsewhere;
                if file.is_out_of_sight {
                    self.excused.extend(file.unread.drain(..));
                }
            }
            for file in &mut self.elsewhere {
                self.excused.extend(file.unread.drain(..));
            }
        }
    }

    fn start(&mut self) {
        if self.follower.is_some() {
            return;
        }
        let (path, limits) = (self.path.clone(), self.limits.clone());
        let resumed = self.checkpoint.take().and_then(|checkpoint| {
            let now = SystemTime::now();
            Follower::resumed(path.clone(), limits.clone(), &checkpoint, now).ok()
        });
        if resumed.is_none() {
            // Of what is there now nothing will be read but a line that is being written.
            for file in self.renamed.iter_mut().chain(&mut self.current) {
                self.excused.extend(file.unread.drain(..));
            }
            for file in &mut self.renamed {
                file.is_out_of_sight = true;
            }
            if let Some(current) = &mut self.current {
                current.is_seen = true;
            }
        }
        self.follower = Some(resumed.unwrap_or_else(|| Follower::new(path, limits)));
    }

    fn turn(&mut self) {
        let Some(follower) = &mut self.follower else {
            return;
        };
        self.now_ms += 250;
        for _ in 0..100 {
            let emitted = &mut self.emitted;
            let turn = follower.turn(Timestamp::from_ms(self.now_ms), &mut |item| match item {
                Item::Line(line) => {
                    emitted.push(String::from_utf8_lossy(line).into_owned());
                }
                Item::TooLong => emitted.push("TOO LONG".to_owned()),
            });
            if !turn.more {
                break;
            }
        }
        self.elsewhere.clear();
        for file in self.renamed.iter_mut().chain(&mut self.current) {
            file.unread.clear();
            file.is_shrunk = false;
        }
        if let Some(current) = &mut self.current {
            current.is_seen = true;
        }
    }

    /// Long enough for everything that is going to be noticed.
    fn settle(&mut self) {
        self.start();
        self.turn();
        self.turn();
        self.now_ms += 60_000;
        self.turn();
    }

    fn judge(&self, is_lossless: bool) -> Result<(), String> {
        let mut last_of_file = BTreeMap::new();
        let mut seen = BTreeSet::new();
        for line in &self.emitted {
            let Some(file) = self.written.get(line) else {
                return Err(format!("never written: {line:?}"));
            };
            if !seen.insert(line) {
                return Err(format!("twice: {line:?}"));
            }
            // What comes from the copy of a file that was cut twice unseen may come after it.
            let is_copy = self.may_be_lost.contains(line) || self.excused.contains(line);
            if !is_copy
                && last_of_file
                    .insert(*file, line)
                    .is_some_and(|before| before > line)
            {
                return Err(format!("out of order: {line:?}"));
            }
        }
        let lost = self.written.keys().find(|line| {
            !seen.contains(line)
                && !self.excused.contains(*line)
                && (is_lossless || !self.may_be_lost.contains(*line))
        });
        if let Some(line) = lost {
            return Err(format!("lost: {line:?}"));
        }
        match self.follower.as_ref().map_or(0, Follower::behind_bytes) {
            0 => Ok(()),
            behind => Err(format!("{behind} bytes behind after quiet")),
        }
    }
}

impl Written {
    /// Under the log's name, or where the log's name leads.
    fn real_path_of(&self, log: &Path) -> PathBuf {
        fs::canonicalize(log).unwrap_or_else(|_| self.real_path.clone())
    }
}
