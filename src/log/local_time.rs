//! The log's local clock as time that does not go back when daylight saving ends. Neither a clock
//! nor a time zone database is asked: the step is seen in the lines.

/// What a daylight-saving fold repeats.
const FOLD_MS: u64 = 3_600_000;
/// A line so far behind the one before is the first of a fold: at most five minutes of silence.
const CERTAIN_MS: std::ops::RangeInclusive<u64> = 55 * MINUTE_MS..=61 * MINUTE_MS;
/// One so far behind is it if some more follow that are, too: a log with longer pauses.
const LIKELY_MS: std::ops::RangeInclusive<u64> = 30 * MINUTE_MS..=61 * MINUTE_MS;
/// How many lines in a row make it certain.
const LIKELY_LINES: u32 = 8;
/// A single line from an hour ago is no fold: one that fewer lines have followed is taken back by a
/// line that fits the time before; a longer one by as many of those in a row.
const PROVEN_LINES: u32 = 16;
/// A request that began before a fold ends behind it, and its line adds Ta to the date from before:
/// it seems to come an hour too late, by so much at most.
const STRAGGLER_MS: std::ops::RangeInclusive<u64> = 55 * MINUTE_MS..=65 * MINUTE_MS;
/// Requests are believed to last a day at most.
const STRAGGLERS_MS: u64 = 24 * FOLD_MS;
/// There is one a year; a log that seems to have more has two clocks.
const APART_MS: u64 = 30 * 24 * FOLD_MS;
const MINUTE_MS: u64 = 60_000;

/// The moments of the lines of a log in, time that never goes back out.
///
/// Lines come in order of completion but for milliseconds, so that a line about an hour before the
/// last one is the clock's step back; from there on an hour is added. The hour that is left out in
/// spring looks like an hour of silence and stays one.
#[derive(Clone, Debug, Default)]
pub struct LocalTime {
    now_ms: u64,
    offset_ms: u64,
    /// When folds began, in the time given out.
    folds: Vec<u64>,
    /// Lines that fitted the last fold.
    proof: u32,
    /// Lines in a row that fit the time before it.
    stragglers: u32,
    /// Lines in a row that fit a fold that has not begun.
    likely: u32,
}

impl LocalTime {
    /// The time of a line with that moment, [`super::line::Record::ended_ms`]; at least that of the
    /// line before.
    pub fn take(&mut self, ended_ms: u64) -> u64 {
        let here = ended_ms.saturating_add(self.offset_ms);
        if self.is_straggler(here) {
            self.stragglers += 1;
            if self.proof < PROVEN_LINES || self.stragglers >= PROVEN_LINES {
                self.folds.pop();
                self.offset_ms = self.offset_ms.saturating_sub(FOLD_MS);
                self.stragglers = 0;
            }
            self.now_ms = self.now_ms.max(here.saturating_sub(FOLD_MS));
            return self.now_ms;
        }
        self.stragglers = 0;
        self.proof = self.proof.saturating_add(1);
        let back = self.now_ms.saturating_sub(here);
        if LIKELY_MS.contains(&back) && self.may_fold() {
            self.likely += 1;
            if CERTAIN_MS.contains(&back) || self.likely >= LIKELY_LINES {
                self.offset_ms = self.offset_ms.saturating_add(FOLD_MS);
                self.now_ms = self.now_ms.max(here.saturating_add(FOLD_MS));
                self.folds.push(self.now_ms);
                (self.proof, self.likely) = (0, 0);
            }
        } else {
            self.likely = 0;
            self.now_ms = self.now_ms.max(here);
        }
        self.now_ms
    }

    /// A time that was given out, or one between two, as the log's clock showed it. A fold shows
    /// from its second line on: the first may turn out to be a stray one.
    pub fn as_logged(&self, at_ms: u64) -> u64 {
        let shown = self.folds.len() - usize::from(self.proof == 0 && !self.folds.is_empty());
        let folds = self.folds.iter().take(shown);
        let folds = folds.filter(|begins| **begins <= at_ms);
        folds.fold(at_ms, |at, _| at.saturating_sub(FOLD_MS))
    }

    fn is_straggler(&self, here: u64) -> bool {
        let is_recent = |begins: &u64| self.now_ms.saturating_sub(*begins) <= STRAGGLERS_MS;
        self.folds.last().is_some_and(is_recent)
            && STRAGGLER_MS.contains(&here.saturating_sub(self.now_ms))
    }

    fn may_fold(&self) -> bool {
        let last = self.folds.last();
        last.is_none_or(|begins| self.now_ms.saturating_sub(*begins) >= APART_MS)
    }
}
