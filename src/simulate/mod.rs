//! `simulate`: the same scaler in a closed loop, against queues in virtual time, beside other policies on
//! the same arrivals and the same service time for each request.
//!
//! - [`engine`]: HAProxy's queue, servers and their workers, event by event
//! - [`load`]: who comes and how much work it is
//! - [`control`]: who decides about servers: ours, and the others
//! - [`plan`]: from options to a [`scenario`]; [`run`], [`compare`]: what becomes of it
//! - [`supply`]: what servers take and cost beside their work
//! - [`trial`]: one of our settings on it; [`search`]: which are tried; [`cheapest`]: the cheapest of many
//! - [`measure`], [`elasticity`], [`staffing`]: what a run is judged by; [`as_logged`]: how honest that is
//! - `table`, `json`, `page`: the same for people, programs and browsers
//!
//! Nothing here decides for the daemon, and nothing asks for the time.

pub mod as_logged;
pub mod cheapest;
pub mod compare;
pub mod control;
pub mod elasticity;
pub mod engine;
mod json;
pub mod load;
pub mod measure;
mod page;
pub mod plan;
pub mod policy;
pub mod run;
pub mod scenario;
pub mod search;
pub mod staffing;
pub mod supply;
pub(crate) mod table;
pub mod trial;
pub(crate) mod tried_json;

use std::fs;
use std::io::{self, Write};

use self::as_logged::ModelCheck;
use self::cheapest::Search;
use self::load::rates::RatesError;
use self::policy::Policy;
use self::scenario::{Run, Scenario};
use self::trial::Setting;
use crate::log::recorded::InputError;

pub use self::plan::{Options, SERVERS_MAX, Source};

/// Why a simulation ended early.
#[derive(Debug, thiserror::Error)]
pub enum SimulateError {
    /// A log could not be read.
    #[error(transparent)]
    Input(#[from] InputError),
    /// Rates could not be read.
    #[error(transparent)]
    Rates(#[from] RatesError),
    /// There were lines, and none of them could be read.
    #[error("nothing of the log could be read: {0}")]
    NothingRead(String),
    /// A request of which nobody knows when it was.
    #[error("cannot simulate the log: {}", crate::log::line::NO_DATE)]
    NoDate,
    /// More than fit into memory.
    #[error(
        "the log has more than {} requests; choose a part of it with --since and --until",
        load::recorded::REQUESTS_MAX
    )]
    TooMany,
    /// More seconds than are simulated.
    #[error(
        "the log goes over {0}, and at most 31 days are simulated; choose a part of it with --since and \
         --until"
    )]
    TooLong(String),
    /// Nobody came.
    #[error("the log has no request of that backend; it has requests of: {0}")]
    NoRequests(String),
    /// A choice is missing.
    #[error("the log has requests of several backends; name one of them with --backend: {0}")]
    SeveralBackends(String),
    /// No request was answered.
    #[error("no request of the log was answered: say how long they take with --service exp:60ms")]
    NoService,
    /// It needs a log.
    #[error("`--service log` needs a log; say how long requests take with --service exp:60ms")]
    ServiceWithoutLog,
    /// No rate is above 0.
    #[error("no request would come: every rate is 0")]
    NoLoad,
    /// More dear spares than spares.
    #[error(
        "--tier makes {wanted} spares dearer and there are {there}; say how many servers there are with --servers"
    )]
    FewSpares { wanted: usize, there: usize },
    /// An option speaks of nobody.
    #[error(
        "{option} speaks of tier {tier} and no server is of it; say how many are with --tier {tier}=N, or with \
         `tier` in [backend.NAME.server.SERVER] of the configuration"
    )]
    NoSuchTier { option: &'static str, tier: u32 },
    /// The engine is wrong.
    #[error(
        "the run of {} lost requests (Little's law does not hold), so its numbers would be wrong; please \
         report it with the command line",
        .0.as_str()
    )]
    Unbalanced(Policy),
    /// The page could not be written.
    #[error("cannot write {path}: {source}")]
    Page {
        path: String,
        #[source]
        source: io::Error,
    },
    /// The output could not be written.
    #[error("cannot write the output: {0}")]
    Output(#[source] io::Error),
}

/// All that is shown in the end.
#[derive(Debug)]
pub(crate) struct Results<'a> {
    pub(crate) scenario: &'a Scenario,
    pub(crate) runs: &'a [Run],
    pub(crate) model: Option<ModelCheck>,
    pub(crate) notes: &'a [String],
    /// The cheapest settings, if they were asked for.
    pub(crate) cheapest: Option<&'a Search>,
}

/// Runs all policies and prints what became of them to `out`, and as a page if one is wanted.
///
/// # Errors
/// Input that cannot be read; output that cannot be written.
pub fn simulate(options: &Options, out: &mut dyn Write) -> Result<(), SimulateError> {
    let plan = plan::plan(options)?;
    let runs = compare::compare(&plan.scenario, &options.policies)?;
    let cheapest = options.slow_share_max.map(|slow_share_max| {
        let today = Setting::of(&plan.scenario);
        Search::of(&plan.scenario, today, slow_share_max)
    });
    let cheapest = cheapest.transpose()?;
    let results = Results {
        scenario: &plan.scenario,
        runs: &runs,
        model: plan.model,
        notes: &plan.notes,
        cheapest: cheapest.as_ref(),
    };
    if let Some(path) = &options.html {
        fs::write(path, page::page(&results)).map_err(|source| SimulateError::Page {
            path: path.display().to_string(),
            source,
        })?;
    }
    let written = if options.json {
        json::write(&results, out)
    } else {
        table::write(&results, out)
    };
    written.map_err(SimulateError::Output)
}
