//! `parse`: what is read from each line of a log, one JSON object a line.
//!
//! The parser decides what a line says and `log::recorded` where it comes from; here it is written.

use std::io::{self, Write};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use crate::clock::Clock;
use crate::log::advice::Tally;
use crate::log::line::{Parser, Record, Reject};
use crate::log::lines::Item;
use crate::log::recorded::{Block, InputError, Line, LogSet, Period, Reading};
use crate::log::source::{LogSource, Source, SourceState};
use crate::publish::log::write_now;
use crate::publish::record::News;

/// The bytes of a rejected line that are shown.
pub const REJECT_TEXT_BYTES: usize = 1024;
/// A reader that sleeps gets this long for the last lines once [`follow`] was told to stop.
const FINISH_LIMIT: Duration = Duration::from_millis(500);

/// Lines of which [`follow`] says what they look like, if they cannot be read.
const JUDGED_LINES: u64 = 20;

/// Why `parse` ended early.
#[derive(Debug, thiserror::Error)]
pub enum ParseError {
    /// A log could not be read.
    #[error(transparent)]
    Input(#[from] InputError),
    /// The output could not be written. A reader that went away is no error.
    #[error("cannot write the output: {0}")]
    Output(#[source] io::Error),
}

/// Writes what each line of the logs says, or with `rejects` which lines say nothing and why.
///
/// Only lines of the period are written. Each object is flushed at once. A closed pipe ends it quietly.
/// Lines are counted from 1 in each log.
pub fn parse_logs(
    sources: &[String],
    parser: &Parser,
    reading: &Reading,
    rejects: bool,
    out: &mut dyn Write,
) -> Result<Tally, ParseError> {
    let mut tally = Tally::default();
    let mut logs = LogSet::new(sources);
    logs.watch(&reading.progress, 1);
    let mut logs = logs.read(reading.max_line_bytes);
    let mut block = Block::new();
    let (mut log, mut number) = (0, 0);
    let is_part = reading.period != Period::default();
    while logs.next_block(&mut block)? {
        if block.log() != log {
            (log, number) = (block.log(), 0);
        }
        let moments = block
            .lines()
            .map(|line| moment(&parse_line(parser, line).0));
        let mut sieve = reading.period.sieve(moments);
        for line in block.lines() {
            number += 1;
            let parsed = parse_line(parser, line);
            if is_part && parsed.0.is_ok() && moment(&parsed.0).is_none() {
                return Err(InputError::NoDate.into());
            }
            if !sieve.takes(moment(&parsed.0)) {
                continue;
            }
            tally_up(&mut tally, parser, &parsed);
            match write_parsed(out, parsed, number, rejects) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                    return Ok(Tally::default());
                }
                Err(error) => return Err(ParseError::Output(error)),
            }
        }
    }
    Ok(tally)
}

/// Counts a line, the tally's next one.
fn tally_up(
    tally: &mut Tally,
    parser: &Parser,
    (parsed, text): &(Result<Record<'_>, Reject>, &[u8]),
) {
    let read = parsed.as_ref().map(|_| ()).map_err(|reason| *reason);
    tally.count(read);
    if let Err(reason) = read {
        tally.sample(parser, tally.lines(), reason, text);
    }
}

/// Writes what `parse` says about one line: nothing, if it is not of the kind asked for. `number`
/// is the line's own, from 1.
pub fn write_line(
    out: &mut dyn Write,
    parser: &Parser,
    line: Line<'_>,
    number: u64,
    rejects: bool,
) -> io::Result<()> {
    write_parsed(out, parse_line(parser, line), number, rejects)
}

/// What a line says, and its text.
fn parse_line<'a>(parser: &Parser, line: Line<'a>) -> (Result<Record<'a>, Reject>, &'a [u8]) {
    match line {
        Line::Whole(text) => (parser.parse(text), text),
        Line::TooLong(start) => (Err(Reject::TooLong), start),
    }
}

