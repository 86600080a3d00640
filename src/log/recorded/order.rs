//! In which order several logs are read, and whether that was enough.
//!
//! Logs are taken one after the other. Those of one HAProxy, rotated, follow each other; those of
//! two are not woven into one, because one configuration is about one HAProxy.

use std::time::Duration;

use super::{Block, InputError, Line, LogSet, Logs, Progress};
use crate::log::line::Parser;

/// Blocks that are searched for a log's first request.
const BLOCKS_MAX: usize = 4;
/// Logs that overlap by less are neighbours: requests end out of order.
const OVERLAP_MS: u64 = 60_000;

impl LogSet {
    /// Sorts the logs by the moment of the first request of each, whatever order a shell gave them
    /// in. Equal ones stay as they are; a log without a request in its first megabyte goes last, and
    /// so does a pipe that was not kept.
    ///
    /// # Errors
    /// A log whose beginning cannot be read.
    pub fn sort_by_time(
        &mut self,
        parser: &Parser,
        max_line_bytes: usize,
    ) -> Result<(), InputError> {
        if self.logs.len() < 2 {
            return Ok(());
        }
        let mut dated = Vec::with_capacity(self.logs.len());
        for log in &self.logs {
            let first = if log.is_pipe()? {
                None
            } else {
                let alone = Self {
                    logs: vec![log.clone()],
                    progress: Progress::default(),
                };
                first_moment(alone.read(max_line_bytes), parser)?
            };
            dated.push((first.unwrap_or(u64::MAX), log.clone()));
        }
        dated.sort_by_key(|(first, _)| *first);
        self.logs = dated.into_iter().map(|(_, log)| log).collect();
        Ok(())
    }
}

/// The moment of the first line that is a request.
fn first_moment(mut logs: Logs, parser: &Parser) -> Result<Option<u64>, InputError> {
    let mut block = Block::new();
    for _ in 0..BLOCKS_MAX {
        if !logs.next_block(&mut block)? {
            break;
        }
        let found = block.lines().find_map(|line| match line {
            Line::Whole(text) => parser.parse(text).ok(),
            Line::TooLong(_) => None,
        });
        if let Some(record) = found {
            return Ok(record.ended_ms);
        }
    }
    Ok(None)
}

/// From when to when each log goes, found while reading.
#[derive(Clone, Debug, Default)]
pub struct Spans {
    /// First and latest moment by [`Block::log`].
    spans: Vec<Option<(u64, u64)>>,
}

impl Spans {
    /// A request of that log ended then, local milliseconds.
    pub fn take(&mut self, log: usize, ended_ms: u64) {
        if self.spans.len() <= log {
            self.spans.resize(log + 1, None);
        }
        if let Some(span) = self.spans.get_mut(log) {
            let (first, latest) = span.unwrap_or((ended_ms, ended_ms));
            *span = Some((first, latest.max(ended_ms)));
        }
    }

    /// A note about the two logs that overlap most, if by a minute or more. `names` as in
    /// [`Logs::names`].
    pub fn overlap(&self, names: &[String]) -> Option<String> {
        let mut before: Option<(usize, u64)> = None;
        let mut worst: Option<(u64, usize, usize)> = None;
        for (log, span) in self.spans.iter().enumerate() {
            let Some((first, latest)) = *span else {
                continue;
            };
            if let Some((earlier, until)) = before {
                let overlap = until.saturating_sub(first);
                if overlap >= OVERLAP_MS && worst.is_none_or(|(most, ..)| most < overlap) {
                    worst = Some((overlap, earlier, log));
                }
            }
            if before.is_none_or(|(_, until)| until <= latest) {
                before = Some((log, latest));
            }
        }
        let (overlap, earlier, later) = worst?;
        let overlap = humantime::format_duration(Duration::from_secs(overlap / 1000));
        Some(format!(
            "{} and {} overlap by {overlap}: logs are taken one after the other, and time stands \
             still where it would go back",
            names.get(earlier)?,
            names.get(later)?
        ))
    }
}
