//! The daemon as numbers for Prometheus: `rows` has a row for each metric, `counters` and `actions`
//! what the daemon counts, `process` what the kernel knows. Written by `prometheus-client`, as classic text or as
//! `OpenMetrics`. Serving it lives in `http`.

mod actions;
mod alerts;
mod counters;
mod histogram;
mod process;
mod rows;
mod table;
mod trigger;

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, prometheus_text, text};
use prometheus_client::registry::Registry;

use self::table::{Samples, Sight};
use crate::log::lines;
use crate::status::Report;

pub use self::actions::{Action, Outcome};
pub use self::alerts::{AlertCounts, ChannelCounts};
pub use self::counters::{Counters, Totals};
pub use self::table::{Kind, Metric};
pub use self::trigger::Trigger;

/// What every name of ours begins with.
pub const PREFIX: &str = "haproxy_autoscale_";

/// One look at a running daemon.
#[derive(Clone, Debug)]
pub struct Seen {
    /// When that was, by the wall clock.
    pub at: SystemTime,
    /// What `status` shows.
    pub report: Report,
    pub counters: Counters,
    /// What the log's source counted.
    pub log: lines::Counters,
    /// HAProxy's admin socket.
    pub socket: String,
}

/// What the HTTP server knows of itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Served {
    pub connections: usize,
    /// Of them those that wait for events.
    pub streams: usize,
    /// Answers by class of status, from `1xx`.
    pub answers: [u64; 5],
    /// Connections that were turned away.
    pub turned_away: u64,
}

/// How it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// `text/plain; version=0.0.4`.
    Classic,
    OpenMetrics,
}

impl Format {
    /// Its media type.
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::Classic => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// Every metric, with its whole name.
pub fn all() -> impl Iterator<Item = (String, &'static Metric)> {
    let ours = rows::ALL.iter().copied().flatten();
    let ours = ours.map(|metric| (format!("{PREFIX}{}", metric.full_name()), metric));
    let process = process::ROWS.iter();
    ours.chain(process.map(|metric| (metric.full_name(), metric)))
}

/// All of it as text.
///
/// # Errors
/// None that is known: writing into memory.
pub fn text(seen: &Arc<Seen>, served: Served, format: Format) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    let page = |prefix, rows| Page {
        seen: Arc::clone(seen),
        served,
        prefix,
        rows,
    };
    for rows in rows::ALL {
        registry.register_collector(Box::new(page(PREFIX, rows)));
    }
    registry.register_collector(Box::new(page("", process::ROWS)));
    let mut page = String::new();
    match format {
        Format::Classic => prometheus_text::encode(&mut page, &registry)?,
        Format::OpenMetrics => text::encode(&mut page, &registry)?,
    }
    Ok(page)
}

/// Some rows, filled in.
struct Page {
    seen: Arc<Seen>,
    served: Served,
    prefix: &'static str,
    rows: &'static [Metric],
}

impl fmt::Debug for Page {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Page").finish_non_exhaustive()
    }
}

impl Collector for Page {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let sight = Sight {
            seen: &self.seen,
            served: self.served,
        };
        for metric in self.rows {
            let name = format!("{}{}", self.prefix, metric.name);
            let kind = metric.kind.of_client();
            let encoder = encoder.encode_descriptor(&name, metric.help, None, kind)?;
            let mut samples = Samples::new(encoder, metric);
            (metric.write)(&sight, &mut samples);
            samples.finish()?;
        }
        Ok(())
    }
}