fn moment(parsed: &Result<Record<'_>, Reject>) -> Option<u64> {
    parsed.as_ref().ok()?.ended_ms
}

fn write_parsed(
    out: &mut dyn Write,
    (parsed, text): (Result<Record<'_>, Reject>, &[u8]),
    number: u64,
    rejects: bool,
) -> io::Result<()> {
    match parsed {
        Ok(record) if !rejects => write_record(out, &record),
        Err(reason) if rejects => write_reject(out, number, reason, text),
        Ok(_) | Err(_) => Ok(()),
    }
}

/// Writes one record as one line of JSON, and flushes it.
pub fn write_record(out: &mut dyn Write, record: &Record<'_>) -> io::Result<()> {
    let (request, logged) = (&record.request, record.logged);
    let tail = request.tail.as_ref();
    let termination = tail.and_then(|tail| std::str::from_utf8(&tail.termination).ok());
    write_object(
        out,
        &RecordObject {
            frontend: record.frontend,
            backend: request.backend,
            server: request.server,
            accepted: record.accepted,
            request_ms: request.request_ms.filter(|_| logged.request),
            queue_ms: request.queue_ms.filter(|_| logged.queue),
            connect_ms: request.connect_ms.filter(|_| logged.connect),
            response_ms: request.response_ms.filter(|_| logged.response),
            total_ms: request.total_ms,
            status: request.status,
            bytes: record.bytes,
            termination,
            srvconn: tail.map(|tail| tail.server_connections),
            retries: tail.map(|tail| tail.retries),
            srv_queue: tail.map(|tail| tail.server_queue),
            backend_queue: tail.map(|tail| tail.backend_queue),
        },
    )
}

/// Writes one rejected line as one line of JSON, and flushes it. Of `text` the first
/// [`REJECT_TEXT_BYTES`] are shown, with `�` for what is not UTF-8.
pub fn write_reject(
    out: &mut dyn Write,
    number: u64,
    reason: Reject,
    text: &[u8],
) -> io::Result<()> {
    let shown = text.get(..REJECT_TEXT_BYTES).unwrap_or(text);
    write_object(
        out,
        &RejectObject {
            line: number,
            reason: reason.as_str(),
            text: &String::from_utf8_lossy(shown),
        },
    )
}

/// One write for the whole line, so that whoever reads never sees half of one.
fn write_object(out: &mut dyn Write, object: &impl Serialize) -> io::Result<()> {
    let mut line = serde_json::to_vec(object)?;
    line.push(b'\n');
    out.write_all(&line)?;
    out.flush()
}

/// The names and their order are a promise to scripts.
#[derive(Serialize)]
struct RecordObject<'a> {
    frontend: Option<&'a str>,
    backend: &'a str,
    server: &'a str,
    accepted: Option<&'a str>,
    #[serde(rename = "TR")]
    request_ms: Option<u32>,
    #[serde(rename = "Tw")]
    queue_ms: Option<u32>,
    #[serde(rename = "Tc")]
    connect_ms: Option<u32>,
    #[serde(rename = "Tr")]
    response_ms: Option<u32>,
    #[serde(rename = "Ta")]
    total_ms: Option<u32>,
    status: Option<u16>,
    bytes: Option<u64>,
    termination: Option<&'a str>,
    srvconn: Option<u32>,
    retries: Option<u32>,
    srv_queue: Option<u32>,
    backend_queue: Option<u32>,
}

/// The names and their order are a promise to scripts.
#[derive(Serialize)]
struct RejectObject<'a> {
    line: u64,
    reason: &'a str,
    text: &'a str,
}

