//! The command line: arguments, what goes to which stream, exit codes. Decides nothing.

mod alerts;
mod bar;
mod completions;
mod doctor;
mod init;
mod logs;
mod man;
mod order;
mod past;
mod simulate;
mod since;
mod supply;
mod top;
mod tune;

use std::fmt;
use std::io::{self, IsTerminal as _, Write};
use std::os::fd::AsFd as _;
use std::os::unix::fs::FileTypeExt as _;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anstream::ColorChoice;
use clap::{Args, Parser, Subcommand};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tracing::field::Field;
use tracing_subscriber::fmt::format::{self, debug_fn};

use self::logs::{PeriodArgs, today_ms};
use crate::config::{self, Config, Mode};
use crate::demo::DemoError;
use crate::log::recorded::Progress;
use crate::publish::Readers;
use crate::publish::hub::Hub;
use crate::{control, daemon, demo, replay, status};

pub use self::bar::{Bar, Beside};

/// As it is typed.
const PROGRAM: &str = "haproxy-autoscale";

/// Where the configuration is unless `-c` or the environment says otherwise.
const CONFIG_DEFAULT: &str = "/etc/haproxy-autoscale/config.toml";

/// The environment's word for it.
const CONFIG_VARIABLE: &str = "HAPROXY_AUTOSCALE_CONFIG";

/// Something failed; its text was printed.
const EXIT_FAILED: u8 = 1;
/// `tune`: the log cannot tell.
const EXIT_CANNOT_TELL: u8 = 4;
/// The command line is wrong, as clap ends.
const EXIT_USAGE: u8 = 2;
/// `status --check`: something keeps the daemon from working.
const EXIT_PROBLEM: u8 = 2;
/// `status` and orders: no daemon runs (LSB's code for that).
const EXIT_NOT_RUNNING: u8 = 3;
/// A backend or server that is not there.
const EXIT_UNKNOWN: u8 = 4;
/// `run`: another daemon acts on that socket (`EX_TEMPFAIL` of sysexits.h).
const EXIT_LOCKED: u8 = 75;
/// `run`: bad configuration (`EX_CONFIG` of sysexits.h).
const EXIT_CONFIG: u8 = 78;

/// Enable a spare HAProxy server before users notice, and put it away when it is quiet.
#[derive(Debug, Parser)]
#[command(
    version,
    arg_required_else_help = true,
    after_help = "\
Examples:
  haproxy-autoscale demo
  haproxy-autoscale stats /var/log/haproxy.log
  haproxy-autoscale replay -c config.toml /var/log/haproxy.log.*.gz"
)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Watch the whole product work against a pretend HAProxy (nothing to install)
    Demo {
        /// Use this real HAProxy instead of the pretend one
        #[arg(long, value_name = "PATH")]
        haproxy: Option<PathBuf>,
    },
    /// Find every mistake in the configuration in one run; reads only the file
    Check {
        #[command(flatten)]
        config: ConfigFile,
    },
    /// Write a first configuration from what is found, and say what haproxy.cfg lacks
    Init(init::InitArgs),
    /// Check every link between HAProxy and the daemon, and print the lines that mend what is wrong
    Doctor(doctor::DoctorArgs),
    /// Run the daemon in the foreground (what systemd starts)
    Run {
        #[command(flatten)]
        config: ConfigFile,
        /// Dry run: log decisions, change nothing in HAProxy, contact no spare
        #[arg(long)]
        observe: bool,
    },
    /// Show what the running daemon sees, does and will do next
    Status {
        #[command(flatten)]
        config: ConfigFile,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
        /// Exit with 2 when there is a problem, for monitoring
        #[arg(long)]
        check: bool,
    },
    /// Show the same live in the terminal, with keys for orders
    Top(top::TopArgs),
    /// Show what happened, newest last; needs no running daemon
    Events(past::EventsArgs),
    /// Say why a backend does what it does, why it does nothing, and what comes next
    Explain(past::ExplainArgs),
    /// Sum up what was changed, what that took and saved, and what users met
    Report(past::ReportArgs),
    /// Alerts: send a test message
    Alerts(alerts::AlertsArgs),
    #[command(flatten)]
    Order(order::Command),
    /// Print what is read from each log line, as JSON
    Parse(logs::Parse),
    /// Count requests and status classes, and print percentiles of every timer, for each server
    Stats(logs::Stats),
    /// Show what would have been decided over recorded logs
    Replay {
        #[command(flatten)]
        config: ConfigFile,
        /// Print one JSON object per line
        #[arg(long)]
        json: bool,
        /// How long each warm-up is assumed to take
        #[arg(long, value_name = "DURATION", default_value = "0s", value_parser = control::duration)]
        warm_up: Duration,
        #[command(flatten)]
        period: PeriodArgs,
        /// Logs, plain, .gz or .zst, in any order; `-` is standard input
        #[arg(required = true, value_name = "LOG")]
        logs: Vec<String>,
    },
    /// Compare this autoscaler with others on a load, against queues in virtual time
    Simulate(Box<simulate::SimulateArgs>),
    /// Find out from recorded logs what one server carries, and which settings follow from that
    Tune(Box<tune::TuneArgs>),
    /// Print a script with which a shell completes commands and options
    Completions {
        /// For which shell
        #[arg(value_name = "SHELL")]
        shell: completions::For,
    },
    /// Print the manual page, or write all pages into a directory
    Man(man::ManArgs),
}

