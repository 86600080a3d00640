//! The numbers as one JSON object. Its names and their order are a promise to scripts.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;

use super::{Histogram, ServerStats, Stats};

/// Sorted, as they are written; `other` comes behind them.
const CLASSES: [&str; 5] = ["1xx", "2xx", "3xx", "4xx", "5xx"];

#[derive(Serialize)]
struct StatsObject<'a> {
    lines: u64,
    requests: u64,
    rejected: BTreeMap<&'static str, u64>,
    servers: Vec<ServerObject<'a>>,
}

#[derive(Serialize)]
struct ServerObject<'a> {
    backend: &'a str,
    server: &'a str,
    requests: u64,
    status: BTreeMap<&'static str, u64>,
    response_time: TimesObject,
    queue_time: TimesObject,
    connect_time: TimesObject,
    server_time: TimesObject,
}

/// Milliseconds; all but the count are null without a value.
#[derive(Serialize)]
struct TimesObject {
    count: u64,
    mean: Option<f64>,
    p50: Option<u32>,
    p90: Option<u32>,
    p95: Option<u32>,
    p99: Option<u32>,
    max: Option<u32>,
}

pub(super) fn write(stats: &Stats, out: &mut dyn Write) -> io::Result<()> {
    let object = StatsObject {
        lines: stats.tally().lines(),
        requests: stats.tally().requests(),
        rejected: stats
            .tally()
            .rejected()
            .map(|(reason, count)| (reason.as_str(), count))
            .collect(),
        servers: stats.servers().map(server_object).collect(),
    };
    let mut line = serde_json::to_vec(&object)?;
    line.push(b'\n');
    out.write_all(&line)?;
    out.flush()
}

fn server_object<'a>(
    (backend, server, stats): (&'a str, &'a str, &ServerStats),
) -> ServerObject<'a> {
    let classes = CLASSES.into_iter().zip(stats.status.classes);
    ServerObject {
        backend,
        server,
        requests: stats.requests,
        status: classes.chain([("other", stats.status.other)]).collect(),
        response_time: times_object(&stats.response_time),
        queue_time: times_object(&stats.queue_time),
        connect_time: times_object(&stats.connect_time),
        server_time: times_object(&stats.server_time),
    }
}

fn times_object(histogram: &Histogram) -> TimesObject {
    let summary = histogram.summary();
    TimesObject {
        count: histogram.count(),
        mean: summary.map(|summary| (summary.mean * 1000.0).round() / 1000.0),
        p50: summary.map(|summary| summary.p50),
        p90: summary.map(|summary| summary.p90),
        p95: summary.map(|summary| summary.p95),
        p99: summary.map(|summary| summary.p99),
        max: summary.map(|summary| summary.max),
    }
}
