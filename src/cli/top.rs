//! `top`: its arguments. What is shown lives in `top`.

use std::io;
use std::time::Duration;

use clap::Args;

use super::{
    ConfigFile, EXIT_FAILED, EXIT_NOT_RUNNING, complain, wants_color, with_control_socket,
};
use crate::control;
use crate::top::{self, INTERVAL_MAX, INTERVAL_MIN, Options, TopError};
use crate::words::time::Span;

#[derive(Debug, Args)]
pub(super) struct TopArgs {
    #[command(flatten)]
    config: ConfigFile,
    /// How often to look, from 200ms to 1m; + and - change it
    #[arg(long, value_name = "DURATION", default_value = "1s", value_parser = interval)]
    interval: Duration,
    /// No key gives an order
    #[arg(long)]
    read_only: bool,
    /// Only this backend
    #[arg(long, value_name = "BACKEND")]
    backend: Option<String>,
}

fn interval(text: &str) -> Result<Duration, String> {
    let interval = control::duration(text)?;
    if (INTERVAL_MIN..=INTERVAL_MAX).contains(&interval) {
        Ok(interval)
    } else {
        let (least, most) = (Span(INTERVAL_MIN), Span(INTERVAL_MAX));
        Err(format!("it must be from {least} to {most}"))
    }
}

pub(super) fn run(args: TopArgs) -> u8 {
    let options = Options {
        interval: args.interval,
        read_only: args.read_only,
        backend: args.backend,
        color: wants_color(&io::stdout()),
    };
    with_control_socket(&args.config.config, |socket| {
        match top::top(socket, options) {
            Ok(()) => 0,
            Err(error) => {
                complain(&error);
                match error {
                    TopError::Status(_) => EXIT_NOT_RUNNING,
                    TopError::UnknownBackend { .. }
                    | TopError::NoTerminal
                    | TopError::Terminal(_) => EXIT_FAILED,
                }
            }
        }
    })
}
