//! A writer in another process, which waits for nobody, and a follower that is now and then stopped
//! and started again. What came out is compared with what was written, text by text.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use haproxy_autoscale::log::file::{Follower, Item, Limits, OLD_FILES_MAX, ROTATE_GRACE};
use haproxy_autoscale::words::time::Timestamp;

use super::writer::{self, Dice, Fate, Kind, number_of};

/// Writers of each kind on each file system, in an ordinary run; more with `FOLLOWER_CASES`.
const CASES: u64 = 30;
/// The first seed; the others follow.
const SEED: u64 = 1;
/// A writer takes milliseconds.
const LIMIT: Duration = Duration::from_secs(60);

/// What one run came to.
#[derive(Debug, Default)]
struct Seen {
    lines: usize,
    may_be_lost: usize,
    restarts: usize,
    truncations: u64,
    rotations: u64,
    /// Files whose first line came after that of a newer file.
    files_late: usize,
}

/// Who reads while the writer writes.
struct Reader<'a> {
    path: &'a Path,
    limits: Limits,
    follower: Follower,
    dice: Dice,
    started: Instant,
    lines: Vec<String>,
    too_long: usize,
    restarts: usize,
    truncations: u64,
    rotations: u64,
    /// A start that nothing proved was at the end.
    is_lossy: bool,
}

impl Reader<'_> {
    fn turn(&mut self, skip: Duration) -> bool {
        let ms = u64::try_from(self.started.elapsed().as_millis()).unwrap();
        let now = Timestamp::from_ms(ms).after(skip);
        let (lines, too_long) = (&mut self.lines, &mut self.too_long);
        let turn = self.follower.turn(now, &mut |item| match item {
            Item::Line(line) => lines.push(String::from_utf8_lossy(line).into_owned()),
            // No line is given out: half of one, with the hole of a truncation behind it.
            Item::TooLong => *too_long += 1,
        });
        assert!(self.follower.open_files() <= OLD_FILES_MAX + 1);
        turn.more
    }

    fn restart(&mut self) {
        self.restarts += 1;
        self.truncations += self.follower.counters().truncations;
        self.rotations += self.follower.counters().rotations;
        let (path, limits) = (self.path.to_owned(), self.limits.clone());
        let now = SystemTime::now();
        let resumed = self
            .follower
            .checkpoint(now)
            .and_then(|at| Follower::resumed(path.clone(), limits.clone(), &at, now).ok());
        self.is_lossy |= resumed.is_none();
        self.follower = resumed.unwrap_or_else(|| Follower::new(path, limits));
    }
}

/// One writer and one reader in `dir`; which promise was broken, if one was.
fn run(dir: &Path, seed: u64, kind: Kind, limits: &Limits) -> Result<Seen, String> {
    let path = dir.join("haproxy.log");
    std::fs::write(&path, "").unwrap();
    let mut reader = Reader {
        path: &path,
        follower: Follower::new(path.clone(), limits.clone()),
        limits: limits.clone(),
        dice: Dice::new(seed ^ 0xFEED),
        started: Instant::now(),
        lines: Vec::new(),
        too_long: 0,
        restarts: 0,
        truncations: 0,
        rotations: 0,
        is_lossy: false,
    };
    let mut child = writer::spawn(dir, seed, kind);
    let mut stdout = child.stdout.take().unwrap();
    let told = std::thread::spawn(move || {
        let mut told = String::new();
        stdout.read_to_string(&mut told).map(|_| told)
    });
    let is_restarted = seed.is_multiple_of(2);
    while !told.is_finished() {
        assert!(reader.started.elapsed() < LIMIT, "the writer hangs");
        reader.turn(Duration::ZERO);
        if is_restarted && reader.dice.roll(150) == 0 {
            reader.restart();
        }
        if reader.dice.roll(3) == 0 {
            std::thread::sleep(Duration::from_micros(u64::from(reader.dice.roll(800))));
        }
    }
    assert!(child.wait().unwrap().success());
    let fates = writer::fates(&told.join().unwrap().unwrap());
    assert!(!fates.is_empty(), "the writer told nothing");
    for skip in [Duration::ZERO, Duration::from_secs(2), 2 * ROTATE_GRACE] {
        while reader.turn(skip) {}
    }
    if kind == Kind::Rename && reader.too_long > 0 {
        return Err(format!(
            "{} lines too long, none was written",
            reader.too_long
        ));
    }
    judge(&reader, &fates)
}

