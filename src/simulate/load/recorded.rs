//! The requests of a recorded log, as numbers: when each came, how long it waited, which server had it.
//! What follows from them is the business of `envelope` and of `as_logged`.

use std::collections::BTreeMap;

use crate::log::advice::Tally;
use crate::log::line::{Brief, Parser, Reject};
use crate::log::local_time::LocalTime;
use crate::log::recorded::{self, Block, Line, LogSet, Names, Period, Progress};
use crate::simulate::SimulateError;

/// Requests that are kept; each takes about 100 bytes, all that is made of it included.
pub const REQUESTS_MAX: usize = 20_000_000;
/// Servers that one thread tells apart.
const NAMES_MAX: usize = 1 << 16;
/// Backends named in an error, at most.
const NAMED_MAX: usize = 8;

/// Which log, and which part of it.
#[derive(Clone, Debug)]
pub struct LogInput {
    /// Paths, or `-`.
    pub logs: Vec<String>,
    pub parser: Parser,
    pub max_line_bytes: usize,
    pub period: Period,
    pub progress: Progress,
}

/// One request of the backend that reached a server, or waited for one in vain.
#[derive(Clone, Copy, Debug)]
pub struct Logged {
    /// When HAProxy had the whole request, milliseconds since 1970.
    pub arrived_ms: u64,
    /// Tw.
    pub queue_ms: u32,
    /// Tc + Tr; `None`: no answer came.
    pub server_ms: Option<u32>,
    /// Tr.
    pub response_ms: Option<u32>,
    /// From when HAProxy had the request to its end, the answer's body included: what is known of one
    /// that had no answer.
    pub open_ms: u32,
    /// Index in [`Log::servers`]; `None`: none had it.
    pub server: Option<u16>,
    /// Its user got an answer that was no error of a server.
    pub is_answered: bool,
}

/// A backend in a log.
#[derive(Clone, Debug, Default)]
pub struct Log {
    pub backend: String,
    /// By how many requests they had, most first.
    pub servers: Vec<String>,
    /// In the order of arrival.
    pub requests: Vec<Logged>,
}

impl Log {
    /// The part with so many requests in which they came the fastest.
    #[must_use]
    pub fn busiest(&self, requests: usize) -> Self {
        let all = &self.requests;
        let span_ms = |part: &&[Logged]| {
            let ends = part.first().zip(part.last());
            ends.map_or(0, |(first, last)| last.arrived_ms - first.arrived_ms)
        };
        let busiest = all.windows(requests.max(1)).min_by_key(span_ms);
        Self {
            backend: self.backend.clone(),
            servers: self.servers.clone(),
            requests: busiest.unwrap_or(all).to_vec(),
        }
    }
}

/// One line, as a thread has read it.
#[derive(Clone, Copy, Debug)]
struct Numbers {
    ended_ms: u64,
    /// The worker's number for backend and server.
    name: u32,
    /// Without a server's index.
    logged: Logged,
    total_ms: u32,
    request_ms: u32,
}

/// One block of lines.
#[derive(Debug, Default)]
struct Batch {
    worker: usize,
    new_names: Vec<(String, String)>,
    requests: Vec<Numbers>,
    tally: Tally,
    is_undated: bool,
}

/// One thread's parser, and the names that it has met.
struct Worker {
    number: usize,
    parser: Parser,
    period: Period,
    names: Names,
    told: usize,
}

/// Reads the requests of one backend. `wanted`: which; without it there must be only one.
///
/// # Errors
/// A log that cannot be read, or in which the backend is not; several backends and no choice.
pub fn read(input: &LogInput, wanted: Option<&str>) -> Result<Log, SimulateError> {
    gather(input)?.backend(wanted)
}

/// Reads the requests of every backend, in the order of their names.
///
/// # Errors
/// A log that cannot be read.
pub fn read_all(input: &LogInput) -> Result<Vec<Log>, SimulateError> {
    let found = gather(input)?.backends.into_iter();
    let found = found.filter(|(_, _, requests)| !requests.is_empty());
    let mut logs: Vec<Log> = found.map(sorted).collect();
    logs.sort_by(|a, b| a.backend.cmp(&b.backend));
    Ok(logs)
}