#[derive(Debug, Args)]
struct ConfigFile {
    /// Configuration file
    #[arg(
        short,
        long = "config",
        value_name = "FILE",
        env = CONFIG_VARIABLE,
        default_value = CONFIG_DEFAULT
    )]
    config: PathBuf,
}

/// A configuration that is read where one is named.
#[derive(Debug, Args)]
struct MaybeConfigFile {
    /// Configuration file; without it the built-in defaults hold
    #[arg(
        short,
        long = "config",
        value_name = "FILE",
        env = CONFIG_VARIABLE
    )]
    config: Option<PathBuf>,
}

/// Runs one command; what it says has gone to standard output and standard error.
pub fn run(cli: Cli) -> ExitCode {
    let code = match cli.command {
        Command::Demo { haproxy } => run_demo(haproxy),
        Command::Check { config } => {
            let color = wants_color(&io::stderr());
            let (mut out, mut err) = (io::stdout().lock(), io::stderr().lock());
            let checked = config::check::check(&config.config, &mut out, &mut err, color);
            drop((out, err));
            checked.unwrap_or_else(|error| cannot_write(&error))
        }
        Command::Init(args) => init::run(&args),
        Command::Doctor(args) => doctor::run(&args),
        Command::Run { config, observe } => run_daemon(&config.config, observe),
        Command::Status {
            config,
            json,
            check,
        } => run_status(&config.config, json, check),
        Command::Top(args) => top::run(args),
        Command::Events(args) => past::events(args),
        Command::Explain(args) => past::explain(&args),
        Command::Report(args) => past::report(args),
        Command::Alerts(args) => alerts::run(&args),
        Command::Order(order) => order::run(order),
        Command::Parse(args) => logs::parse(args),
        Command::Stats(args) => logs::stats(args),
        Command::Replay {
            config,
            json,
            warm_up,
            period,
            logs,
        } => {
            let options = replay::Options {
                json,
                warm_up,
                period: period.period(),
                progress: Progress::default(),
                today_ms: today_ms(),
            };
            run_replay(&config.config, &logs, &options)
        }
        Command::Simulate(args) => simulate::run(*args),
        Command::Tune(args) => tune::run(*args),
        Command::Completions { shell } => completions::run(shell),
        Command::Man(args) => man::run(&args),
    };
    ExitCode::from(code)
}

fn run_replay(config: &Path, logs: &[String], options: &replay::Options) -> u8 {
    with_config(config, EXIT_FAILED, |config| {
        let is_ours = io::stdout().is_terminal() || writes_to_file();
        let bar = bar(is_ours, &options.progress);
        let (stdout, mut err): (Box<dyn Write>, Box<dyn Write>) = match &bar {
            Some(bar) => (
                Box::new(bar.beside(io::stdout())),
                Box::new(bar.beside(io::stderr())),
            ),
            None => (Box::new(io::stdout().lock()), Box::new(io::stderr())),
        };
        let mut out = io::BufWriter::new(stdout);
        let replayed = replay::replay(&config, logs, options, &mut out, &mut err);
        drop(bar);
        finish(replayed)
    })
}

