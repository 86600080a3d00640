//! Lines of the log into the scaler. Where they come from lives in `crate::log::source`, what they
//! say in `crate::log::line`, how the log is in `log_health`.

use std::time::SystemTime;

use super::Daemon;
use crate::config::Config;
use crate::log::advice::shown;
use crate::log::line::Reject;
use crate::log::lines::Item;
use crate::log::source::Source;
use crate::publish::record::News;
use crate::scaler::event::Event;
use crate::words::time::Timestamp;

/// With more unread than this the oldest is passed over: old lines make no good decisions.
const BEHIND_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// Lines of one second that the debug log shows.
const REJECTS_TOLD_MAX: u32 = 5;

/// Lines that were no requests, for the debug log.
#[derive(Debug, Default)]
pub(super) struct Rejects {
    second: u64,
    /// In this second.
    told: u32,
}

impl Rejects {
    /// Tells why a line is no request, if anybody wants to know and not too many are.
    fn tell(&mut self, now: Timestamp, reason: Reject, line: &[u8]) {
        if !tracing::enabled!(tracing::Level::DEBUG) {
            return;
        }
        let second = now.as_ms() / 1000;
        if second != self.second {
            *self = Self { second, told: 0 };
        }
        self.told = self.told.saturating_add(1);
        if self.told <= REJECTS_TOLD_MAX {
            tracing::debug!("no request ({reason}): {}", shown(line));
        } else if self.told == REJECTS_TOLD_MAX + 1 {
            tracing::debug!("more lines of this second are no requests");
        }
    }
}

pub(super) fn open_source(config: &Config) -> Source {
    Source::open(
        &config.log.source,
        config.log.max_line_bytes,
        Some(BEHIND_BYTES_MAX),
    )
}

impl Daemon {
    /// One bounded turn of the source: every line into the scaler, but for those that were written
    /// while no daemon ran: they arrive all at once, and no window may take that for a rush. They
    /// are counted; what comes after them fills the first window.
    pub(super) fn read_log(&mut self, source: &mut Source) {
        let now = self.clock.now();
        let is_late = source.is_catching_up(now);
        let (mut actions, mut has_come) = (Vec::new(), false);
        source.turn(now, &mut |item| {
            let (line, parsed) = match item {
                Item::Line(line) => (line, self.parser.parse(line)),
                Item::TooLong => (&[][..], Err(Reject::TooLong)),
            };
            let reason = parsed.as_ref().err().copied();
            self.log.line(&self.parser, line, reason);
            match &parsed {
                Ok(record) => self.counters.request(&record.request),
                Err(reason) => self.counters.reject(*reason),
            }
            has_come = true;
            match parsed {
                Ok(_) if is_late => {}
                Ok(record) => {
                    actions.extend(self.scaler.handle(now, Event::Request(record.request)));
                }
                Err(reason) => {
                    self.rejects.tell(now, reason, line);
                    if reason == Reject::HaproxyMessage
                        && let Some(backend) = self.parser.server_change(line)
                    {
                        actions.extend(self.scaler.handle(now, Event::Hint { backend }));
                    }
                }
            }
        });
        if has_come {
            self.counters.lines_came(SystemTime::now());
        }
        self.start(actions);
        let is_file = self.config.log.source.file().is_some();
        let (news, state) = self.log.watch(now, source, is_file, &self.parser);
        for news in news {
            let source = source.describe();
            self.tell(News::Log { source, news });
        }
        if let Some(state) = state {
            self.event(now, Event::Log(state));
        }
    }

    /// Tells what the source noticed.
    pub(super) fn pass_on_source(&self, source: &Source) {
        for news in source.take_news() {
            self.tell(News::of_source(source.describe(), news));
        }
    }
}