fn gather(input: &LogInput) -> Result<Gathered, SimulateError> {
    let mut sources = LogSet::new(&input.logs);
    sources.keep_pipes()?;
    sources.sort_by_time(&input.parser, input.max_line_bytes)?;
    sources.watch(&input.progress, 1);
    let started = std::cell::Cell::new(0);
    let start = || Worker {
        number: started.replace(started.get() + 1),
        parser: input.parser.clone(),
        period: input.period,
        names: Names::default(),
        told: 0,
    };
    let mut all = Gathered::default();
    let logs = sources.read(input.max_line_bytes);
    recorded::in_order(logs, start, Worker::parse, |batch| all.take(batch))?;
    if all.tally.is_nothing_read() {
        let advice = all.tally.advice(&input.parser);
        let advice = advice.map(|it| it.with_options()).unwrap_or_default();
        return Err(SimulateError::NothingRead(advice));
    }
    Ok(all)
}

impl Worker {
    fn parse(&mut self, block: &Block) -> Batch {
        let mut batch = Batch {
            worker: self.number,
            ..Batch::default()
        };
        for line in block.lines() {
            let parsed = match line {
                Line::Whole(text) => self.parser.parse_brief(text, true),
                Line::TooLong(_) => Err(Reject::TooLong),
            };
            batch.tally.count(parsed.map(|_| ()));
            match parsed {
                Ok(brief) => match brief.ended_ms {
                    Some(ended_ms) if self.period.contains(ended_ms) => {
                        let names = &mut self.names;
                        let name = names.number(brief.backend, brief.server, NAMES_MAX);
                        let name = name.and_then(|it| u32::try_from(it).ok());
                        let numbers = name.and_then(|name| numbers(&brief, ended_ms, name));
                        batch.requests.extend(numbers);
                    }
                    Some(_) => {}
                    None => batch.is_undated = true,
                },
                Err(reason) => {
                    let (Line::Whole(text) | Line::TooLong(text)) = line;
                    batch.tally.sample(&self.parser, 0, reason, text);
                }
            }
        }
        let list = self.names.list();
        batch.new_names = list.get(self.told..).unwrap_or_default().to_vec();
        self.told = list.len();
        batch
    }
}

/// What is demand: a request that reached a server, or that HAProxy gave up in its queue. What HAProxy
/// answered itself cost no server.
fn numbers(brief: &Brief<'_>, ended_ms: u64, name: u32) -> Option<Numbers> {
    let request = &brief.request;
    let is_server = !brief.server.starts_with(b"<");
    let waited_in_vain = brief.server == b"<NOSRV>"
        && request.status == Some(503)
        && request.queue_ms.is_some_and(|it| it > 0);
    if !is_server && !waited_in_vain {
        return None;
    }
    let server_ms = request
        .connect_ms
        .zip(request.response_ms)
        .map(|(connect_ms, response_ms)| connect_ms.saturating_add(response_ms));
    Some(Numbers {
        ended_ms,
        name,
        total_ms: request.total_ms.unwrap_or(0),
        request_ms: request.request_ms.unwrap_or(0),
        logged: Logged {
            arrived_ms: 0,
            open_ms: 0,
            queue_ms: request.queue_ms.unwrap_or(0),
            server_ms,
            response_ms: request.response_ms,
            server: is_server.then_some(0),
            is_answered: request.status.is_some_and(|it| it < 500) && server_ms.is_some(),
        },
    })
}

/// Everything that has been read, by backend.
#[derive(Default)]
struct Gathered {
    tally: Tally,
    time: LocalTime,
    /// Backend and server of each worker's numbers.
    tables: Vec<Vec<(usize, u16)>>,
    backends: Vec<(String, Vec<String>, Vec<Logged>)>,
    requests: usize,
}

