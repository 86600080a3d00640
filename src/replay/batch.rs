//! What other threads make of a block: the numbers of its lines, without the text. What they mean for
//! a backend is not decided here.

use crate::config::Config;
use crate::log::advice::Tally;
use crate::log::line::{Brief, Parser, Reject};
use crate::log::recorded::{Block, Line, Names, Period, Spans};
use crate::words::request::Request;

/// Servers that one thread tells apart; far more than an HAProxy can have.
const NAMES_MAX: usize = 1 << 16;

/// One thread's parser, and the names it has met.
#[derive(Debug)]
pub(super) struct Worker {
    number: usize,
    parser: Parser,
    period: Period,
    names: Names,
    /// Names that earlier batches have told.
    told: usize,
}

/// The lines of one block.
#[derive(Debug)]
pub(super) struct Batch {
    worker: usize,
    log: usize,
    /// Lines of the period.
    pub(super) tally: Tally,
    /// A request of which nobody knows when it was.
    pub(super) is_undated: bool,
    /// Names that no earlier batch of this worker has told, in the order of their numbers.
    pub(super) new_names: Vec<(String, String)>,
    pub(super) requests: Vec<Numbers>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Numbers {
    /// Its moment, see [`crate::log::line::Record::ended_ms`].
    pub(super) ended_ms: u64,
    /// The worker's number for its backend and server; `None` beyond [`NAMES_MAX`].
    name: Option<u32>,
    /// Without its names.
    request: Request<'static>,
}

impl Worker {
    pub(super) fn new(number: usize, parser: Parser, period: Period) -> Self {
        Self {
            number,
            parser,
            period,
            names: Names::default(),
            told: 0,
        }
    }

    pub(super) fn parse(&mut self, block: &Block) -> Batch {
        let mut batch = Batch {
            worker: self.number,
            log: block.log(),
            tally: Tally::default(),
            is_undated: false,
            new_names: Vec::new(),
            requests: Vec::new(),
        };
        let parser = &self.parser;
        let moments = block.lines().map(|line| moment(&parse_line(parser, line)));
        let mut sieve = self.period.sieve(moments);
        for line in block.lines() {
            let parsed = parse_line(&self.parser, line);
            if !sieve.takes(moment(&parsed)) {
                continue;
            }
            batch.tally.count(parsed.map(|_| ()));
            match parsed {
                Ok(brief) => match brief.ended_ms {
                    Some(ended_ms) => batch.requests.push(self.numbers(&brief, ended_ms)),
                    None => batch.is_undated = true,
                },
                Err(reason) => {
                    let (Line::Whole(text) | Line::TooLong(text)) = line;
                    let place = batch.tally.lines();
                    batch.tally.sample(&self.parser, place, reason, text);
                }
            }
        }
        let new_names = self.names.list().get(self.told..).unwrap_or_default();
        batch.new_names = new_names.to_vec();
        self.told = self.names.list().len();
        batch
    }

    fn numbers(&mut self, brief: &Brief<'_>, ended_ms: u64) -> Numbers {
        let name = self.names.number(brief.backend, brief.server, NAMES_MAX);
        Numbers {
            ended_ms,
            name: name.and_then(|name| u32::try_from(name).ok()),
            request: brief.request,
        }
    }
}

fn parse_line<'a>(parser: &Parser, line: Line<'a>) -> Result<Brief<'a>, Reject> {
    match line {
        Line::Whole(text) => parser.parse_brief(text, true),
        Line::TooLong(_) => Err(Reject::TooLong),
    }
}

fn moment(parsed: &Result<Brief<'_>, Reject>) -> Option<u64> {
    parsed.as_ref().ok()?.ended_ms
}

impl Batch {
    /// Notes from when to when it goes.
    pub(super) fn spans(&self, spans: &mut Spans) {
        let moments = || self.requests.iter().map(|it| it.ended_ms);
        for ended_ms in moments().take(1).chain(moments().max()) {
            spans.take(self.log, ended_ms);
        }
    }
}

/// Backend and server by each worker's numbers; `None` where the backend is not configured.
#[derive(Debug, Default)]
pub(super) struct Tables(Vec<Vec<Option<(String, String)>>>);

impl Tables {
    /// Takes what a batch has to tell, and gives the names that it uses.
    pub(super) fn of(&mut self, config: &Config, batch: &Batch) -> &[Option<(String, String)>] {
        if self.0.len() <= batch.worker {
            self.0.resize(batch.worker + 1, Vec::new());
        }
        let Some(names) = self.0.get_mut(batch.worker) else {
            return &[];
        };
        let told = batch.new_names.iter().map(|name| {
            let is_wanted = config.backends.contains_key(&name.0);
            is_wanted.then(|| name.clone())
        });
        names.extend(told);
        names
    }
}

impl Numbers {
    /// The request, if its backend is configured.
    pub(super) fn request<'a>(&self, names: &'a [Option<(String, String)>]) -> Option<Request<'a>> {
        let (backend, server) = names.get(self.name? as usize)?.as_ref()?;
        Some(Request {
            backend,
            server,
            ..self.request
        })
    }
}