/// Prints why a command failed, if it did.
fn finish<E: fmt::Display>(result: Result<(), E>) -> u8 {
    match result {
        Ok(()) => 0,
        Err(error) => {
            complain(&error);
            EXIT_FAILED
        }
    }
}

/// The exit code after writing to standard output; a reader that went away wants no more.
fn written(result: io::Result<()>) -> u8 {
    match result {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => cannot_write(&error),
        Ok(()) | Err(_) => 0,
    }
}

fn complain(error: &dyn fmt::Display) {
    // Nobody is left to tell when standard error is gone.
    let _ = writeln!(io::stderr(), "haproxy-autoscale: {error}");
}

fn cannot_write(error: &io::Error) -> u8 {
    complain(&format!("cannot write the output: {error}"));
    EXIT_FAILED
}

/// `NO_COLOR`, `CLICOLOR_FORCE`, `TERM=dumb` and terminals, as everybody expects.
fn wants_color(stream: &impl anstream::stream::RawStream) -> bool {
    match anstream::AutoStream::choice(stream) {
        ColorChoice::Never | ColorChoice::Auto => false,
        ColorChoice::AlwaysAnsi | ColorChoice::Always => true,
    }
}

/// A progress bar, if it would disturb nothing: on a terminal that can erase a line, and `wanted`.
fn bar(wanted: bool, progress: &Progress) -> Option<Bar> {
    let is_dumb = std::env::var_os("TERM").is_none_or(|term| term.is_empty() || term == "dumb");
    let shows = wanted && !is_dumb && io::stderr().is_terminal();
    shows.then(|| Bar::start(progress.clone(), io::stderr()))
}

/// Whether standard output is neither a terminal nor a pipe, behind which another program may write
/// to the same terminal.
fn writes_to_file() -> bool {
    let Ok(stdout) = io::stdout().as_fd().try_clone_to_owned() else {
        return false;
    };
    let metadata = std::fs::File::from(stdout).metadata();
    !io::stdout().is_terminal()
        && metadata.is_ok_and(|it| it.is_file() || it.file_type().is_char_device())
}

/// Loads the configuration, showing its warnings, or its mistakes and `failed` as the exit code.
fn with_config(path: &Path, failed: u8, act: impl FnOnce(Config) -> u8) -> u8 {
    let color = wants_color(&io::stderr());
    match config::load(path) {
        Ok(loaded) => {
            let _ = io::stderr().write_all(loaded.render_warnings(color).as_bytes());
            act(loaded.config)
        }
        Err(errors) => {
            let _ = io::stderr().write_all(errors.report(color).as_bytes());
            failed
        }
    }
}

fn run_daemon(path: &Path, observe: bool) -> u8 {
    with_config(path, EXIT_CONFIG, |config| {
        start_tracing();
        let hub = Hub::new();
        let readers = Readers::start(&hub);
        let result = on_runtime(async {
            keep_running(path, config, observe, hub)
                .await
                .map_err(|error| error.to_string())
        });
        readers.finish();
        result.unwrap_or_else(|error| {
            complain(&error);
            EXIT_FAILED
        })
    })
}

/// Runs the daemon, and hands it what each SIGHUP finds in the file.
async fn keep_running(path: &Path, mut config: Config, observe: bool, hub: Hub) -> io::Result<u8> {
    let mut hangup = signal(SignalKind::hangup())?;
    let stop = stop_requested()?;
    if observe {
        config.mode = Mode::Observe;
    }
    let supervisor = daemon::Supervisor::from_env();
    let (sender, reloads) = mpsc::channel(1);
    let watch = async {
        while hangup.recv().await.is_some() {
            // A daemon that has ended needs no configuration.
            let _ = sender.send(read_again(path, observe)).await;
        }
        std::future::pending::<()>().await;
    };
    let ended = tokio::select! {
        ended = daemon::run_with(config, stop, reloads, supervisor, hub) => ended,
        () = watch => Ok(()),
    };
    match ended {
        Ok(()) => Ok(0),
        Err(error @ daemon::DaemonError::Locked { .. }) => {
            complain(&error);
            Ok(EXIT_LOCKED)
        }
    }
}