impl Gathered {
    fn take(&mut self, batch: Batch) -> Result<(), SimulateError> {
        if batch.is_undated {
            return Err(SimulateError::NoDate);
        }
        self.tally.merge(&batch.tally, self.tally.lines());
        self.requests += batch.requests.len();
        if self.requests > REQUESTS_MAX {
            return Err(SimulateError::TooMany);
        }
        if self.tables.len() <= batch.worker {
            self.tables.resize(batch.worker + 1, Vec::new());
        }
        for (backend, server) in batch.new_names {
            let place = self.place(backend, server);
            if let Some(table) = self.tables.get_mut(batch.worker) {
                table.push(place);
            }
        }
        let table = self.tables.get(batch.worker);
        for numbers in batch.requests {
            let place = table.and_then(|it| it.get(numbers.name as usize));
            let Some(&(backend, server)) = place else {
                continue;
            };
            let ended_ms = self.time.take(numbers.ended_ms);
            let began_ms = ended_ms.saturating_sub(u64::from(numbers.total_ms));
            let logged = Logged {
                arrived_ms: began_ms.saturating_add(u64::from(numbers.request_ms)),
                open_ms: numbers.total_ms.saturating_sub(numbers.request_ms),
                server: numbers.logged.server.map(|_| server),
                ..numbers.logged
            };
            if let Some((_, _, requests)) = self.backends.get_mut(backend) {
                requests.push(logged);
            }
        }
        Ok(())
    }

    fn place(&mut self, backend: String, server: String) -> (usize, u16) {
        let known = self.backends.iter().position(|it| it.0 == backend);
        let index = known.unwrap_or(self.backends.len());
        if known.is_none() {
            self.backends.push((backend, Vec::new(), Vec::new()));
        }
        let Some((_, servers, _)) = self.backends.get_mut(index) else {
            return (index, 0);
        };
        let known = servers.iter().position(|it| *it == server);
        let place = known.unwrap_or(servers.len());
        if known.is_none() {
            servers.push(server);
        }
        (index, u16::try_from(place).unwrap_or(u16::MAX))
    }

    /// That backend, its requests in the order of arrival.
    fn backend(mut self, wanted: Option<&str>) -> Result<Log, SimulateError> {
        self.backends.retain(|it| !it.2.is_empty());
        let seen = self.backends.iter().map(|it| it.0.as_str());
        let seen = seen.take(NAMED_MAX).collect::<Vec<_>>().join(", ");
        let several = self.backends.len() > 1;
        let mut found = self.backends.into_iter();
        let found = match wanted {
            Some(name) => found.find(|it| it.0 == name),
            None if several => return Err(SimulateError::SeveralBackends(seen)),
            None => found.next(),
        };
        found.map(sorted).ok_or(SimulateError::NoRequests(seen))
    }
}

/// Requests in the order of arrival, servers by how many of them they had.
fn sorted((backend, servers, mut requests): (String, Vec<String>, Vec<Logged>)) -> Log {
    requests.sort_by_key(|it| it.arrived_ms);
    let mut counts: BTreeMap<u16, usize> = BTreeMap::new();
    for server in requests.iter().filter_map(|it| it.server) {
        *counts.entry(server).or_default() += 1;
    }
    let mut order: Vec<u16> = counts.keys().copied().collect();
    order.sort_by_key(|it| std::cmp::Reverse(counts.get(it).copied()));
    let mut places = vec![0_u16; servers.len()];
    for (place, server) in order.iter().enumerate() {
        if let Some(it) = places.get_mut(usize::from(*server)) {
            *it = u16::try_from(place).unwrap_or(u16::MAX);
        }
    }
    for request in &mut requests {
        let place = request.server.and_then(|it| places.get(usize::from(it)));
        request.server = place.copied();
    }
    let name = |index: &u16| servers.get(usize::from(*index)).cloned();
    Log {
        backend,
        servers: order.iter().filter_map(name).collect(),
        requests,
    }
}
