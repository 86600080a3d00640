//! The whole product in one command, with nothing installed: the real follower, parser, scaler,
//! warm-up and Runtime API client beside a pretend HAProxy, or beside a real one.
//!
//! - [`load`], [`model`], [`warmth`]: the users and how fast they are served; pure
//! - [`pretend_haproxy`], [`pretend_world`], [`httplog`]: HAProxy's part without HAProxy
//! - [`servers`], [`real_world`]: small real HTTP servers; a real HAProxy and real users
//! - [`story`], [`summary`], [`contrast`], [`voice`]: what is told, and how
//!
//! Nothing here decides about servers, and nothing listens beyond loopback.

pub mod contrast;
mod haproxy_texts;
pub mod httplog;
pub mod load;
pub mod model;
pub mod pretend_haproxy;
mod pretend_server;
pub mod pretend_world;
pub mod real_world;
pub mod scenario;
pub mod scratch;
pub mod servers;
pub mod story;
pub mod summary;
pub mod voice;
pub mod warmth;
pub mod world;

use std::io::{self, Write};
use std::path::PathBuf;
use std::pin::pin;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use self::scenario::{Place, Scenario};
use self::scratch::Scratch;
use self::voice::Voice;
use self::world::World;
use crate::config::Config;
use crate::daemon;
use crate::publish::hub::{Hub, Taken};
use crate::publish::record::What;
use crate::scaler::decision::Decision;

/// Decisions waiting to be told; more than this at once are lost, and nothing waits for them.
const MAX_DECISIONS: usize = 256;
/// The daemon ends within this long after it was told to.
const STOP_TIMEOUT: Duration = Duration::from_secs(3);

/// What `haproxy-autoscale demo` was asked for.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// `--haproxy PATH`: play it with this HAProxy.
    pub haproxy: Option<PathBuf>,
    /// Colours are welcome: a terminal, and `NO_COLOR` not set.
    pub color: bool,
    /// How long its parts last, and which users come.
    pub scenario: Scenario,
}

/// Why the demo did not get to its end. Any of them is exit code 1.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The pretend or the real surroundings could not be set up, or broke.
    #[error("{0}")]
    World(String),
    /// The daemon could not start, or ended before the story did.
    #[error("the daemon ended before the story did: {0}")]
    Daemon(String),
    /// Everything ran, but it did not come about.
    #[error("the story did not come about within {limit_s} s: {missing}")]
    Story {
        /// How long was waited, seconds.
        limit_s: u64,
        /// What did not happen.
        missing: String,
    },
    /// Ctrl-C or SIGTERM.
    #[error("interrupted")]
    Interrupted,
    /// The story cannot be written.
    #[error("cannot write the story: {0}")]
    Output(#[from] io::Error),
}

/// Runs the demo and tells it to `out`. Ends by itself in under a minute. `Ok`: it happened as
/// told. Nothing is left behind, neither files nor processes.
///
/// # Errors
///
/// See [`DemoError`].
pub async fn run(options: Options, out: &mut dyn Write) -> Result<(), DemoError> {
    let scratch = Scratch::create().map_err(|error| {
        let parent = std::env::temp_dir();
        DemoError::World(format!(
            "cannot create a folder in {}: {error}; set TMPDIR to a folder that is writable",
            parent.display()
        ))
    })?;
    let place = Place::within(&scratch);
    let scenario = &options.scenario;
    let mut voice = Voice::new(out, options.color);
    story::introduce(&mut voice, options.haproxy.is_some())?;

    let mut world = World::start(options.haproxy.as_deref(), scenario, &place).await?;
    let (decisions_tx, mut decisions) = mpsc::channel(MAX_DECISIONS);
    let (stop_tx, stop) = oneshot::channel();
    let mut daemon = pin!(start_daemon(scenario.config(&place), stop, decisions_tx));
    let told = tokio::select! {
        told = story::tell(&mut world, scenario, &mut decisions, &mut voice) => told,
        ended = &mut daemon => {
            let text = ended.map_or_else(|error| error.to_string(), |()| "no reason given".into());
            return Err(DemoError::Daemon(text));
        }
        interrupted = interrupted() => Err(interrupted),
    };
    // The daemon may be gone already, or need longer than we wait: the story is told either way.
    let _ = stop_tx.send(());
    let _ = timeout(STOP_TIMEOUT, daemon).await;
    summary::sum_up(&told?, &mut voice)?;
    Ok(())
}

/// Waits for Ctrl-C or SIGTERM, so that a HAProxy of ours never outlives us.
async fn interrupted() -> DemoError {
    let signals = (
        signal(SignalKind::interrupt()),
        signal(SignalKind::terminate()),
    );
    let (Ok(mut interrupt), Ok(mut terminate)) = signals else {
        return std::future::pending().await;
    };
    tokio::select! {
        _ = interrupt.recv() => DemoError::Interrupted,
        _ = terminate.recv() => DemoError::Interrupted,
    }
}

/// Runs the real daemon until `stop` fires or its sender is dropped; every decision goes to
/// `decisions`, and is lost when nobody takes it (`try_send`).
async fn start_daemon(
    config: Config,
    stop: oneshot::Receiver<()>,
    decisions: mpsc::Sender<Decision>,
) -> Result<(), DemoError> {
    let stop = async {
        let _ = stop.await;
    };
    let hub = Hub::new();
    let mut readings = hub.read();
    let listen = async {
        while let Some(taken) = readings.next().await {
            if let Taken::Record(record) = taken
                && let What::Decision { decision, .. } = &record.what
            {
                let _ = decisions.try_send(decision.clone());
            }
        }
    };
    let (ended, ()) = tokio::join!(daemon::run(config, stop, hub), listen);
    ended.map_err(|error| DemoError::Daemon(error.to_string()))
}