/// Writes what each line says as it is written to the log, until `stop` or the end of standard
/// input. Gives every line however far behind it is. What stands in the way of reading is said
/// with `tracing`.
///
/// `out` is written by a thread of its own: a reader that sleeps makes the log wait, and never
/// `stop`.
///
/// # Errors
/// `out` could not be written. A reader that went away is no error.
pub async fn follow(
    source: &LogSource,
    parser: &Parser,
    max_line_bytes: usize,
    rejects: bool,
    out: impl Write + Send + 'static,
    stop: impl Future<Output = ()>,
) -> Result<(), ParseError> {
    let mut source = Source::open(source, max_line_bytes, None);
    let output = Output::start(out).map_err(ParseError::Output)?;
    let mut stop = std::pin::pin!(stop);
    let is_stopped = tokio::select! {
        biased;
        () = &mut stop => true,
        ended = pump(&mut source, parser, rejects, &output) => {
            ended.map_err(ParseError::Output)?;
            false
        }
    };
    let mut finish = std::pin::pin!(output.finish());
    if !is_stopped {
        tokio::select! {
            biased;
            written = &mut finish => return written,
            () = stop => {}
        }
    }
    timeout(FINISH_LIMIT, finish).await.unwrap_or(Ok(()))
}

/// Carries lines from the source to the output until one of them ends. May be dropped at any time.
async fn pump(
    source: &mut Source,
    parser: &Parser,
    rejects: bool,
    output: &Output,
) -> io::Result<()> {
    let clock = Clock::start();
    let mut number = 0;
    let (mut tally, mut is_judged) = (Tally::default(), false);
    let mut said = SourceState::Reading;
    while said != SourceState::Ended {
        source.wait().await;
        let mut text = Vec::new();
        let mut written = Ok(());
        source.turn(clock.now(), &mut |item| {
            number += 1;
            let line = match item {
                Item::Line(line) => Line::Whole(line),
                Item::TooLong => Line::TooLong(b""),
            };
            if written.is_ok() {
                let parsed = parse_line(parser, line);
                tally_up(&mut tally, parser, &parsed);
                written = write_parsed(&mut text, parsed, number, rejects);
            }
        });
        written?;
        for news in source.take_news() {
            write_now(News::of_source(source.describe(), news));
        }
        if !is_judged && number >= JUDGED_LINES {
            is_judged = true;
            if let Some(advice) = tally.advice(parser) {
                tracing::warn!("{}", advice.with_options());
            }
        }
        if *source.state() != said {
            said = source.state().clone();
            if let SourceState::Waiting(text) | SourceState::Refused(text) = &said {
                tracing::warn!("{text}");
            }
        }
        if !output.send(text).await {
            return Ok(());
        }
    }
    Ok(())
}

/// What writes while the log is read.
struct Output {
    chunks: mpsc::Sender<Vec<u8>>,
    ended: oneshot::Receiver<io::Result<()>>,
}

impl Output {
    fn start(out: impl Write + Send + 'static) -> io::Result<Self> {
        let (chunks, received) = mpsc::channel(1);
        let (end, ended) = oneshot::channel();
        std::thread::Builder::new()
            .name("output".to_owned())
            .spawn(move || end.send(write_chunks(out, received)))?;
        Ok(Self { chunks, ended })
    }

    /// Waits while the reader is slower than the log; `false` when it has gone away.
    async fn send(&self, text: Vec<u8>) -> bool {
        if text.is_empty() {
            return !self.chunks.is_closed();
        }
        self.chunks.send(text).await.is_ok()
    }

    /// Waits until everything is written.
    async fn finish(self) -> Result<(), ParseError> {
        drop(self.chunks);
        match self.ended.await {
            Ok(Err(error)) if error.kind() != io::ErrorKind::BrokenPipe => {
                Err(ParseError::Output(error))
            }
            Ok(_) | Err(_) => Ok(()),
        }
    }
}

fn write_chunks(mut out: impl Write, mut chunks: mpsc::Receiver<Vec<u8>>) -> io::Result<()> {
    while let Some(chunk) = chunks.blocking_recv() {
        out.write_all(&chunk)?;
        out.flush()?;
    }
    Ok(())
}