/// The file once more; its mistakes and warnings are shown here.
fn read_again(path: &Path, observe: bool) -> daemon::Reload {
    let color = wants_color(&io::stderr());
    match config::load(path) {
        Ok(mut loaded) => {
            let _ = io::stderr().write_all(loaded.render_warnings(color).as_bytes());
            if observe {
                loaded.config.mode = Mode::Observe;
            }
            daemon::Reload::Config(Box::new(loaded.config))
        }
        Err(errors) => {
            let _ = io::stderr().write_all(errors.report(color).as_bytes());
            daemon::Reload::bad(path, &errors)
        }
    }
}

/// Where the daemon listens, for a command that asks it. A file with mistakes is enough for that if
/// somebody listens there; one that cannot say where is taken to mean the usual place.
fn with_control_socket(path: &Path, act: impl FnOnce(&Path) -> u8) -> u8 {
    if let Err(errors) = config::load(path)
        && let Some(found) = config::control_socket_of(path)
        && UnixStream::connect(&found.path).is_ok()
    {
        let usual = if found.is_named {
            ""
        } else {
            ", the usual socket, as the file does not say which"
        };
        complain(&format!(
            "{} has mistakes, `check` shows them: {}; asking the daemon on {}{usual}",
            path.display(),
            errors.in_short(),
            found.path.display()
        ));
        return act(&found.path);
    }
    with_config(path, EXIT_FAILED, |config| act(&config.control_socket))
}

fn run_status(path: &Path, json: bool, check: bool) -> u8 {
    with_control_socket(path, |socket| match status::status(socket, json) {
        Ok(shown) => match io::stdout().write_all(shown.text.as_bytes()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => cannot_write(&error),
            Ok(()) | Err(_) if check && !shown.is_well => EXIT_PROBLEM,
            Ok(()) | Err(_) => 0,
        },
        Err(error) => {
            complain(&error);
            EXIT_NOT_RUNNING
        }
    })
}

fn run_demo(haproxy: Option<PathBuf>) -> u8 {
    let color = wants_color(&io::stdout());
    let options = demo::Options {
        haproxy,
        color,
        ..demo::Options::default()
    };
    finish(on_runtime(async {
        match demo::run(options, &mut io::stdout().lock()).await {
            // Nobody wants to hear the rest of the story.
            Err(DemoError::Output(error)) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            told => told.map_err(|error| error.to_string()),
        }
    }))
}

/// One thread: the daemon is one loop with one owner.
fn on_runtime<T>(work: impl Future<Output = Result<T, String>>) -> Result<T, String> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| format!("cannot start: {error}"))?;
    let ended = runtime.block_on(work);
    // A lookup of a name whose server is gone takes half a minute: it is not waited for.
    runtime.shutdown_background();
    ended
}

/// Ends with SIGTERM or SIGINT.
fn stop_requested() -> io::Result<impl Future<Output = ()>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

/// One field of a line of the daemon's log. Backend and server stand in the sentence already.
fn write_field(
    writer: &mut format::Writer<'_>,
    field: &Field,
    value: &dyn fmt::Debug,
) -> fmt::Result {
    match field.name() {
        "message" => write!(writer, "{value:?}"),
        "change" | "backend" | "server" => Ok(()),
        name => write!(writer, " {name}={value:?}"),
    }
}

/// The daemon's log goes to standard error; journald adds the time itself.
fn start_tracing() {
    use tracing_subscriber::EnvFilter;
    let filter =
        EnvFilter::try_from_env("HAPROXY_AUTOSCALE_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(io::stderr)
        // A standard error that is gone must not take the daemon with it.
        .log_internal_errors(false)
        .with_target(false)
        .fmt_fields(debug_fn(write_field))
        .with_ansi(wants_color(&io::stderr()));
    // A second initialisation would mean that a library user has a log of his own: his wins.
    let _ = if std::env::var_os("JOURNAL_STREAM").is_some() {
        builder.without_time().try_init()
    } else {
        builder.try_init()
    };
}