fn judge(reader: &Reader<'_>, fates: &[(Fate, usize)]) -> Result<Seen, String> {
    let mut is_read = vec![false; fates.len()];
    let mut last_of_file = BTreeMap::new();
    let (mut files_late, mut newest) = (0, 0);
    for line in &reader.lines {
        let number = number_of(line).filter(|number| *number < fates.len());
        let Some(number) = number else {
            return Err(format!("never written: {line:?}"));
        };
        let (fate, file) = fates[number];
        if fate == Fate::Never {
            return Err(format!("half a line made whole: {line:?}"));
        }
        if std::mem::replace(&mut is_read[number], true) {
            return Err(format!("twice: {line:?}"));
        }
        let before = last_of_file.insert(file, number);
        if fate == Fate::Must && before.is_some_and(|before| before > number) {
            return Err(format!("out of order: {line:?} after {before:?}"));
        }
        files_late += usize::from(before.is_none() && file < newest);
        newest = newest.max(file);
    }
    let lost = (0..fates.len()).find(|number| fates[*number].0 == Fate::Must && !is_read[*number]);
    if let Some(lost) = lost
        && !reader.is_lossy
    {
        let file = fates[lost].1;
        return Err(format!("lost: line {lost} of file {file}"));
    }
    if reader.follower.behind_bytes() > 0 {
        return Err("behind after quiet".to_owned());
    }
    let counters = reader.follower.counters();
    Ok(Seen {
        lines: reader.lines.len(),
        may_be_lost: fates.len() - reader.lines.len(),
        restarts: reader.restarts,
        truncations: reader.truncations + counters.truncations,
        rotations: reader.rotations + counters.rotations,
        files_late,
    })
}

fn cases() -> u64 {
    let wanted = std::env::var("FOLLOWER_CASES").ok();
    wanted.map_or(CASES, |cases| cases.parse().unwrap())
}

/// The disk that `TMPDIR` is on, and memory where there is such a directory.
fn folders() -> Vec<tempfile::TempDir> {
    let memory = Path::new("/dev/shm");
    let memory = memory.is_dir().then(|| tempfile::tempdir_in(memory));
    let on_disk = tempfile::tempdir().unwrap();
    [on_disk]
        .into_iter()
        .chain(memory.map(Result::unwrap))
        .collect()
}

#[allow(clippy::print_stderr)] // shown beside a failure, and with --nocapture
fn check(kind: Kind) {
    let (mut faults, mut sum) = (Vec::new(), Seen::default());
    for seed in SEED..=cases() {
        for dir in folders() {
            match run(dir.path(), seed, kind, &Limits::default()) {
                Ok(seen) => {
                    sum.lines += seen.lines;
                    sum.may_be_lost += seen.may_be_lost;
                    sum.restarts += seen.restarts;
                    sum.truncations += seen.truncations;
                    sum.rotations += seen.rotations;
                    sum.files_late += seen.files_late;
                }
                Err(text) => {
                    let kept = dir.keep();
                    faults.push(format!("seed {seed} in {}: {text}", kept.display()));
                }
            }
        }
    }
    eprintln!("{kind:?}, seeds from {SEED}: {sum:?}");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn a_writer_that_rotates_by_renaming_gets_each_line_through_once() {
    check(Kind::Rename);
}

#[test]
fn a_writer_that_does_everything_gets_no_line_through_twice_or_in_halves() {
    check(Kind::All);
}

#[test]
fn without_the_marker_the_same_writers_get_wrong_lines_through() {
    let limits = Limits {
        is_marker_checked: false,
        ..Limits::default()
    };
    // One is enough, and the first ones are.
    let is_noticed = (SEED..=200).any(|seed| {
        let dir = tempfile::tempdir().unwrap();
        run(dir.path(), seed, Kind::All, &limits).is_err()
    });
    assert!(is_noticed);
}
