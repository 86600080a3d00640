//! What people see of a backend's machines: what each does, what is wrong with it, and how long all have
//! run. Nothing is decided by it.

use std::time::Duration;

use super::{Machine, Machines, is_unused};
use crate::scaler::backend::view::Sight;
use crate::scaler::member::{Role, Stage};
use crate::scaler::seen::{MachineView, Problem};
use crate::words::machine::{MachineVerb, PowerState};
use crate::words::time::Timestamp;

/// What failed is a problem for at least this long, whether or not it is tried again.
const FAILED_FOR: Duration = Duration::from_secs(60);

/// How long machines have run since this daemon began, beside what each one knows of itself.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Spent {
    /// Of those that are not known any more.
    gone: Duration,
    /// Of all that, what was told.
    told: Duration,
}

impl Spent {
    /// One is not known any more.
    pub(super) fn leaves(&mut self, ran: Duration) {
        self.gone = self.gone.saturating_add(ran);
    }
}

impl Machines {
    /// What there is to see of each.
    pub(in crate::scaler::backend) fn view(
        &self,
        now: Timestamp,
        server: &str,
    ) -> Option<MachineView> {
        let machine = self.of(server)?;
        Some(MachineView {
            power: machine.power.state,
            lasted: now.since(machine.power.since),
            is_ours: machine.runs_for_us(),
            booting: machine.booting(now),
            boot: machine.starts.boot,
            starts: machine.starts.count,
            ran: machine.power.ran(now),
        })
    }

    /// Where that spare is, with its machine looked at.
    pub(in crate::scaler::backend) fn stage(&self, server: &str, stage: Stage) -> Stage {
        let Some(machine) = self.of(server).filter(|_| stage == Stage::Maint) else {
            return stage;
        };
        if machine.is_stopping() {
            return Stage::Stopping;
        }
        match machine.power.state {
            Some(PowerState::Off | PowerState::Gone) => Stage::Off,
            Some(PowerState::On | PowerState::Starting | PowerState::Stopping) | None => stage,
        }
    }

    fn ran(&self, now: Timestamp) -> Duration {
        let each = self.each.values().map(|machine| machine.power.ran(now));
        each.fold(self.spent.gone, Duration::saturating_add)
    }

    /// How long all together have run since that was taken last; `None` where there are none.
    pub(in crate::scaler::backend) fn used(&self, now: Timestamp) -> Option<Duration> {
        let used = self.ran(now).saturating_sub(self.spent.told);
        (!self.each.is_empty() || !used.is_zero()).then_some(used)
    }

    /// The same; counted anew from now on.
    pub(in crate::scaler::backend) fn take_used(&mut self, now: Timestamp) -> Option<Duration> {
        let used = self.used(now);
        self.spent.told = self.ran(now);
        used
    }
}

/// What is wrong with machines, as far as it lasts.
pub(in crate::scaler::backend) fn problems_of_machines(
    sight: &Sight<'_>,
    now: Timestamp,
    problems: &mut Vec<Problem>,
) {
    for (name, machine) in &sight.machines.each {
        problems.extend(failed(sight, now, name, machine));
        problems.extend(unused(sight, now, name, machine));
        let mute = machine.troubles.mute.clone();
        problems.extend(mute.map(|words| Problem::MachineMute(name.clone(), words)));
        let contradicts = machine.troubles.contradicts;
        problems.extend(contradicts.then(|| Problem::MachineContradicts(name.clone())));
    }
}

fn failed(sight: &Sight<'_>, now: Timestamp, name: &str, machine: &Machine) -> Option<Problem> {
    let failing = machine.troubles.failed.as_ref()?;
    let member = sight.facts.pool.member(name);
    let quarantine = member.and_then(|member| member.apart.quarantined_until);
    let quarantine = quarantine.filter(|until| now < *until);
    let is_in_use = member.is_some_and(|member| member.stage == Stage::Ready);
    let (lasts, again_in) = match failing.verb {
        // While its server is in use nobody wants it off.
        MachineVerb::Stop => {
            let lasts = machine.is_ours && !machine.power.is_down() && !is_in_use;
            (lasts, failing.again_at.map(|at| at.since(now)))
        }
        MachineVerb::Start | MachineVerb::Status => {
            let is_new = now.since(failing.at) < FAILED_FOR;
            let lasts = quarantine.is_some() || machine.start.is_some() || is_new;
            (lasts, quarantine.map(|until| until.since(now)))
        }
    };
    lasts.then(|| Problem::MachineFailed {
        server: name.to_owned(),
        verb: failing.verb,
        trouble: failing.trouble.clone(),
        again_in,
    })
}

/// One of ours that HAProxy has no server for any more, or one that somebody else started and that we
/// could stop.
fn unused(sight: &Sight<'_>, now: Timestamp, name: &str, machine: &Machine) -> Option<Problem> {
    let may_stop = sight.settings.machines.get(name)?.may_stop;
    let is_on = machine.power.state == Some(PowerState::On);
    if !is_on || !sight.facts.has_picture() {
        return None;
    }
    let is_homeless = match sight.facts.pool.member(name) {
        None => true,
        Some(member) if member.role == Role::Spare => false,
        Some(_) => return None,
    };
    let is_ours = machine.runs_for_us();
    let is_unused = match (is_homeless, is_ours) {
        (true, true) => true,
        (false, false) => may_stop && is_unused(sight.needs(), now, name),
        (true | false, true | false) => false,
    };
    is_unused.then(|| Problem::MachineUnused {
        server: name.to_owned(),
        is_ours,
        lasted: now.since(machine.power.since),
    })
}
