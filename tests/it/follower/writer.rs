//! A writer in a process of its own: this very test binary, started again. It does everything that
//! happens to a log file as fast as it can, and tells afterwards what must become of each line.

use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{FileExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use haproxy_autoscale::log::file::OLD_FILES_MAX;

/// Where to write and what, as `DIR SEED KIND`; set for the writer alone.
const VARIABLE: &str = "FOLLOWER_WRITER";
/// Things that one writer does.
const STEPS: u32 = 60;

/// What may happen to the log.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Rotation by renaming alone, with late writes and two or three rotations at once.
    Rename,
    /// Everything: cut, rewritten, deleted, linked elsewhere, full of holes.
    All,
}

/// What must become of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Must,
    MayBeLost,
    /// It was never completed.
    Never,
}

/// Numbers that look random and are the same for the same seed.
pub(super) struct Dice(u64);

impl Dice {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    /// From 0 to `below` - 1.
    pub(super) fn roll(&mut self, below: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        u32::try_from((self.0 >> 33) % u64::from(below)).unwrap()
    }
}

/// The whole text of a line, from its number: 80 to 279 bytes.
pub(super) fn line(number: usize) -> String {
    let width = 60 + number * 37 % 200;
    format!("line-{number:06}-{:=<width$}-{number:06}", "")
}

/// The number of a line that is whole and nothing else.
pub(super) fn number_of(text: &str) -> Option<usize> {
    let number = text.get(5..11)?.parse().ok()?;
    (line(number) == text).then_some(number)
}

pub(super) fn spawn(dir: &Path, seed: u64, kind: Kind) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "follower::writer::in_another_process"])
        .args(["--nocapture", "--test-threads=1"])
        .env(VARIABLE, format!("{} {seed} {kind:?}", dir.display()))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap()
}

/// What the writer told: each line's fate, and the number of the file that it is in.
pub(super) fn fates(told: &str) -> Vec<(Fate, usize)> {
    let words = told.lines().filter_map(|line| line.split_once("fate "));
    words
        .map(|(_, words)| {
            let (letter, file) = words.split_once(' ').unwrap();
            let fate = match letter {
                "must" => Fate::Must,
                "may" => Fate::MayBeLost,
                _ => Fate::Never,
            };
            (fate, file.parse().unwrap())
        })
        .collect()
}

#[test]
fn in_another_process() {
    let Ok(words) = std::env::var(VARIABLE) else {
        return; // An ordinary run of the tests.
    };
    let words: Vec<&str> = words.split(' ').collect();
    let [dir, seed, kind] = words[..] else {
        panic!("DIR SEED KIND")
    };
    let kind = if kind == "Rename" {
        Kind::Rename
    } else {
        Kind::All
    };
    let mut writer = Writer::new(Path::new(dir), seed.parse().unwrap());
    for _ in 0..STEPS {
        writer.step(kind);
        writer.rest();
    }
    writer.finish_half_line();
    writer.tell();
}

/// One file, under whatever name it has by now.
struct Written {
    number: usize,
    file: File,
    /// Its lines so far, to be excused when it is cut.
    lines: Vec<usize>,
    /// The number of the line that stands at its end without its last part, and the bytes of it.
    half: Option<(usize, usize)>,
    /// A hole stands at its beginning, or it never had the log's name itself: if it is rotated
    /// before anybody looked, nothing leads to it.
    is_hidden: bool,
}

struct Writer {
    dir: PathBuf,
    path: PathBuf,
    dice: Dice,
    current: Written,
    before: Option<Written>,
    fates: Vec<(Fate, usize)>,
    files: usize,
    has_dates: bool,
}

impl Writer {
    fn new(dir: &Path, seed: u64) -> Self {
        let path = dir.join("haproxy.log");
        let mut dice = Dice::new(seed);
        let has_dates = dice.roll(3) == 0;
        Self {
            dir: dir.to_owned(),
            current: Written::open(&path, 0),
            path,
            dice,
            before: None,
            fates: Vec::new(),
            files: 1,
            has_dates,
        }
    }

