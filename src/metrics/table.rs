//! What one row of the tables of metrics says, and how its samples are written.

use std::fmt;

use prometheus_client::encoding::MetricEncoder;
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::exemplar::Exemplar;

use super::histogram::Histogram;
use super::{Seen, Served};

/// One metric.
pub struct Metric {
    /// Without prefix, and without `_total`.
    pub name: &'static str,
    pub kind: Kind,
    /// Names of its labels, in the order of their values.
    pub labels: &'static [&'static str],
    pub help: &'static str,
    pub(super) write: fn(&Sight<'_>, &mut Samples<'_>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Only grows, and begins at 0 with each daemon.
    Counter,
    Gauge,
    Histogram,
}

impl Metric {
    /// Its name without prefix.
    pub fn full_name(&self) -> String {
        let end = if self.kind == Kind::Counter {
            "_total"
        } else {
            ""
        };
        format!("{}{end}", self.name)
    }
}

impl Kind {
    pub(super) const fn of_client(self) -> MetricType {
        match self {
            Self::Counter => MetricType::Counter,
            Self::Gauge => MetricType::Gauge,
            Self::Histogram => MetricType::Histogram,
        }
    }

    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
        }
    }
}

/// What is written.
pub(super) struct Sight<'a> {
    pub(super) seen: &'a Seen,
    pub(super) served: Served,
}

/// Where the samples of one metric go. What cannot be written ends all of it.
pub(super) struct Samples<'e> {
    encoder: MetricEncoder<'e>,
    metric: &'static Metric,
    written: fmt::Result,
}

/// Exemplars, which nobody gives.
type NoExemplar = Option<&'static Exemplar<[(&'static str, &'static str); 0], f64>>;

impl<'e> Samples<'e> {
    pub(super) const fn new(encoder: MetricEncoder<'e>, metric: &'static Metric) -> Self {
        Self {
            encoder,
            metric,
            written: Ok(()),
        }
    }

    pub(super) const fn finish(self) -> fmt::Result {
        self.written
    }

    /// A number with the values of its labels.
    pub(super) fn number(&mut self, values: &[&str], number: f64) {
        let is_counter = self.metric.kind == Kind::Counter;
        self.write(values, |encoder| {
            if is_counter {
                encoder.encode_counter(&number, NoExemplar::None)
            } else {
                encoder.encode_gauge(&number)
            }
        });
    }

    /// The same, if it is known; otherwise there is no sample.
    pub(super) fn known(&mut self, values: &[&str], number: Option<f64>) {
        if let Some(number) = number {
            self.number(values, number);
        }
    }

    /// 1 or 0.
    pub(super) fn flag(&mut self, values: &[&str], is_so: bool) {
        self.number(values, f64::from(u8::from(is_so)));
    }

    /// A whole number.
    pub(super) fn count(&mut self, values: &[&str], count: u64) {
        let is_counter = self.metric.kind == Kind::Counter;
        self.write(values, |encoder| {
            if is_counter {
                encoder.encode_counter(&count, NoExemplar::None)
            } else {
                encoder.encode_gauge(&count)
            }
        });
    }

    pub(super) fn histogram(&mut self, values: &[&str], of: &Histogram) {
        self.write(values, |encoder| {
            encoder.encode_histogram::<[(&str, &str); 0]>(
                of.sum_s(),
                of.count(),
                &of.buckets(),
                None,
            )
        });
    }

    fn write(
        &mut self,
        values: &[&str],
        write: impl FnOnce(&mut MetricEncoder<'_>) -> fmt::Result,
    ) {
        debug_assert_eq!(
            values.len(),
            self.metric.labels.len(),
            "{}",
            self.metric.name
        );
        if self.written.is_err() {
            return;
        }
        let labels = self.metric.labels.iter().copied();
        let labels: Vec<(&str, &str)> = labels.zip(values.iter().copied()).collect();
        self.written = self
            .encoder
            .encode_family(&labels)
            .and_then(|mut encoder| write(&mut encoder));
    }
}

/// Rows of metrics: `KIND "NAME" ["LABEL", …] "HELP" |sight, to| …;`.
macro_rules! rows {
    ($($kind:ident $name:literal [$($label:literal),*] $help:literal $write:expr;)*) => {
        &[$($crate::metrics::table::Metric {
            name: $name,
            kind: $crate::metrics::table::Kind::$kind,
            labels: &[$($label),*],
            help: $help,
            write: $write,
        }),*]
    };
}

pub(super) use rows;
