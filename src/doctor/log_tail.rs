//! The end of a log file: how much of it can be read, how old it is, whether its clock is ours.

use std::collections::BTreeMap;
use std::fs::{File, Metadata};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::time::{Duration, SystemTime};

use jiff::tz::TimeZone;

use super::facts::{LogFile, LogRead};
use super::host::Rights;
use crate::config::LogConfig;
use crate::log::advice::Tally;
use crate::log::line::Parser;
use crate::words::time::ms_since_1970;

/// How much of the end is read.
const TAIL_BYTES: u64 = 256 * 1024;
/// Backends that are told apart.
const BACKENDS_MAX: usize = 1000;
/// A file that has been silent for longer says nothing about clocks.
const FRESH: Duration = Duration::from_secs(10 * 60);

/// Looks at it.
pub(super) fn look(path: &Path, found: &Metadata, log: &LogConfig) -> LogFile {
    let Some(bytes) = tail(path, found.len()) else {
        return LogFile::Unreadable(Some(Rights::of(found)));
    };
    let mut parser = Parser::new(&log.format, &log.tag);
    let now_ms = ms_since_1970(SystemTime::now());
    if now_ms > 0 {
        parser = parser.with_today(now_ms);
    }
    let mut tally = Tally::default();
    let mut last_ms = None;
    let mut by_backend: BTreeMap<String, (u64, u64)> = BTreeMap::new();
    let lines = bytes.split(|byte| *byte == b'\n');
    for (place, line) in lines.filter(|line| !line.is_empty()).enumerate() {
        let parsed = parser.parse(line);
        last_ms = parsed.as_ref().ok().and_then(|it| it.ended_ms);
        if let Ok(record) = &parsed
            && let Some(ms) = record.request.response_ms
            && (by_backend.len() < BACKENDS_MAX || by_backend.contains_key(record.request.backend))
        {
            let sum = by_backend.entry(record.request.backend.to_owned());
            let (all_ms, count) = sum.or_default();
            *all_ms += u64::from(ms);
            *count += 1;
        }
        if let Err(reason) = parsed {
            let place = u64::try_from(place).unwrap_or(u64::MAX);
            tally.sample(&parser, place, reason, line);
        }
        tally.count(parsed.map(|_| ()));
    }
    let written = found.modified().ok();
    // A log that was just rotated is empty, and its last line is in the file before.
    let last = written.filter(|_| found.len() > 0);
    let last = last.or_else(|| rotated(path));
    let age = last.and_then(|it| SystemTime::now().duration_since(it).ok());
    let is_fresh = age.is_some_and(|age| age < FRESH);
    let off_s = written.filter(|_| is_fresh).and_then(|written| {
        let local_ms = local_ms(ms_since_1970(written))?;
        let last_ms = i64::try_from(last_ms?).ok()?;
        Some((last_ms - local_ms) / 1000)
    });
    LogFile::Read(Box::new(LogRead {
        rights: Rights::of(found),
        bytes: found.len(),
        requests: tally.requests(),
        refused: tally.refused(),
        advice: tally.advice(&parser),
        age,
        off_s,
        backends: slowest_first(by_backend),
    }))
}

fn slowest_first(sums: BTreeMap<String, (u64, u64)>) -> Vec<(String, u64, u64)> {
    let means = sums.into_iter();
    let means = means.map(|(name, (all_ms, count))| (name, all_ms / count.max(1), count));
    let mut means: Vec<_> = means.collect();
    means.sort_by_key(|it| std::cmp::Reverse(it.1));
    means
}

/// When the file before this one, by logrotate's name, was written to last.
fn rotated(path: &Path) -> Option<SystemTime> {
    let name = path.file_name()?.to_string_lossy().into_owned();
    let siblings = std::fs::read_dir(path.parent()?).ok()?.flatten();
    let siblings = siblings.filter(|entry| {
        let other = entry.file_name().to_string_lossy().into_owned();
        let rest = other.strip_prefix(&name).unwrap_or_default();
        rest.starts_with(['.', '-'])
    });
    let moments = siblings.filter_map(|entry| entry.metadata().ok()?.modified().ok());
    moments.max()
}

/// Whole lines of the end of the file; `None` where it cannot be read.
fn tail(path: &Path, bytes: u64) -> Option<Vec<u8>> {
    let mut file = File::open(path).ok()?;
    let start = bytes.saturating_sub(TAIL_BYTES);
    file.seek(SeekFrom::Start(start)).ok()?;
    let mut read = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut read).ok()?;
    if start > 0 {
        let end = read.iter().position(|byte| *byte == b'\n')?;
        read.drain(..=end);
    }
    Some(read)
}

/// The same moment by the clock on this host's wall, as HAProxy logs it.
fn local_ms(ms: u64) -> Option<i64> {
    let ms = i64::try_from(ms).ok()?;
    let moment = jiff::Timestamp::from_millisecond(ms).ok()?;
    let offset = TimeZone::system().to_offset(moment);
    Some(ms + i64::from(offset.seconds()) * 1000)
}
