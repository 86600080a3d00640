//! Every metric of the daemon, a row each; what is measured stands in the row, nowhere else.

mod alerts;
mod backends;
mod daemon;
mod machines;
mod servers;

use super::table::Metric;

/// All of them, without the process's own.
pub(super) static ALL: [&[Metric]; 5] = [
    daemon::ROWS,
    backends::ROWS,
    servers::ROWS,
    machines::ROWS,
    alerts::ROWS,
];
