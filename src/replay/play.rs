//! One replay: requests into a pretended world, its decisions to the printer.

use std::io::{self, Write};
use std::time::Duration;

use super::batch::Batch;
use super::calendar::Calendar;
use super::seen::Seen;
use super::summary::{Printer, Summary};
use super::world::World;
use crate::config::Config;
use crate::log::line::Parser;
use crate::log::local_time::LocalTime;
use crate::scaler::Scaler;
use crate::scaler::decision::{Change, Decision};
use crate::words::time::Timestamp;

/// A replay under way.
pub(super) struct Play<'a> {
    config: &'a Config,
    warm_up: Duration,
    printer: Printer<'a>,
    summary: Summary,
    time: LocalTime,
    /// From the first request on; with the time of the last one.
    world: Option<(World, Timestamp)>,
    calendar: Calendar<'a>,
}

impl<'a> Play<'a> {
    pub(super) fn new(config: &'a Config, warm_up: Duration, printer: Printer<'a>) -> Self {
        Self {
            config,
            warm_up,
            printer,
            summary: Summary::default(),
            time: LocalTime::default(),
            world: None,
            calendar: Calendar::of(config),
        }
    }

    /// A world has been made of the servers known then.
    pub(super) const fn has_begun(&self) -> bool {
        self.world.is_some()
    }

    pub(super) const fn decisions(&self) -> u64 {
        self.summary.decisions
    }

    /// The lines of one block. The first request makes the world, of the servers `seen` by then.
    pub(super) fn batch(
        &mut self,
        batch: &Batch,
        names: &[Option<(String, String)>],
        seen: &Seen,
    ) -> io::Result<()> {
        let tally = &mut self.summary.tally;
        tally.merge(&batch.tally, tally.lines());
        for numbers in &batch.requests {
            let ended = Timestamp::from_ms(self.time.take(numbers.ended_ms));
            let (config, warm_up) = (self.config, self.warm_up);
            let (world, now) = self
                .world
                .get_or_insert_with(|| (pretend(config, seen, warm_up, ended), ended));
            *now = ended;
            if self.calendar.is_due(ended) {
                let mut told = Telling::new(&mut self.printer, &mut self.summary, &self.time);
                self.calendar
                    .tell(ended, &self.time, world, &mut |decision| {
                        told.take(decision);
                    });
                told.written?;
            }
            let Some(request) = numbers.request(names) else {
                continue; // Time passes with the next request that matters, or at the end.
            };
            let mut told = Telling::new(&mut self.printer, &mut self.summary, &self.time);
            world.request(ended, request, &mut |decision| told.take(decision));
            told.written?;
        }
        Ok(())
    }

    /// Lets time pass until the last line, and prints the sum.
    ///
    /// Gives whether there were lines of which none could be read.
    pub(super) fn end(
        mut self,
        parser: &Parser,
        mut notes: Vec<String>,
        talk: &mut dyn Write,
    ) -> io::Result<bool> {
        let mut end = Timestamp::default();
        if let Some((world, now)) = &mut self.world {
            end = *now;
            let mut told = Telling::new(&mut self.printer, &mut self.summary, &self.time);
            world.pass(end, &mut |decision| told.take(decision));
            told.written?;
        }
        self.summary.end(end);
        if self.summary.tally.requests() > 0 {
            let choice = if self.config.backends.len() > 1 {
                " --backend NAME"
            } else {
                ""
            };
            notes.push(format!(
                "replay is open loop: it cannot know how response times would have changed with \
                 other servers in; `haproxy-autoscale simulate -c FILE{choice} --log LOG` can"
            ));
        }
        let advice = self.summary.tally.advice(parser);
        notes.splice(..0, advice.map(|advice| advice.to_string()));
        self.printer.summary(&self.summary, &notes, talk)?;
        Ok(self.summary.tally.is_nothing_read())
    }
}

/// Takes the decisions of one step: sums them up, and prints them until that fails.
struct Telling<'a, 'b> {
    printer: &'a mut Printer<'b>,
    summary: &'a mut Summary,
    time: &'a LocalTime,
    written: io::Result<()>,
}

impl<'a, 'b> Telling<'a, 'b> {
    fn new(printer: &'a mut Printer<'b>, summary: &'a mut Summary, time: &'a LocalTime) -> Self {
        Self {
            printer,
            summary,
            time,
            written: Ok(()),
        }
    }

    fn take(&mut self, decision: &Decision) {
        if decision.change == Change::BreachOver {
            return; // Here each window is told.
        }
        self.summary.take(decision);
        if self.written.is_ok() {
            let at_ms = self.time.as_logged(decision.at.as_ms());
            self.written = self.printer.decision(decision, at_ms);
        }
    }
}

fn pretend(config: &Config, seen: &Seen, warm_up: Duration, start: Timestamp) -> World {
    let settings = config
        .backends
        .values()
        .map(|backend| backend.scaler.clone());
    let backends = config
        .backends
        .keys()
        .map(|name| (name.clone(), seen.pretended(config, name)));
    World::new(Scaler::new(start, settings), backends.collect(), warm_up)
}
