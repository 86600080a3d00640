//! `events`, `explain`, `report`: what happened and why. Where that comes from and how it is shown lives in
//! `history`.

use std::collections::BTreeSet;
use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

use clap::Args;
use jiff::tz::TimeZone;

use super::{
    ConfigFile, EXIT_FAILED, EXIT_NOT_RUNNING, EXIT_UNKNOWN, cannot_write, complain, since,
    with_config, with_control_socket,
};
use crate::history::{self, Found, Listed, Places, Source};
use crate::status;
use crate::words::moment::clock;

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

/// Hands `act` what happened, and the backends that are looked after.
fn with_events(path: &Path, act: impl FnOnce(Source, BTreeSet<String>) -> u8) -> u8 {
    with_config(path, EXIT_FAILED, |config| {
        let places = Places::of(&config);
        match Source::find(&places) {
            Ok(source) => act(source, places.backends),
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
    with_events(&config.config, |mut source, configured| {
        let mut out = io::BufWriter::new(io::stdout().lock());
        let mut is_first = true;
        loop {
            let found = history::list(&mut source, &listed, &mut out);
            if let Ok(found) = &found
                && std::mem::take(&mut is_first)
                && found.shown == 0
            {
                if let Some(unknown) = unknown(&listed, found, configured.clone()) {
                    complain(&unknown);
                    return EXIT_FAILED;
                }
                if !follow {
                    complain(&nothing(&listed, found));
                }
            }
            match found {
                Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return 0,
                Err(error) => {
                    complain(&format!("cannot show the events: {error}"));
                    return EXIT_FAILED;
                }
                Ok(_) if !follow => return 0,
                Ok(_) => std::thread::sleep(LOOK_EVERY),
            }
        }
    })
}

/// The backend that is asked for, if neither the configuration nor an event knows it.
fn unknown(listed: &Listed, found: &Found, mut known: BTreeSet<String>) -> Option<String> {
    known.extend(found.backends.iter().cloned());
    let backend = listed.backend.as_ref()?;
    let known: Vec<_> = known.iter().map(String::as_str).collect();
    let is_known = known.contains(&backend.as_str());
    (!is_known).then(|| {
        let known = known.join(", ");
        format!("no backend {backend} in the configuration or the events; known: {known}")
    })
}

/// That nothing is shown.
fn nothing(listed: &Listed, found: &Found) -> String {
    let of = listed.backend.as_ref();
    let of = of.map_or_else(String::new, |backend| format!(" of {backend}"));
    let since = listed.since.map_or_else(
        || " yet".to_owned(),
        |since| {
            let since = clock(since, &TimeZone::system());
            format!(
                " since {} {:02}:{:02}",
                since.date(),
                since.hour(),
                since.minute()
            )
        },
    );
    let minor = if found.minor > 0 {
        "; `--all` shows why nothing was done"
    } else {
        ""
    };
    format!("no events{of}{since}{minor}")
}

#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    #[command(flatten)]
    config: ConfigFile,
    /// Print one JSON object for each backend
    #[arg(long)]
    json: bool,
    /// Which backend; all of them if omitted
    #[arg(value_name = "BACKEND")]
    backend: Option<String>,
}

pub(super) fn explain(args: &ExplainArgs) -> u8 {
    with_control_socket(&args.config.config, |socket| {
        let explained = match status::explain(socket, args.backend.as_deref()) {
            Ok(explained) => explained,
            Err(error) => {
                complain(&error);
                return EXIT_NOT_RUNNING;
            }
        };
        if let Some(backend) = args.backend.as_ref().filter(|_| explained.is_empty()) {
            complain(&format!(
                "no backend {backend} is looked after; `status` lists those that are"
            ));
            return EXIT_UNKNOWN;
        }
        shown(history::explain(
            &explained,
            args.json,
            &mut io::stdout().lock(),
        ))
    })
}

#[derive(Debug, Args)]
pub(super) struct ReportArgs {
    #[command(flatten)]
    config: ConfigFile,
    /// From when on, such as 7d, 03:10 today or 2026-11-21; by default the last 24 hours
    #[arg(long, value_name = "TIME", value_parser = since::wall)]
    since: Option<SystemTime>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

pub(super) fn report(args: ReportArgs) -> u8 {
    let ReportArgs {
        config,
        since,
        json,
    } = args;
    with_config(&config.config, EXIT_FAILED, |config| {
        // A daemon at work has counted since it told that last; one that does not run has not.
        let untold = history::untold(&config.control_socket);
        let to = SystemTime::now();
        let from = since.unwrap_or_else(|| to.checked_sub(history::LOOKS_BACK).unwrap_or(to));
        let places = Places::of(&config);
        let summed = Source::find(&places).and_then(|mut source| {
            let summed = history::sum_up(&mut source, &untold, &places.backends, (from, to));
            summed.map_err(|error| format!("cannot read the events: {error}"))
        });
        match summed {
            Ok(summary) => shown(history::report(&summary, json, &mut io::stdout().lock())),
            Err(error) => {
                complain(&error);
                EXIT_FAILED
            }
        }
    })
}

fn shown(written: io::Result<()>) -> u8 {
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => cannot_write(&error),
        Ok(()) | Err(_) => 0,
    }
}
