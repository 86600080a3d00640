//! A new configuration for a daemon at work: all of it or nothing. What did not change goes on as if
//! nothing had happened. Reading the file is `cli`'s business, what a setting means `scaler`'s.

use std::time::SystemTime;

use super::{Daemon, FINISH_LIMIT, Parts, control, lines, lock, published};
use crate::config::{Config, ConfigErrors, Mode};
use crate::log::line::Parser;
use crate::publish::record::News;
use crate::scaler::event::Event;
use crate::scaler::settings::BackendSettings;

/// What became of the file when it was read again.
#[derive(Debug)]
pub enum Reload {
    /// A configuration without mistakes.
    Config(Box<Config>),
    /// One with mistakes, in one line; the old one stays.
    Bad(String),
}

impl Reload {
    /// The first mistake of a file and how many there are, for `status`; all of them have been
    /// shown elsewhere.
    pub fn bad(path: &std::path::Path, errors: &ConfigErrors) -> Self {
        let path = path.display();
        let what = errors.in_short();
        Self::Bad(format!(
            "SIGHUP: {path} is bad, the configuration stays as it was: {what}"
        ))
    }
}

/// Takes what SIGHUP found.
pub(super) async fn take(daemon: &mut Daemon, parts: &mut Parts, reload: Reload) {
    let refused = match reload {
        Reload::Bad(text) => Err(text),
        Reload::Config(config) => match consider(daemon, *config) {
            Ok(Some(config)) => apply(daemon, parts, config).await,
            Ok(None) => Ok(()),
            Err(text) => Err(text),
        },
    };
    daemon.counters.config(refused.is_ok(), SystemTime::now());
    // The tokens are read anew, whatever became of the file.
    daemon.http.serve(&daemon.config);
    daemon.alerts.serve(&daemon.config);
    match refused {
        Ok(()) => daemon.config_problem = None,
        Err(text) => {
            daemon.tell(News::ConfigNotApplied(text.clone()));
            daemon.config_problem = Some(text);
        }
    }
}

/// A change of most servers is rarely what was meant: it waits until it is asked for again.
fn consider(daemon: &mut Daemon, config: Config) -> Result<Option<Config>, String> {
    let asked_before = daemon.waiting_config.take();
    if config == daemon.config {
        daemon.tell(News::ConfigUnchanged);
        return Ok(None);
    }
    let affected = daemon.scaler.affected(&settings(&config));
    if affected.is_most() && asked_before.as_ref() != Some(&config) {
        daemon.waiting_config = Some(config);
        return Err(format!(
            "SIGHUP: the new configuration would treat {} of {} servers differently and waits; send \
             SIGHUP once more to apply it, or restore the file",
            affected.changed, affected.servers
        ));
    }
    Ok(Some(config))
}

async fn apply(daemon: &mut Daemon, parts: &mut Parts, config: Config) -> Result<(), String> {
    let (old, new) = (&daemon.config, &config);
    let is_other_haproxy = !lock::is_same(&old.haproxy.socket, &new.haproxy.socket);
    let is_elsewhere = is_other_haproxy || old.mode != new.mode;
    let was_pretended = old.mode == Mode::Observe;
    // First of all what can fail.
    let control = if old.control_socket == new.control_socket {
        None
    } else {
        let bound = control::bind(new, &daemon.hub);
        Some(bound.ok_or_else(|| {
            format!(
                "SIGHUP: cannot listen on the new control socket {}; the configuration stays as it \
                 was",
                new.control_socket.display()
            )
        })?)
    };
    if is_elsewhere {
        let (lock, news) = lock::take(new)
            .map_err(|error| format!("SIGHUP: {error}; the configuration stays as it was"))?;
        daemon.let_go().await;
        parts.lock = lock;
        if let Some(news) = news {
            daemon.tell(news);
        }
    }
    if let Some(control) = control {
        parts.control = control;
    }
    change_log(daemon, parts, &config);
    daemon.tell_usage(); // Backends may go, and take it with them.
    let is_kept_elsewhere = daemon.config.state_dir != config.state_dir;
    daemon.hands.reconfigure(&config, is_elsewhere);
    daemon.keep_events_by(&config);
    daemon.config = config;
    if is_elsewhere {
        daemon.keeper = None; // That of the other HAProxy, which keeps what it has.
    } else if is_kept_elsewhere {
        daemon.start_keeper();
    }
    daemon
        .counters
        .look_after(published::counted(&daemon.config));
    daemon.curves.reconfigured();
    daemon.look_around();
    if is_elsewhere {
        daemon.want_diagnosis();
    }
    let backends = settings(&daemon.config);
    let event = Event::Settings {
        backends: &backends,
        is_elsewhere,
        was_pretended,
    };
    daemon.event(daemon.clock.now(), event);
    let waits_for = daemon.scaler.settings_wait_for();
    daemon.tell(News::ConfigApplied(daemon.looks_after(), waits_for));
    if is_elsewhere {
        // What an acting daemon before us kept of that HAProxy holds, its pauses first of all.
        daemon.recall();
    }
    daemon.tell_hours();
    daemon.remember();
    Ok(())
}

/// Reads the log by that configuration from now on. A source that is the same stays open: what is
/// on its way to it must not be lost.
fn change_log(daemon: &mut Daemon, parts: &mut Parts, config: &Config) {
    let (old, new) = (&daemon.config.log, &config.log);
    if old == new {
        return;
    }
    if old.source != new.source || old.max_line_bytes != new.max_line_bytes {
        daemon.pass_on_source(&parts.source);
        parts.source = lines::open_source(config);
        daemon.log.read_another(daemon.clock.now());
        daemon.counters.another_log();
    }
    daemon.parser = Parser::new(&new.format, &new.tag);
    daemon.log.read_anew();
}

fn settings(config: &Config) -> Vec<BackendSettings> {
    let backends = config.backends.values();
    backends.map(|backend| backend.scaler.clone()).collect()
}

impl Daemon {
    /// Leaves nothing half-way at the HAProxy that is looked after no longer.
    async fn let_go(&mut self) {
        if self.config.mode == Mode::Observe {
            return;
        }
        let last = self.scaler.handle(self.clock.now(), Event::Stop);
        self.remember();
        let written = self.written();
        self.hands.finish(last, written, FINISH_LIMIT).await;
    }
}
