//! `alerts test`: what is sent, and how it is shown. Sending lives in `crate::alerts`.

use std::io;

use clap::{Args, Subcommand};

use super::{ConfigFile, EXIT_FAILED, cannot_write, complain, on_runtime, with_config};
use crate::alerts::test::test;

#[derive(Debug, Args)]
pub(super) struct AlertsArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Send one test message through each [[alert]] of the configuration
    Test {
        #[command(flatten)]
        config: ConfigFile,
    },
}

pub(super) fn run(args: &AlertsArgs) -> u8 {
    let Command::Test { config } = &args.command;
    with_config(&config.config, EXIT_FAILED, |loaded| {
        if loaded.alerts.is_empty() {
            complain(&format!(
                "{} has no [[alert]]: nobody is told anything; docs/alerts.md has examples",
                config.config.display()
            ));
            return EXIT_FAILED;
        }
        let sent = on_runtime(async { Ok(test(&loaded.alerts, &mut io::stdout().lock()).await) });
        match sent {
            Ok(Ok(true)) => 0,
            Ok(Ok(false)) => EXIT_FAILED,
            Ok(Err(error)) => cannot_write(&error),
            Err(error) => {
                complain(&error);
                EXIT_FAILED
            }
        }
    })
}
