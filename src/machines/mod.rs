//! Starts and stops what servers run on, when told to, and tells what became of it. Decides nothing: when a
//! machine is started or stopped, what an unknown outcome means, and who else may help is the scaler's.
//!
//! [`settings`] says who does it; [`exec`] is a program of the operator's, [`fence`] a fence agent,
//! [`wol`] a packet; [`identity`] which machine that is, [`census`] which one is nobody's; [`trust`] which programs may be run at all, `program`
//! one run of one.

pub mod census;
pub mod exec;
pub mod fence;
pub mod identity;
mod program;
pub mod settings;
pub mod trust;
pub mod wol;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex as Turn, OwnedMutexGuard, OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

use self::exec::Listed;
use self::program::{Ear, Heard};
use self::settings::Provider;
use self::wol::Wakes;
use crate::words::machine::{
    MachineAnswer, MachineCall, MachineFailure, MachineKey, MachineVerb, PowerState,
};
use crate::words::names::ServerName;

/// Programs that start machines at a time, as many that stop one, and as many that are asked for the status of
/// one: a slow stop must not hold up a start, nor either of them what is known of the others.
const AT_ONCE_MAX: usize = 4;
/// Programs that list their machines at a time; nobody waits for those.
const LISTS_AT_ONCE_MAX: usize = 1;
/// A program that is asked to end (TERM) has this long before it is ended (KILL). [`Machines::call`] may
/// take so much longer than the limit of the call.
pub const GRACE: Duration = Duration::from_secs(5);

/// Everybody who starts and stops machines. Cheap to clone.
#[derive(Clone)]
pub struct Machines {
    providers: Arc<BTreeMap<ServerName, Provider>>,
    desk: Arc<Desk>,
    tell: Tell,
}

/// Whoever hears what programs say: each line of `start` and `stop`, and of `status` and `list`, which are asked
/// for over and over, what differs from the last time. Must not wait.
pub type Tell = Arc<dyn Fn(Said) + Send + Sync>;

/// A line that a program wrote to its standard error, or its `message`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// `None`: it was asked for its list.
    pub server: Option<ServerName>,
    /// What it was asked for: `start`, `stop`, `status` or `list`.
    pub verb: &'static str,
    pub text: String,
}

/// What one command says of its machines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// The command, its whole path first.
    pub command: Vec<String>,
    /// The servers whose machines it starts and stops.
    pub servers: Vec<ServerName>,
    /// Those that there are; all of them ours.
    pub found: Result<Vec<Listed>, MachineFailure>,
}

/// What outlives another configuration.
struct Desk {
    /// Who is at work on which machine: one at a time.
    turns: Mutex<BTreeMap<ServerName, Arc<Turn<()>>>>,
    starting: Arc<Semaphore>,
    stopping: Arc<Semaphore>,
    asked: Arc<Semaphore>,
    listing: Arc<Semaphore>,
    wakes: Wakes,
    heard: Heard,
}

impl fmt::Debug for Machines {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_tuple("Machines")
            .field(&self.providers)
            .finish()
    }
}

impl Machines {
    pub fn new(providers: BTreeMap<ServerName, Provider>, tell: Tell) -> Self {
        Self {
            providers: Arc::new(providers),
            desk: Arc::new(Desk {
                turns: Mutex::default(),
                starting: Arc::new(Semaphore::new(AT_ONCE_MAX)),
                stopping: Arc::new(Semaphore::new(AT_ONCE_MAX)),
                asked: Arc::new(Semaphore::new(AT_ONCE_MAX)),
                listing: Arc::new(Semaphore::new(LISTS_AT_ONCE_MAX)),
                wakes: Wakes::default(),
                heard: Heard::default(),
            }),
            tell,
        }
    }

    /// The same with other settings: what is under way goes on and keeps its turn.
    #[must_use]
    pub fn with(&self, providers: BTreeMap<ServerName, Provider>) -> Self {
        Self {
            providers: Arc::new(providers),
            ..self.clone()
        }
    }

    pub fn is_empty(&self) -> bool {
        self.providers.is_empty()
    }