    fn step(&mut self, kind: Kind) {
        let sides = match kind {
            Kind::Rename => 10,
            Kind::All => 18,
        };
        match self.dice.roll(sides) {
            5 => self.write_half(),
            6 => self.write_late(),
            7 => self.rotate(),
            8 => {
                for _ in 0..2 + self.dice.roll(2) {
                    self.rotate();
                    self.append();
                }
            }
            9 => self.burst(),
            10 => self.copy_and_truncate(),
            11 => self.rewrite(None),
            12 => {
                let size = self.current.file.metadata().unwrap().len();
                self.rewrite(Some(size));
            }
            13 => self.delete(),
            14 => self.link_elsewhere(),
            15 => self.leave_a_hole(),
            _ => self.append(),
        }
    }

    /// Now and then long enough for the reader to see it.
    fn rest(&mut self) {
        match self.dice.roll(6) {
            0 => std::thread::sleep(Duration::from_micros(u64::from(self.dice.roll(2000)))),
            1 | 2 => std::thread::yield_now(),
            _ => {}
        }
    }

    fn next_line(&mut self, fate: Fate) -> usize {
        self.fates.push((fate, self.current.number));
        self.fates.len() - 1
    }

    fn append(&mut self) {
        self.finish_half_line();
        for _ in 0..=self.dice.roll(4) {
            let number = self.next_line(Fate::Must);
            self.current.lines.push(number);
            let text = line(number) + "\n";
            if self.dice.roll(4) == 0 {
                let (left, right) = text.split_at(text.len() / 3);
                self.current.write(left);
                self.current.write(right);
            } else {
                self.current.write(&text);
            }
        }
    }

    /// Many lines in one write, as a syslog daemon that buffers does it.
    fn burst(&mut self) {
        self.finish_half_line();
        let mut text = String::new();
        for _ in 0..self.dice.roll(300) {
            let number = self.next_line(Fate::Must);
            self.current.lines.push(number);
            text += &(line(number) + "\n");
        }
        self.current.write(&text);
    }

    fn write_half(&mut self) {
        if self.current.half.is_none() {
            let number = self.next_line(Fate::Never);
            self.current.half = Some((number, 40));
            self.current.write(&line(number)[..40]);
        }
    }

    fn finish_half_line(&mut self) {
        let fate = self.current.finish_half_line();
        if let Some(number) = fate {
            self.fates[number].0 = Fate::Must;
        }
    }

    fn write_late(&mut self) {
        let Some(before) = &mut self.before else {
            return;
        };
        if let Some(number) = before.finish_half_line() {
            self.fates[number].0 = Fate::Must;
        } else {
            // Only so many old files are held, and copies count until they are known for copies.
            let is_let_go = self.files - before.number > OLD_FILES_MAX;
            let fate = if is_let_go {
                Fate::MayBeLost
            } else {
                Fate::Must
            };
            self.fates.push((fate, before.number));
            let number = self.fates.len() - 1;
            before.lines.push(number);
            before.write(&(line(number) + "\n"));
        }
        self.excuse_hidden();
    }

    fn excuse_hidden(&mut self) {
        if let Some(before) = self.before.as_ref().filter(|before| before.is_hidden) {
            for number in &before.lines {
                self.fates[*number].0 = Fate::MayBeLost;
            }
        }
    }

    fn rename_away(&mut self) {
        if self.has_dates {
            let to = self.dir.join(format!("haproxy.log-2026{:06}", self.files));
            fs::rename(&self.path, to).unwrap();
            return;
        }
        let name = |number: usize| self.dir.join(format!("haproxy.log.{number}"));
        let free = (1..1000).find(|number| !name(*number).exists()).unwrap();
        for number in (1..free).rev() {
            fs::rename(name(number), name(number + 1)).unwrap();
        }
        fs::rename(&self.path, name(1)).unwrap();
    }

    fn rotate(&mut self) {
        // An empty log is not rotated; neither does logrotate with `notifempty`.
        if self.current.lines.is_empty() {
            return;
        }
        self.rename_away();
        if self.dice.roll(2) == 0 {
            // The writer has not been told yet.
            let number = self.next_line(Fate::Must);
            let half = self.current.finish_half_line();
            if let Some(half) = half {
                self.fates[half].0 = Fate::Must;
            }
            self.current.lines.push(number);
            self.current.write(&(line(number) + "\n"));
        }
        let next = Written::open(&self.path, self.files);
        self.take_over(next);
    }

