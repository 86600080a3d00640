//! `pause`, `resume`, `pin`, `unpin`, `enable`, `disable`, `evacuate`, `release`: an operator's order, given to the running
//! daemon. What it does is decided there.

use std::io::{self, Write};
use std::path::Path;
use std::time::Duration;

use clap::{Args, Subcommand};

use super::{
    ConfigFile, EXIT_FAILED, EXIT_NOT_RUNNING, EXIT_UNKNOWN, cannot_write, complain,
    with_control_socket,
};
use crate::words::by::{By, Inline};
use crate::words::names::ServerName;
use crate::words::order::{Order, Place, Verb, Verdict};
use crate::{control, status};

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Change nothing: everywhere, in one backend or for one server; decisions are still logged
    Pause {
        #[command(flatten)]
        config: ConfigFile,
        #[command(flatten)]
        lasts: Lasts,
        #[command(flatten)]
        why: Why,
        /// What to pause; everything if omitted
        #[arg(value_name = "BACKEND[/SERVER]", value_parser = control::place)]
        place: Option<Place>,
    },
    /// Forget every pause, hold, enable and disable; only pins stay
    Resume {
        #[command(flatten)]
        config: ConfigFile,
        #[command(flatten)]
        why: Why,
        /// What to resume; everything if omitted
        #[arg(value_name = "BACKEND[/SERVER]", value_parser = control::place)]
        place: Option<Place>,
    },
    /// Keep a server as it is: never bring it in, never send it away
    Pin(Lasting),
    /// End a pin
    Unpin(OneServer),
    /// Bring a spare in now (warm it up, let HAProxy check it, make it ready) and keep it in
    Enable(Lasting),
    /// Send a spare away now (drain it, put it into maint) and keep it out
    Disable(Lasting),
    /// Bring another server in, then drain this one and keep it out: its machine will be gone. Always-up servers, too
    Evacuate(Evacuate),
    /// Send all spares away that may go, as before stopping the daemon for good
    Release {
        #[command(flatten)]
        config: ConfigFile,
        #[command(flatten)]
        lasts: Lasts,
        #[command(flatten)]
        why: Why,
        /// Whose spares; those of all backends if omitted
        #[arg(value_name = "BACKEND", value_parser = backend)]
        place: Option<Place>,
    },
}

// Not said of these two as a whole: it would go before what is said of each order.
#[derive(Debug, Args)]
pub(super) struct OneServer {
    #[command(flatten)]
    config: ConfigFile,
    #[command(flatten)]
    why: Why,
    /// Such as web/web2
    #[arg(value_name = "BACKEND/SERVER", value_parser = server)]
    server: ServerName,
}

#[derive(Debug, Args)]
pub(super) struct Lasting {
    #[command(flatten)]
    one: OneServer,
    #[command(flatten)]
    lasts: Lasts,
}

#[derive(Debug, Args)]
pub(super) struct Evacuate {
    #[command(flatten)]
    one: OneServer,
    /// The time that is left, such as 2m: half of it for another server to come in, the rest for its
    /// sessions to end
    #[arg(long = "for", value_name = "DURATION", default_value = "2m", value_parser = control::lasts)]
    lasts: Duration,
    /// Drain it although no spare can stand in for it
    #[arg(long)]
    force: bool,
}

#[derive(Debug, Args)]
pub(super) struct Lasts {
    /// Let the order expire after this time, such as 90s or 2h; by default, pause and pin last until
    /// they are taken back, enable and disable for `hold`
    #[arg(long = "for", value_name = "DURATION", value_parser = control::lasts)]
    lasts: Option<Duration>,
}

#[derive(Debug, Args)]
pub(super) struct Why {
    /// Why, for whoever asks later; shown in `status` and kept with the event
    #[arg(long, value_name = "TEXT", default_value = "", value_parser = control::reason, hide_default_value = true)]
    reason: String,
}

fn backend(text: &str) -> Result<Place, String> {
    match control::place(text)? {
        Place::Server(_) | Place::Everything => {
            Err("name a backend, such as web; `disable` is for one server".to_owned())
        }
        place @ Place::Backend(_) => Ok(place),
    }
}

fn server(text: &str) -> Result<ServerName, String> {
    match control::place(text)? {
        Place::Server(name) => Ok(name),
        Place::Everything | Place::Backend(_) => {
            Err("name one server as BACKEND/SERVER, such as web/web2".to_owned())
        }
    }
}

/// Gives the order to the daemon of that configuration.
pub(super) fn run(command: Command) -> u8 {
    let everything = |place: Option<Place>| place.unwrap_or(Place::Everything);
    let of_server =
        |verb, one: OneServer, lasts| (verb, one.config, Place::Server(one.server), lasts, one.why);
    let is_forced = matches!(&command, Command::Evacuate(it) if it.force);
    let (verb, config, place, lasts, why) = match command {
        Command::Pause {
            config,
            lasts,
            why,
            place,
        } => (Verb::Pause, config, everything(place), lasts.lasts, why),
        Command::Resume { config, why, place } => {
            (Verb::Resume, config, everything(place), None, why)
        }
        Command::Release {
            config,
            lasts,
            why,
            place,
        } => (Verb::Release, config, everything(place), lasts.lasts, why),
        Command::Unpin(one) => of_server(Verb::Unpin, one, None),
        Command::Pin(it) => of_server(Verb::Pin, it.one, it.lasts.lasts),
        Command::Enable(it) => of_server(Verb::Enable, it.one, it.lasts.lasts),
        Command::Disable(it) => of_server(Verb::Disable, it.one, it.lasts.lasts),
        Command::Evacuate(it) => of_server(Verb::Evacuate, it.one, Some(it.lasts)),
    };
    let by = By {
        reason: Inline::of(&why.reason),
        ..By::uid(0) // Who that is the kernel tells the daemon.
    };
    let order = Order {
        verb,
        place,
        lasts,
        by: Some(by),
        is_forced,
        barred: None,
    };
    with_control_socket(&config.config, |socket| give(socket, &order))
}

fn give(socket: &Path, order: &Order) -> u8 {
    let reply = match control::give_order(socket, order) {
        Ok(reply) => reply,
        Err(error) => {
            complain(&status::StatusError::unanswered(socket, error));
            return EXIT_NOT_RUNNING;
        }
    };
    let text = reply.texts.join("\n");
    match reply.verdict {
        Verdict::Accepted => match writeln!(io::stdout(), "{text}") {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => cannot_write(&error),
            Ok(()) | Err(_) => 0,
        },
        Verdict::Refused => {
            complain(&text);
            EXIT_FAILED
        }
        Verdict::Unknown => {
            complain(&text);
            EXIT_UNKNOWN
        }
    }
}
