//! The servers of a backend that are on their way, and the commands that are: at most one of each for
//! a server. What is done for them lives in `road`.

use super::journey::{Journey, Step};
use crate::scaler::event::ActionId;
use crate::words::picture::AdminState;
use crate::words::time::Timestamp;

/// The servers on their way, in the order in which they set out: at most one journey each.
#[derive(Debug, Default)]
pub(super) struct Journeys {
    under_way: Vec<Journey>,
    commands: Vec<Command>,
}

/// A command under way; it may outlive its journey.
#[derive(Debug)]
struct Command {
    id: ActionId,
    server: String,
    /// When it is given up: its outcome is unknown then.
    until: Timestamp,
}

impl Journeys {
    /// No server is on its way, and no command either.
    pub(super) const fn is_idle(&self) -> bool {
        self.under_way.is_empty() && self.commands.is_empty()
    }

    /// No server is on its way; a command may be.
    pub(super) const fn is_empty(&self) -> bool {
        self.under_way.is_empty()
    }

    /// All of them.
    pub(super) fn iter(&self) -> std::slice::Iter<'_, Journey> {
        self.under_way.iter()
    }

    /// That server's journey.
    pub(super) fn of(&self, server: &str) -> Option<&Journey> {
        self.under_way.iter().find(|it| it.server == server)
    }

    /// All of them, to be changed; whoever is put last has set out last.
    pub(super) const fn all_mut(&mut self) -> &mut Vec<Journey> {
        &mut self.under_way
    }

    pub(super) fn of_mut(&mut self, server: &str) -> Option<&mut Journey> {
        self.under_way.iter_mut().find(|it| it.server == server)
    }

    /// That spare is being brought in.
    pub(super) fn is_inbound(&self, server: &str) -> bool {
        self.of(server).is_some_and(Journey::is_inbound)
    }

    /// Nothing may begin with that server: it is on its way, or a command to it is.
    pub(super) fn is_busy(&self, server: &str) -> bool {
        self.of(server).is_some() || self.is_commanded(server)
    }

    /// Servers on their way in that set out before that one, or that were told to be ready by now; all
    /// of them without a name. On one whose warm-up fails nobody counts.
    pub(super) fn coming_before(&self, server: Option<&str>) -> impl Iterator<Item = &Journey> {
        let inbound = self.inbound_before(server);
        inbound.filter(|it| !it.stall.has_stalled())
    }

    /// The same with those whose warm-up fails.
    pub(super) fn inbound_before(&self, server: Option<&str>) -> impl Iterator<Item = &Journey> {
        let place = |server| self.under_way.iter().position(|it| it.server == server);
        let before = server.and_then(place).unwrap_or(self.under_way.len());
        let inbound = self.under_way.iter().enumerate();
        let inbound = inbound.filter(|(_, it)| it.is_inbound());
        inbound
            .filter(move |(at, it)| *at < before || *at > before && it.was_told(AdminState::Ready))
            .map(|(_, it)| it)
    }

    /// Servers on their way in that make the backend faster, whatever they were asked for.
    pub(super) fn coming_for_load(&self) -> u32 {
        let coming = self.coming_before(None);
        let count = coming.filter(|it| !it.replaces_lost()).count();
        u32::try_from(count).unwrap_or(u32::MAX)
    }

    /// That spare is being brought in, and one counts on it.
    pub(super) fn is_coming(&self, server: &str) -> bool {
        let is_coming = |it: &Journey| it.is_inbound() && !it.stall.has_stalled();
        self.of(server).is_some_and(is_coming)
    }

    /// A server is on its way in, or it is not known yet what becomes of one that was.
    pub(super) fn may_bring_one(&self) -> bool {
        let is_coming = |it: &Journey| it.is_inbound() && !it.stall.has_stalled();
        let is_one = |it: &Journey| is_coming(it) || it.is_taken_back();
        !self.commands.is_empty() || self.under_way.iter().any(is_one)
    }

    /// A server that serves is about to leave: HAProxy has not been seen to follow yet.
    pub(super) fn has_one_departing(&self) -> bool {
        self.under_way.iter().any(Journey::is_departing)
    }

    /// A server goes back to maint that failed, or is not wanted any more.
    pub(super) fn has_one_taken_back(&self) -> bool {
        self.under_way.iter().any(Journey::is_taken_back)
    }

    /// A command to that server is under way.
    pub(super) fn is_commanded(&self, server: &str) -> bool {
        self.commands.iter().any(|it| it.server == server)
    }

    /// The journey whose server's warm-up is that one.
    pub(super) fn warming_up(&mut self, warm_up: ActionId) -> Option<&mut Journey> {
        let mut under_way = self.under_way.iter_mut();
        under_way.find(|it| it.is_warming_up(warm_up))
    }

    /// A server is told a state; the command is given up at `until`.
    pub(super) fn command(
        &mut self,
        server: &str,
        id: ActionId,
        state: AdminState,
        until: Timestamp,
    ) {
        self.step(server, Step::Writing { id, state });
        self.commands.push(Command {
            id,
            server: server.to_owned(),
            until,
        });
    }

    /// A command was answered: the journey that waits for it, and what it asked for.
    pub(super) fn answered(&mut self, id: ActionId) -> Option<(&mut Journey, AdminState)> {
        self.commands.retain(|command| command.id != id);
        let mut under_way = self.under_way.iter_mut();
        under_way.find_map(|it| it.written(id).map(|state| (it, state)))
    }

    /// When the first of the commands under way is given up.
    pub(super) fn due(&self) -> Option<Timestamp> {
        self.commands.iter().map(|command| command.until).min()
    }

    /// Gives up commands that took too long; the journeys that waited for them, and what was asked for.
    pub(super) fn give_up(
        &mut self,
        now: Timestamp,
    ) -> impl Iterator<Item = (&mut Journey, AdminState)> {
        self.commands.retain(|command| now < command.until);
        let commands = &self.commands;
        let under_way = self.under_way.iter_mut();
        under_way.filter_map(|it| {
            let Step::Writing { id, state } = it.step else {
                return None;
            };
            let is_waited_for = commands.iter().any(|command| command.id == id);
            (!is_waited_for).then_some((it, state))
        })
    }

    /// One more server sets out.
    pub(super) fn begin(&mut self, journey: Journey) {
        self.forget(&journey.server);
        self.under_way.push(journey);
        self.put_stalled_last();
    }

    /// Forgets that server's journey.
    pub(super) fn forget(&mut self, server: &str) -> Option<Journey> {
        let at = self.under_way.iter().position(|it| it.server == server)?;
        Some(self.under_way.remove(at))
    }

    /// Forgets all journeys; commands stay under way.
    pub(super) fn forget_all(&mut self) -> Vec<Journey> {
        std::mem::take(&mut self.under_way)
    }

    /// That server's journey goes on to that step.
    pub(super) fn step(&mut self, server: &str, step: Step) {
        if let Some(journey) = self.of_mut(server) {
            journey.step = step;
        }
    }

    /// Servers that are on their way, or to which a command is.
    pub(super) fn busy(&self) -> Vec<String> {
        let commanded = self.commands.iter().map(|it| it.server.clone());
        let commanded = commanded.filter(|it| self.of(it).is_none());
        self.servers().into_iter().chain(commanded).collect()
    }

    pub(super) fn servers(&self) -> Vec<String> {
        self.under_way.iter().map(|it| it.server.clone()).collect()
    }
}
