//! Starts the scaler's actions and turns what became of them into events. In observe mode nothing
//! that can write to HAProxy or call a spare exists here.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;

use super::machines::{LIST_LIMIT, providers};
use super::shadow::Shadow;
use crate::config::{Config, Mode};
use crate::machines::{Listing, Machines, Tell};
use crate::runtime_api::{Reader, Writer};
use crate::scaler::event::{Action, ActionId};
use crate::state::Written;
use crate::warm_up::WarmUp;
use crate::words::machine::{MachineAnswer, MachineCall, MachineFailure, MachineVerb};
use crate::words::names::ServerName;
use crate::words::picture::Picture;
use crate::words::picture::{AdminState, ReadFailure, WriteFailure};
use crate::words::proof::{WarmUpEvidence, WarmUpFailure, WarmUpTrouble};

/// What warm-ups tell on their way and the daemon has not heard yet; what is more is told again.
const TOLD_MAX: usize = 1024;

/// What became of an action.
#[derive(Debug)]
pub(super) enum Outcome {
    Read(ActionId, Result<Picture, ReadFailure>),
    WarmedUp(ActionId, ServerName, Result<WarmUpEvidence, WarmUpFailure>),
    /// No end: a warm-up that goes on fails, or does so no more.
    Troubled(ActionId, ServerName, Option<WarmUpTrouble>),
    StateSet(ActionId, ServerName, Result<(), WriteFailure>),
    MaxconnSet(ActionId, ServerName, Result<(), WriteFailure>),
    WeightSet(ActionId, ServerName, Result<(), WriteFailure>),
    Machine(ActionId, ServerName, Result<MachineAnswer, MachineFailure>),
    /// The answer to [`Hands::list_machines`].
    Listed(Vec<Listing>),
    /// The answer to [`Hands::diagnose`].
    Diagnosed(Diagnosis),
}

/// What is asked of HAProxy once after each (re)connection, for people.
#[derive(Clone, Debug, Default)]
pub(super) struct Diagnosis {
    pub(super) version: Option<String>,
    /// Not `admin`: nothing can be changed.
    pub(super) level: Option<String>,
    pub(super) backends: Vec<String>,
}

/// Everything that touches HAProxy and the spares.
pub(super) struct Hands {
    reader: Reader,
    acting: Acting,
    under_way: JoinSet<Outcome>,
    /// Who starts and stops machines; what is under way there outlives another configuration.
    machines: Machines,
    /// What warm-ups tell on their way.
    told: (mpsc::Sender<Outcome>, mpsc::Receiver<Outcome>),
}

enum Acting {
    /// `mode = "act"`.
    Act {
        writer: Writer,
        warm_ups: BTreeMap<String, Arc<WarmUp>>,
        machines: Machines,
    },
    /// `mode = "observe"`: a picture of what would be.
    Observe(Shadow),
}

impl Hands {
    /// `tell` hears what providers of machines say.
    pub(super) fn new(config: &Config, tell: Tell) -> Self {
        let machines = Machines::new(providers(config), tell);
        Self::with(config, machines)
    }

    fn with(config: &Config, machines: Machines) -> Self {
        let address = &config.haproxy.socket;
        let timeout = config.haproxy.timeout;
        let acting = match config.mode {
            Mode::Act => {
                let warm_ups = config.backends.iter().map(|(name, backend)| {
                    let warm_up = WarmUp::new(&backend.warm_up, &backend.warm_up_urls);
                    (name.clone(), Arc::new(warm_up))
                });
                Acting::Act {
                    writer: Writer::new(address.clone(), timeout),
                    warm_ups: warm_ups.collect(),
                    machines: machines.clone(),
                }
            }
            Mode::Observe => Acting::Observe(Shadow::default()),
        };
        Self {
            machines,
            reader: Reader::new(address.clone(), timeout),
            acting,
            under_way: JoinSet::new(),
            told: mpsc::channel(TOLD_MAX),
        }
    }

    /// Works by that configuration from now on. What is under way goes on, but for another HAProxy
    /// or mode.
    pub(super) fn reconfigure(&mut self, config: &Config, is_elsewhere: bool) {
        let Self {
            reader,
            acting,
            under_way,
            told: _,
            machines,
        } = Self::with(config, self.machines.with(providers(config)));
        self.reader = reader;
        self.machines = machines;
        if is_elsewhere {
            self.under_way = under_way;
        } else if let Acting::Observe(_) = acting {
            return; // The pretence goes on.
        }
        self.acting = acting;
    }

    /// Starts an action; its outcome comes out of [`Hands::next_outcome`].
    /// A command waits for `written`: what it belongs to is on disk before it is sent.
    pub(super) fn start(&mut self, action: Action, written: Written) {
        match action {
            Action::Read { id, backends } => {
                let reader = self.reader.clone();
                self.under_way.spawn(async move {
                    let outcome = reader.read(&backends).await;
                    Outcome::Read(id, outcome)
                });
            }
            Action::WarmUp {
                id,
                server,
                address,
                is_tls,
                deadline,
                refusals_for,
            } => {
                let warm_up = match &self.acting {
                    Acting::Act { warm_ups, .. } => warm_ups.get(&server.backend).cloned(),
                    Acting::Observe(_) => None,
                };
                let told = self.told.0.clone();
                let name = server.clone();
                // What finds no room is told again in a moment.
                let tell = move |trouble| {
                    drop(told.try_send(Outcome::Troubled(id, name.clone(), trouble)));
                };
                self.under_way.spawn(async move {
                    let outcome = match warm_up {
                        Some(warm_up) => {
                            warm_up
                                .run(&server, address, is_tls, deadline, refusals_for, tell)
                                .await
                        }
                        None => Ok(WarmUpEvidence {
                            is_assumed: true,
                            ..Default::default()
                        }),
                    };
                    Outcome::WarmedUp(id, server, outcome)
                });
            }
            Action::Machine { id, call } => self.machine(id, call, written),
            Action::SetState { id, server, state } => self.set_state(id, server, state, written),
            Action::SetMaxconn {
                id,
                server,
                maxconn,
                takes_queue,
            } => self.set_maxconn(id, server, (maxconn, takes_queue), written),
            Action::SetWeight { id, server, weight } => {
                self.set_weight(id, server, weight, written);
            }
            Action::Report(_) => {}
        }
    }