    /// Asks for one thing. `Start` and `Stop` are answered with `Done` or `NotYet`, `Status` with `Is`; with
    /// `Done`, where nobody can ever tell (Wake-on-LAN without a command): that says nothing of the machine.
    ///
    /// The call's limit is the program's own; before that it waits no longer than as much for others to end. So
    /// it takes at most twice the limit and [`GRACE`]. Needs a tokio runtime. When this is dropped the program
    /// goes on; when the runtime ends, it is asked to end (TERM).
    ///
    /// # Errors
    /// `Failed`: it was not done. `Refused`: nor will it be. `Unknown`: nobody knows. A `Status` is only
    /// ever `Refused` or `Unknown`.
    pub async fn call(&self, call: MachineCall) -> Result<MachineAnswer, MachineFailure> {
        let machines = self.clone();
        let work = tokio::spawn(async move { machines.carry_out(&call).await });
        let lost = |_| Err(MachineFailure::Unknown("its answer was lost".to_owned()));
        work.await.unwrap_or_else(lost)
    }

    async fn carry_out(&self, call: &MachineCall) -> Result<MachineAnswer, MachineFailure> {
        let Some(provider) = self.providers.get(&call.server) else {
            let text = format!("no machine of {} is configured", call.server);
            return Err(MachineFailure::Refused(text));
        };
        if let (Provider::Wol(wake), MachineVerb::Start) = (provider, call.verb) {
            let mut ear = Ear::new(&self.tell, Some(&call.server), call.verb.as_str());
            let wakes = &self.desk.wakes;
            return wakes
                .wake(wake, call.address, Instant::now(), &mut ear)
                .await;
        }
        let begin_by = Instant::now() + call.limit;
        let Some(_turn) = self.desk.turn(&call.server, call.verb, begin_by).await else {
            return Err(busy(call.verb));
        };
        let mut ear = Ear::new(&self.tell, Some(&call.server), call.verb.as_str());
        if call.verb != MachineVerb::Status {
            return Self::ask(provider, call, &mut ear).await;
        }
        ear = ear.keeping();
        let answer = Self::ask(provider, call, &mut ear).await;
        ear.tell_news(&self.desk.heard, vec![call.server.to_string()]);
        answer.map_err(|failure| match failure {
            MachineFailure::Failed(why) => MachineFailure::Unknown(why),
            other @ (MachineFailure::Refused(_) | MachineFailure::Unknown(_)) => other,
        })
    }

    async fn ask(
        provider: &Provider,
        call: &MachineCall,
        ear: &mut Ear<'_>,
    ) -> Result<MachineAnswer, MachineFailure> {
        match provider {
            Provider::Exec { command } => exec::call(command, call, ear).await,
            Provider::Fence { agent, options } => fence::call(agent, options, call, ear).await,
            Provider::Wol(wake) => match (&wake.command, call.verb) {
                (Some(command), _) => exec::call(command, call, ear).await,
                (None, MachineVerb::Status) => Ok(MachineAnswer::Done),
                (None, MachineVerb::Start | MachineVerb::Stop) => Err(MachineFailure::Refused(
                    "Wake-on-LAN cannot stop a machine; a `command` could".to_owned(),
                )),
            },
        }
    }

    /// What a machine does, for whoever looks at a set-up. An agent that does not know is also asked whether it
    /// reaches what it commands, which tells a wrong address from a wrong name.
    ///
    /// # Errors
    /// Nobody knows, with the reason.
    pub async fn reach(
        &self,
        server: &ServerName,
        address: Option<SocketAddr>,
        limit: Duration,
    ) -> Result<PowerState, MachineFailure> {
        let call = MachineCall {
            verb: MachineVerb::Status,
            server: server.clone(),
            address,
            key: MachineKey::default(),
            attempt: 0,
            limit,
        };
        let failure = match self.call(call).await {
            Ok(MachineAnswer::Is(state)) => return Ok(state),
            Ok(MachineAnswer::Done | MachineAnswer::NotYet { .. }) => {
                MachineFailure::Unknown("it does not tell".to_owned())
            }
            Err(failure) => failure,
        };
        let (Some(Provider::Fence { agent, options }), MachineFailure::Unknown(why)) =
            (self.providers.get(server), &failure)
        else {
            return Err(failure);
        };
        let mut ear = Ear::new(&self.tell, Some(server), "monitor");
        let reached = fence::monitor(agent, options, &server.server, limit, &mut ear).await;
        let what = match reached {
            Ok(()) => "its agent reaches what it commands, but does not know this machine's state",
            Err(_) => "its agent does not reach what it commands",
        };
        Err(MachineFailure::Unknown(format!("{what}: {why}")))
    }

