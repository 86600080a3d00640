//! Answers who calls over the control socket: `status`, and an operator's orders. How they reach us
//! lives in `crate::control`, what an order does in `scaler`.

use std::io;
use std::time::SystemTime;

use super::{Daemon, events};
use crate::config::{Config, Mode};
use crate::control::{self, Reply};
use crate::log::source::Source;
use crate::publish::event::Event as Told;
use crate::publish::hub::Hub;
use crate::publish::record::{News, Record};
use crate::scaler::decision::{Reason, Refusal};
use crate::scaler::event::{Action, Event};
use crate::words::order::{Answer, Order, Place, Verdict};

/// Listens for `status` and orders; without a socket the daemon goes on.
pub(super) fn bind(config: &Config, hub: &Hub) -> Option<control::Server> {
    let path = &config.control_socket;
    let tell = |error: &io::Error| {
        hub.tell(Record::now(News::ControlSocket {
            path: path.clone(),
            error: error.to_string(),
        }));
    };
    control::Server::bind(path).inspect_err(tell).ok()
}

impl Daemon {
    /// Answers a caller of the control socket. That an order stands is said when it is on disk.
    pub(super) fn answer(&mut self, request: control::Request, source: &Source) {
        match request {
            control::Request::Status(caller) => {
                caller.show(self.report(source).json(SystemTime::now()));
            }
            control::Request::Events(after, caller) => {
                let events = self.events.remembered(after);
                let lines: Vec<_> = events.iter().map(|entry| entry.line.as_str()).collect();
                caller.show(lines.join("\n"));
            }
            control::Request::Explain(backend, caller) => {
                let report = self.report(source);
                let last = |backend: &str| self.events.last_of(backend);
                let explained = report.explain(backend.as_deref(), SystemTime::now(), last);
                // These types have nothing that JSON cannot say.
                caller.show(serde_json::to_string(&explained).unwrap_or_default());
            }
            control::Request::Usage(caller) => {
                let lines: Vec<_> = self.untold_usage().iter().map(Told::json).collect();
                caller.show(lines.join("\n"));
            }
            control::Request::Curve(backend, caller) => {
                // Of another backend there is none.
                let curve = self.curves.json(&backend, &self.events);
                caller.show(curve.unwrap_or_else(|| "null".to_owned()));
            }
            control::Request::EventsFile(caller) => {
                let file = events::place(&self.config).map(|place| place.file);
                caller.show(file.map_or_else(String::new, |file| file.display().to_string()));
            }
            control::Request::Order(order, caller) => {
                let mut reply = self.obey(&order);
                let written = self.written();
                tokio::spawn(async move {
                    reply.texts.extend(written.wait().await);
                    caller.reply(&reply);
                });
            }
        }
    }

    fn obey(&mut self, order: &Order) -> Reply {
        let order = &Order {
            barred: self.level_problem().map(|news| news.to_string()),
            ..order.clone()
        };
        let actions = self.scaler.handle(self.clock.now(), Event::Operator(order));
        let mut reply = Reply::default();
        for action in &actions {
            if let Action::Report(decision) = action
                && let Reason::Answer { answer, .. } = &decision.reason
            {
                let place = match (&order.place, &decision.server) {
                    (Place::Server(name), Some(_)) => name.to_string(),
                    (Place::Everything | Place::Backend(_) | Place::Server(_), _) => {
                        decision.backend().to_owned()
                    }
                };
                let verdict = answer
                    .as_ref()
                    .map_or_else(Refusal::verdict, |_| Verdict::Accepted);
                let text = decision.reason.to_string();
                reply.add(&place, &Answer { verdict, text });
            }
        }
        match self.config.mode {
            Mode::Observe => reply
                .texts
                .push("observing: this is pretended and not remembered".to_owned()),
            // Without a thread that keeps it, nobody else will say so.
            Mode::Act if self.keeper.is_none() => reply.texts.extend(self.keeper_problem.clone()),
            Mode::Act => {}
        }
        self.start(actions);
        reply
    }
}
