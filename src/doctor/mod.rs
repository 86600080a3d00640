//! `doctor`: every link between haproxy.cfg, the log, the sockets, rights, spares and us, each finding with
//! the line that mends it. Changes nothing.
//!
//! - [`host`], [`mod@gather`] (`log_place`, `log_tail`, `system`, `spares`): what is looked at; [`facts`]: what was seen
//! - [`checks`]: small functions over the facts; [`finding`]: what they can find
//! - [`shown`]: findings for people and for scripts

pub mod checks;
pub mod facts;
pub mod finding;
pub mod gather;
pub mod host;
pub mod log_place;
mod log_tail;
mod machines;
pub mod shown;
mod spares;
mod system;

pub use self::checks::examine;
pub use self::facts::Facts;
pub use self::finding::{Code, Finding, Fix, Level};
pub use self::gather::{Options, gather};
pub use self::host::Host;

/// Whether there is nothing but advice.
pub fn is_well(findings: &[Finding]) -> bool {
    findings.iter().all(|it| it.level == Level::Advice)
}