    /// How many commands [`Machines::list`] asks.
    pub fn commands(&self) -> u32 {
        let commands = self.providers.values().filter_map(Provider::command);
        let commands: BTreeSet<_> = commands.collect();
        u32::try_from(commands.len()).unwrap_or(u32::MAX)
    }

    /// The machines that each command lists, one command after the other, each within `limit`. Fence agents
    /// are not asked: theirs would be everybody's machines.
    pub async fn list(&self, limit: Duration) -> Vec<Listing> {
        let mut servers: BTreeMap<&[String], Vec<ServerName>> = BTreeMap::new();
        for (server, provider) in &*self.providers {
            if let Some(command) = provider.command() {
                servers.entry(command).or_default().push(server.clone());
            }
        }
        let mut listings = Vec::new();
        // What one says for each of its argument lists is one thing to tell.
        let mut heard: BTreeMap<&String, Ear<'_>> = BTreeMap::new();
        for (command, servers) in servers {
            let listing = Arc::clone(&self.desk.listing).acquire_owned();
            let found = match timeout_at(Instant::now() + limit, listing).await {
                Ok(Ok(_permit)) => {
                    let mut ear = Ear::new(&self.tell, None, exec::LIST).keeping();
                    let found = exec::list(command, limit, &mut ear).await;
                    if let Some(program) = command.first() {
                        let new = || Ear::new(&self.tell, None, exec::LIST).keeping();
                        ear.pass_on(heard.entry(program).or_insert_with(new));
                    }
                    found
                }
                Ok(Err(_)) | Err(_) => Err(busy(MachineVerb::Status)),
            };
            listings.push(Listing {
                command: command.to_vec(),
                servers,
                found,
            });
        }
        for (program, ear) in heard {
            ear.tell_news(&self.desk.heard, vec![program.clone()]);
        }
        listings
    }
}

/// Why a provider's program is not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// No fence agent of that name is installed.
    NoAgent(String),
    Program(trust::Fault),
}

/// Looks at a provider's program without running it: would a daemon of the user of that number run it?
///
/// # Errors
/// Why not.
pub fn look(provider: &Provider, uid: u32) -> Result<(), Trouble> {
    let program = match provider {
        Provider::Fence { agent, .. } => {
            fence::find(agent).ok_or_else(|| Trouble::NoAgent(agent.clone()))?
        }
        Provider::Exec { .. } | Provider::Wol(_) => {
            let Some(program) = provider.command().and_then(<[String]>::first) else {
                return Ok(());
            };
            PathBuf::from(program)
        }
    };
    let looked = trust::check_for(&program, uid);
    looked.map(drop).map_err(Trouble::Program)
}

/// It was never run.
fn busy(verb: MachineVerb) -> MachineFailure {
    let text = "other programs were at work all the time".to_owned();
    match verb {
        MachineVerb::Start | MachineVerb::Stop => MachineFailure::Failed(text),
        MachineVerb::Status => MachineFailure::Unknown(text),
    }
}

impl Desk {
    /// Nobody else works on that machine, and not too many do the same with others; `None`: not until then.
    async fn turn(
        &self,
        server: &ServerName,
        verb: MachineVerb,
        until: Instant,
    ) -> Option<(OwnedMutexGuard<()>, OwnedSemaphorePermit)> {
        let turn = {
            let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(turns.entry(server.clone()).or_default())
        };
        let permits = match verb {
            MachineVerb::Start => &self.starting,
            MachineVerb::Stop => &self.stopping,
            MachineVerb::Status => &self.asked,
        };
        let both = async {
            let turn = turn.lock_owned().await;
            let permit = Arc::clone(permits).acquire_owned().await.ok()?;
            Some((turn, permit))
        };
        timeout_at(until, both).await.ok()?
    }
}
