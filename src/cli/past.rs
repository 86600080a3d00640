//! `events`: what happened. Where events come from and how they are shown lives in `history`.

use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

use clap::Args;

use super::{ConfigFile, EXIT_FAILED, complain, since, with_config};
use crate::config::Config;
use crate::history::{self, Listed, Places, Source};

/// `events -f` looks so often for new ones.
const LOOK_EVERY: Duration = Duration::from_millis(250);

#[derive(Debug, Args)]
pub(super) struct EventsArgs {
    #[command(flatten)]
    config: ConfigFile,
    /// Keep running, and print each event as it comes
    #[arg(short, long)]
    follow: bool,
    /// Only events since then: 10m ago, 03:10 today, 2026-11-21, 2026-11-21T23:00, or RFC 3339
    #[arg(long, value_name = "TIME", value_parser = since::wall)]
    since: Option<SystemTime>,
    /// Only events of this backend
    #[arg(long, value_name = "BACKEND")]
    backend: Option<String>,
    /// Also why nothing was done, one event for each change of the reason
    #[arg(long)]
    all: bool,
    /// Print one JSON object for each event
    #[arg(long)]
    json: bool,
}

/// Where events of that configuration's daemon may be.
fn places(config: &Config) -> Places {
    let files = [config.events_file(), config.other_events_file()];
    Places {
        files: files.into_iter().flatten().collect(),
        control_socket: config.control_socket.clone(),
    }
}

/// Hands `act` what happened.
fn with_events(path: &Path, act: impl FnOnce(Source) -> u8) -> u8 {
    with_config(path, EXIT_FAILED, |config| {
        match Source::find(&places(&config)) {
            Ok(source) => act(source),
            Err(error) => {
                complain(&error);
                EXIT_FAILED
            }
        }
    })
}

pub(super) fn events(args: EventsArgs) -> u8 {
    let EventsArgs {
        config,
        follow,
        since,
        backend,
        all,
        json,
    } = args;
    let listed = Listed {
        since,
        backend,
        all,
        json,
    };
    with_events(&config.config, |mut source| {
        let mut out = io::BufWriter::new(io::stdout().lock());
        loop {
            match history::list(&mut source, &listed, &mut out) {
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return 0,
                Err(error) => {
                    complain(&format!("cannot show the events: {error}"));
                    return EXIT_FAILED;
                }
                Ok(()) if !follow => return 0,
                Ok(()) => std::thread::sleep(LOOK_EVERY),
            }
        }
    })
}