    fn take_over(&mut self, next: Written) {
        self.files += 1;
        self.before = Some(std::mem::replace(&mut self.current, next));
        self.excuse_hidden();
    }

    /// Whatever of it is unread may be lost, and the half line is never finished.
    fn cut(&mut self, to_bytes: u64) {
        for number in self.current.lines.drain(..) {
            self.fates[number].0 = Fate::MayBeLost;
        }
        self.current.half = None;
        self.current.file.set_len(to_bytes).unwrap();
    }

    fn copy_and_truncate(&mut self) {
        let copy = self.dir.join(format!("haproxy.log-3026{:06}", self.files));
        self.files += 1;
        fs::copy(&self.path, copy).unwrap();
        self.cut(0);
    }

    /// Cut and grown again: to any size, or to the very same with half a line at its end.
    fn rewrite(&mut self, same_size: Option<u64>) {
        self.cut(0);
        let mut text = String::new();
        let count = self.dice.roll(8);
        let size = same_size.map(|size| usize::try_from(size).unwrap());
        for _ in 0..size.map_or(count, |_| u32::MAX) {
            let number = self.fates.len();
            let next = line(number) + "\n";
            let room = size.map_or(usize::MAX, |size| size - text.len());
            if next.len() > room {
                if room > 0 {
                    self.next_line(Fate::Never);
                    self.current.half = Some((number, room));
                    text += &next[..room];
                }
                break;
            }
            self.next_line(Fate::Must);
            self.current.lines.push(number);
            text += &next;
        }
        self.current.write(&text);
    }

    fn delete(&mut self) {
        fs::remove_file(&self.path).unwrap();
        for number in &self.current.lines {
            self.fates[*number].0 = Fate::MayBeLost;
        }
        let next = Written::open(&self.path, self.files);
        self.take_over(next);
        self.before = None;
    }

    fn link_elsewhere(&mut self) {
        let folder = self.dir.join("elsewhere");
        fs::create_dir_all(&folder).unwrap();
        let target = folder.join(self.files.to_string());
        let mut next = Written::open(&target, self.files);
        next.is_hidden = true;
        let link = self.dir.join("link");
        symlink(&target, &link).unwrap();
        fs::rename(&link, &self.path).unwrap();
        // What had the name itself is deleted by this.
        self.current.is_hidden = true;
        self.take_over(next);
    }

    fn leave_a_hole(&mut self) {
        let size = self.current.file.metadata().unwrap().len();
        self.cut(0);
        self.current.is_hidden = true;
        let number = self.next_line(Fate::Must);
        self.current.lines.push(number);
        let hole = [0, 3000, 300_000][self.dice.roll(3) as usize];
        // With `O_APPEND` there would be none.
        let plain = OpenOptions::new().write(true).open(&self.path).unwrap();
        plain
            .write_all_at((line(number) + "\n").as_bytes(), size + hole)
            .unwrap();
    }

    #[allow(clippy::print_stdout)] // it is how the writer tells its reader
    fn tell(&self) {
        for (fate, file) in &self.fates {
            let word = match fate {
                Fate::Must => "must",
                Fate::MayBeLost => "may",
                Fate::Never => "never",
            };
            println!("\nfate {word} {file}");
        }
    }
}

impl Written {
    fn open(path: &Path, number: usize) -> Self {
        let file = OpenOptions::new().append(true).create(true).open(path);
        Self {
            number,
            file: file.unwrap(),
            lines: Vec::new(),
            half: None,
            is_hidden: false,
        }
    }

    fn write(&mut self, text: &str) {
        self.file.write_all(text.as_bytes()).unwrap();
    }

    /// The number of the line that is whole now.
    fn finish_half_line(&mut self) -> Option<usize> {
        let (number, bytes) = self.half.take()?;
        self.write(&(line(number)[bytes..].to_owned() + "\n"));
        self.lines.push(number);
        Some(number)
    }
}