    fn machine(&mut self, id: ActionId, call: MachineCall, written: Written) {
        let server = call.server.clone();
        match &mut self.acting {
            Acting::Act { machines, .. } => {
                let machines = machines.clone();
                self.under_way.spawn(async move {
                    if call.verb != MachineVerb::Status {
                        written.wait().await;
                    }
                    let outcome = machines.call(call).await;
                    Outcome::Machine(id, server, outcome)
                });
            }
            Acting::Observe(shadow) => {
                let answer = shadow.machine(&call);
                self.under_way
                    .spawn(async move { Outcome::Machine(id, server, Ok(answer)) });
            }
        }
    }

    /// Asks each command which machines there are. Gives how many are asked.
    pub(super) fn list_machines(&mut self) -> u32 {
        let Acting::Act { machines, .. } = &self.acting else {
            return 0;
        };
        let machines = machines.clone();
        let commands = machines.commands();
        self.under_way
            .spawn(async move { Outcome::Listed(machines.list(LIST_LIMIT).await) });
        commands
    }

    fn set_state(&mut self, id: ActionId, server: ServerName, state: AdminState, written: Written) {
        match &mut self.acting {
            Acting::Act { writer, .. } => {
                let writer = writer.clone();
                self.under_way.spawn(async move {
                    written.wait().await;
                    let outcome = writer.set_state(&server, state).await;
                    Outcome::StateSet(id, server, outcome)
                });
            }
            Acting::Observe(shadow) => {
                shadow.set(&server, state);
                self.under_way
                    .spawn(async move { Outcome::StateSet(id, server, Ok(())) });
            }
        }
    }

    fn set_maxconn(
        &mut self,
        id: ActionId,
        server: ServerName,
        (maxconn, takes_queue): (u32, bool),
        written: Written,
    ) {
        let writer = match &self.acting {
            Acting::Act { writer, .. } => Some(writer.clone()),
            Acting::Observe(_) => None,
        };
        self.under_way.spawn(async move {
            let outcome = match writer {
                Some(writer) => {
                    written.wait().await;
                    match maxconn {
                        0 => writer.end_maxconn(&server, takes_queue).await,
                        limit => writer.set_maxconn(&server, limit).await,
                    }
                }
                None => Ok(()),
            };
            Outcome::MaxconnSet(id, server, outcome)
        });
    }

    fn set_weight(&mut self, id: ActionId, server: ServerName, weight: u32, written: Written) {
        match &mut self.acting {
            Acting::Act { writer, .. } => {
                let writer = writer.clone();
                self.under_way.spawn(async move {
                    written.wait().await;
                    let outcome = writer.set_weight(&server, weight).await;
                    Outcome::WeightSet(id, server, outcome)
                });
            }
            Acting::Observe(shadow) => {
                shadow.set_weight(&server, weight);
                self.under_way
                    .spawn(async move { Outcome::WeightSet(id, server, Ok(())) });
            }
        }
    }

    /// Asks what HAProxy this is and whether we may change anything.
    pub(super) fn diagnose(&mut self) {
        let reader = self.reader.clone();
        self.under_way.spawn(async move {
            Outcome::Diagnosed(Diagnosis {
                version: reader.version().await.ok(),
                level: reader.level().await.ok(),
                backends: reader.backends().await.unwrap_or_default(),
            })
        });
    }

    /// The next outcome; waits for ever while nothing is under way. May be dropped at any time.
    pub(super) async fn next_outcome(&mut self) -> Outcome {
        loop {
            let ended = tokio::select! {
                biased;
                Some(told) = self.told.1.recv() => Some(Ok(told)),
                ended = self.under_way.join_next() => ended,
            };
            match ended {
                Some(Ok(mut outcome)) => {
                    if let (Outcome::Read(_, Ok(picture)), Acting::Observe(shadow)) =
                        (&mut outcome, &mut self.acting)
                    {
                        shadow.cast(picture);
                    }
                    return outcome;
                }
                // A task that panicked or was aborted has no outcome: its time limit passes.
                Some(Err(_)) => {}
                // Nothing is under way, and so nobody tells anything.
                None => std::future::pending().await,
            }
        }
    }

    /// The last commands of a daemon that ends, all within `limit`; everything else is dropped.
    pub(super) async fn finish(&mut self, actions: Vec<Action>, written: Written, limit: Duration) {
        self.under_way.abort_all();
        self.under_way.detach_all();
        for action in actions {
            self.start(action, written.clone());
        }
        let all = async { while self.under_way.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(limit, all).await;
    }
}
