//! An operator's order on its way: a pause of everything is kept here, all else goes to the backend that
//! it names. What an order means for one backend is decided in `backend::orders`.

use super::Scaler;
use super::backend::Backend;
use super::decision::{Change, Decision, Reason, Refusal};
use super::event::Action;
use super::hand::Mark;
use crate::words::order::{Order, Place, Verb};
use crate::words::time::Timestamp;

impl Scaler {
    pub(super) fn order(&mut self, now: Timestamp, order: &Order) {
        let name = match &order.place {
            Place::Everything => None,
            Place::Backend(name) => Some(name.clone()),
            Place::Server(name) => Some(name.backend.clone()),
        };
        let Some(name) = name else {
            // For backends that a later configuration adds; all others take the order themselves.
            if order.verb == Verb::Pause {
                self.everything = Some(Mark::of(order, now));
            } else if order.verb == Verb::Resume {
                self.everything = None;
            }
            for index in 0..self.backends.len() {
                self.touch(index, |backend, out| backend.order(now, order, out));
            }
            return;
        };
        if self.by_name.get(&name).is_some() {
            return self.at(now, &name, |backend, out| backend.order(now, order, out));
        }
        let mut known: Vec<&str> = self.backends.iter().map(Backend::name).collect();
        known.sort_unstable();
        let refusal = Refusal::UnknownBackend {
            name: name.clone(),
            known: known.into_iter().map(str::to_owned).collect(),
        };
        let server = match &order.place {
            Place::Server(name) => Some(name.server.clone()),
            Place::Everything | Place::Backend(_) => None,
        };
        self.out.actions.push(Action::Report(Decision {
            at: now,
            backend: Some(name),
            server,
            change: Change::Operator,
            reason: Reason::Answer {
                verb: order.verb,
                by: order.by.map(Box::new),
                answer: Err(refusal),
            },
        }));
    }
}
