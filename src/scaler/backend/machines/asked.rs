//! What each machine is asked for, and what an answer means: for its server's journey, for the next spare,
//! and for what is told. All machines of a backend are in `machines`.

use std::time::Duration;

use super::super::journey::Step;
use super::super::road::{Road, answers_next};
use super::super::stall::stall_in_start;
use super::{Machines, NO_STOP_FOR, is_unused, slow_at};
use crate::scaler::decision::{Change, Failed, Failure, MachineNews, MachineTrouble, Reason};
use crate::scaler::event::{Action, ActionId};
use crate::scaler::machine::{Call, Machine, Outcome, ToStart};
use crate::scaler::member::Stage;
use crate::scaler::outbox::Outbox;
use crate::scaler::settings::MachineSettings;
use crate::words::machine::{MachineAnswer, MachineCall, MachineFailure, MachineVerb, PowerState};
use crate::words::time::Timestamp;

/// The first time that a machine is late it is left on until its server is tried again: it may have come up by then.
/// Later it is stopped, so that the next start is a new one.
const LATE_MAY_COME_FOR: Duration = Duration::from_secs(70);

/// Asks each machine for what is due, as things are. `may_stop`: the picture is fresh and nobody has
/// paused anything.
pub(in crate::scaler::backend) fn tend(
    road: &mut Road<'_>,
    now: Timestamp,
    may_stop: bool,
    out: &mut Outbox,
) -> bool {
    for (name, news) in std::mem::take(&mut road.machines.forgotten) {
        told(now, &name, Change::Warning, news, out);
    }
    let names: Vec<String> = road.machines.each.keys().cloned().collect();
    let mut wants_another = false;
    for name in names {
        wants_another |= tend_one(road, now, &name, may_stop, out);
    }
    wants_another
}

/// True when another spare is to be looked for.
fn tend_one(
    road: &mut Road<'_>,
    now: Timestamp,
    name: &str,
    may_stop: bool,
    out: &mut Outbox,
) -> bool {
    let Some(settings) = road.settings.machines.get(name).copied() else {
        return false;
    };
    let Some(machine) = road.machines.of_mut(name) else {
        return false;
    };
    let outcome = machine.overdue(now);
    let mut wants_another = outcome.is_some_and(|it| settle(road, now, name, it, out));
    let journey = road.journeys.of(name);
    let late_at = journey.and_then(|journey| journey.is_late_at(&settings));
    if late_at.is_some_and(|at| now >= at) {
        late(road, now, name, out);
        wants_another = true;
    }
    if wants_another {
        return true;
    }
    if stall_if_slow(road, now, name, &settings, out) {
        return true;
    }
    start_if_seen_off(road, now, name);
    let step = road.journeys.of(name).map(|journey| journey.step);
    let wait = NO_STOP_FOR.min(road.settings.idle_timeout);
    let may_stop = may_stop && now >= road.machines.not_before && settings.may_stop;
    let may_stop = may_stop && is_unused(road.needs(), now, name);
    let has_picture = road.facts.has_picture();
    let member = road.facts.pool.member(name);
    let is_homeless = member.is_none() && has_picture;
    let is_ready = member.is_some_and(|it| it.stage == Stage::Ready);
    let is_up = is_ready && member.is_some_and(|it| it.read.is_up());
    let is_down = is_ready && !is_up;
    let Some(machine) = road.machines.of_mut(name) else {
        return false;
    };
    if !step.is_some_and(Step::waits_for_its_machine) {
        machine.call_off(now, wait);
    }
    if !may_stop {
        machine.stops.is_not_wished();
    }
    let is_shown_first = has_picture && machine.power.is_new() && machine.start.is_none();
    if is_down || is_shown_first || is_homeless && !machine.is_told {
        machine.doubt(now);
    }
    tell_if_contradicted(machine, now, name, is_up, out);
    ask_for_what_is_due(road, now, name, (&settings, may_stop), out);
    false
}

/// Asks one for what is due; `may_stop`: nothing speaks against a stop.
fn ask_for_what_is_due(
    road: &mut Road<'_>,
    now: Timestamp,
    name: &str,
    (settings, may_stop): (&MachineSettings, bool),
    out: &mut Outbox,
) {
    let step = road.journeys.of(name).map(|journey| journey.step);
    let is_starting = step == Some(Step::Starting);
    let pictures = road.facts.reading.pictures;
    let Some(machine) = road.machines.of_mut(name) else {
        return;
    };
    if machine.call.is_some() {
        // Its server tells, too, whether it runs still.
        if is_starting && machine.word_by().is_some_and(|by| by <= now) {
            answers_next(road, now, name, out);
        }
        return;
    }
    let is_due_again = machine
        .start
        .as_ref()
        .is_some_and(|it| it.is_due_again(now));
    if is_starting {
        match machine.to_start(now) {
            ToStart::GoOn => answers_next(road, now, name, out),
            ToStart::Ask if now < machine.wanted_at() => {}
            ToStart::Ask => ask(road, now, name, settings, out),
            ToStart::Start => {
                let begin = |it: &mut Machine, id| it.begin_start(now, id, settings);
                if start(road, now, name, out, begin) {
                    road.machines.started(now);
                }
            }
        }
    } else if is_due_again {
        let begin = |it: &mut Machine, id| it.begin_again(now, id, settings);
        start(road, now, name, out, begin); // A repetition counts towards no budget.
    } else if machine.power.state.is_none() && machine.is_due(now) {
        ask(road, now, name, settings, out);
    } else if may_stop && machine.may_be_stopped(now) {
        if machine.stops.is_confirmed(pictures) {
            return stop(road, now, name, settings, out);
        }
        let is_due = machine.is_due(now);
        road.facts.reading.want();
        if is_due {
            ask(road, now, name, settings, out);
        }
    } else if machine.is_due(now) {
        ask(road, now, name, settings, out);
    }
}

/// Its provider says off, and HAProxy has its server up: one of them errs, and that is told once.
fn tell_if_contradicted(
    machine: &mut Machine,
    now: Timestamp,
    name: &str,
    is_up: bool,
    out: &mut Outbox,
) {
    let contradicts = is_up && machine.power.is_down();
    let was_told = std::mem::replace(&mut machine.troubles.contradicts, contradicts);
    if contradicts && !was_told {
        told(now, name, Change::Warning, MachineNews::Contradicts, out);
    }
}

/// Its server was asked because it was believed to run, and it is off: it is started.
fn start_if_seen_off(road: &mut Road<'_>, now: Timestamp, name: &str) {
    let is_off = road
        .machines
        .of(name)
        .is_some_and(|it| it.power.is_down() && it.start.is_none());
    if let Some(journey) = road.journeys.of_mut(name)
        && is_off
        && journey.boot.is_none()
        && matches!(journey.step, Step::WarmingUp { .. })
    {
        journey.starts_after_all(now);
    }
}

/// A start that takes longer than the last boot lets one expect: true when the next spare is to set out beside it.
fn stall_if_slow(
    road: &mut Road<'_>,
    now: Timestamp,
    name: &str,
    settings: &MachineSettings,
    out: &mut Outbox,
) -> bool {
    let (Some(journey), Some(machine)) = (road.journeys.of(name), road.machines.of(name)) else {
        return false;
    };
    if slow_at(journey, machine, settings).is_none_or(|at| now < at) {
        return false;
    }
    let booting = machine.booting(now);
    let usual = booting.and_then(|it| Some((it.lasted, it.usual?)));
    stall_in_start(road, name, out.next_id());
    if let Some((lasted, usual)) = usual {
        told(
            now,
            name,
            Change::Warning,
            MachineNews::Slow { lasted, usual },
            out,
        );
    }
    true
}

/// An outcome came in; true when another spare is to be looked for.
pub(in crate::scaler::backend) fn answered(
    road: &mut Road<'_>,
    now: Timestamp,
    id: ActionId,
    name: &str,
    outcome: Result<MachineAnswer, MachineFailure>,
    out: &mut Outbox,
) -> bool {
    let machine = road.machines.of_mut(name);
    let outcome = machine.and_then(|machine| machine.answered(now, id, outcome));
    outcome.is_some_and(|outcome| settle(road, now, name, outcome, out))
}

/// What an outcome means; true when another spare is to be looked for.
fn settle(
    road: &mut Road<'_>,
    now: Timestamp,
    name: &str,
    outcome: Outcome,
    out: &mut Outbox,
) -> bool {
    match outcome {
        Outcome::Nothing | Outcome::Accepted => {
            if outcome == Outcome::Nothing {
                tell_if_unused(road, now, name, out);
            }
            return false;
        }
        Outcome::StartFailed(trouble) => {
            tell_failed(now, name, MachineVerb::Start, &trouble, None, out);
            let journey = road.journeys.of(name);
            let is_waited_for = journey.is_some_and(|it| it.step.waits_for_its_machine());
            if is_waited_for {
                road.fail(now, name, Failure::Machine(trouble), out);
            }
            return is_waited_for;
        }
        Outcome::Stopped { ran } => {
            told(
                now,
                name,
                Change::MachineStopped,
                MachineNews::Stopped { ran },
                out,
            );
        }
        Outcome::StopFailed { trouble, again_in } => {
            tell_failed(now, name, MachineVerb::Stop, &trouble, Some(again_in), out);
        }
        Outcome::RunsLate => {
            told(now, name, Change::Note, MachineNews::RunsLate, out);
            let wait = NO_STOP_FOR.min(road.settings.idle_timeout);
            if let Some(machine) = road.machines.of_mut(name) {
                machine.stops.wait(now.after(wait));
            }
            // It failed because it did not run: it may be wanted still.
            if let Some(member) = road.facts.pool.member_mut(name)
                && matches!(member.apart.failed, Failed::Coming(Failure::Machine(_)))
            {
                member.apart.quarantined_until = None;
            }
            return true;
        }
        Outcome::WentOff => {
            let member = road.facts.pool.member(name);
            let is_up = member.is_some_and(|member| member.read.is_up());
            let is_in_use = member.is_some_and(|member| member.stage == Stage::Ready)
                || road.journeys.of(name).is_some();
            let machine = road.machines.of_mut(name);
            if let Some(machine) = machine.filter(|_| is_up) {
                machine.is_used(now); // HAProxy sees its server: that is nearer to users.
            } else if is_in_use {
                let trouble = MachineTrouble::Died;
                if let Some(machine) = road.machines.of_mut(name) {
                    machine
                        .troubles
                        .note(now, MachineVerb::Status, &trouble, None);
                }
                tell_failed(now, name, MachineVerb::Status, &trouble, None, out);
            }
        }
        Outcome::Mute(trouble) => {
            tell_failed(now, name, MachineVerb::Status, &trouble, None, out);
        }
    }
    false
}

/// The backend is not looked after any more: what runs because of us is told.
pub(in crate::scaler::backend) fn say_goodbye(
    machines: &Machines,
    now: Timestamp,
    out: &mut Outbox,
) {
    for (name, machine) in &machines.each {
        if machine.may_run_for_us(now) {
            let news = MachineNews::Forgotten;
            told(now, name, Change::Warning, news, out);
        }
    }
}

/// One that runs in no use is told once: one of ours whose server HAProxy has no more, and one that
/// somebody else started.
fn tell_if_unused(road: &mut Road<'_>, now: Timestamp, name: &str, out: &mut Outbox) {
    let has_picture = road.facts.has_picture();
    let is_unused = is_unused(road.needs(), now, name);
    let is_homeless = has_picture && road.facts.pool.member(name).is_none();
    let Some(machine) = road.machines.of_mut(name) else {
        return;
    };
    if machine.power.is_down() || machine.is_told {
        return;
    }
    let news = match (is_homeless, machine.is_ours) {
        (true, true) => MachineNews::Homeless,
        (false, false) if is_unused && machine.power.state == Some(PowerState::On) => {
            MachineNews::Runs
        }
        (true | false, true | false) => return,
    };
    machine.is_told = true;
    told(now, name, Change::Warning, news, out);
}

/// Its server has not answered in time: the next one is tried.
pub(in crate::scaler::backend) fn late(
    road: &mut Road<'_>,
    now: Timestamp,
    name: &str,
    out: &mut Outbox,
) {
    let Some(settings) = road.settings.machines.get(name) else {
        return;
    };
    let limit = settings.start_timeout;
    let call = road.machines.of(name).and_then(|machine| machine.call);
    let hangs = call.is_some_and(|call| call.verb == MachineVerb::Start);
    let trouble = if hangs {
        MachineTrouble::Hangs(limit)
    } else {
        MachineTrouble::Late(limit)
    };
    let member = road.facts.pool.member(name);
    let is_first = member.is_some_and(|member| member.apart.failures == 0);
    if let Some(machine) = road.machines.of_mut(name) {
        machine.give_up(now);
        if is_first {
            machine.stops.wait(now.after(LATE_MAY_COME_FOR));
        }
        machine
            .troubles
            .note(now, MachineVerb::Start, &trouble, None);
    }
    tell_failed(now, name, MachineVerb::Start, &trouble, None, out);
    road.fail(now, name, Failure::Machine(trouble), out);
}

/// Its server answers: the boot is over.
pub(in crate::scaler::backend) fn proven(
    road: &mut Road<'_>,
    now: Timestamp,
    name: &str,
    out: &mut Outbox,
) {
    let machine = road.machines.of_mut(name);
    if let Some(boot) = machine.and_then(|machine| machine.is_proven(now)) {
        let news = MachineNews::Started { boot };
        told(now, name, Change::MachineStarted, news, out);
    }
}

/// Its server was put into maint by us: its machine is ours to stop.
pub(in crate::scaler::backend) fn departed(road: &mut Road<'_>, now: Timestamp, name: &str) {
    if let Some(machine) = road.machines.of_mut(name) {
        machine.is_used(now);
    }
}

/// It is asked to start, as `begin` says: for the first time, or once more; false if nobody waits for it.
fn start(
    road: &mut Road<'_>,
    now: Timestamp,
    name: &str,
    out: &mut Outbox,
    begin: impl FnOnce(&mut Machine, ActionId),
) -> bool {
    let wanted = road.journeys.of(name).and_then(|it| it.goal.wanted());
    let Some(wanted) = wanted.cloned() else {
        return false;
    };
    let id = out.next_id();
    let Some(machine) = road.machines.of_mut(name) else {
        return false;
    };
    begin(machine, id);
    let news = MachineNews::Start {
        key: machine.starts.key,
        attempt: machine.starts.attempt,
        usual: machine.starts.boot,
        wanted,
    };
    told(now, name, Change::MachineStart, news, out);
    call(road, name, out);
    true
}

fn stop(
    road: &mut Road<'_>,
    now: Timestamp,
    name: &str,
    settings: &MachineSettings,
    out: &mut Outbox,
) {
    let id = out.next_id();
    if let Some(machine) = road.machines.of_mut(name) {
        machine.begin_stop(now, id, settings);
    }
    told(now, name, Change::MachineStop, MachineNews::Stop, out);
    call(road, name, out);
}

fn ask(
    road: &mut Road<'_>,
    now: Timestamp,
    name: &str,
    settings: &MachineSettings,
    out: &mut Outbox,
) {
    let id = out.next_id();
    if let Some(machine) = road.machines.of_mut(name) {
        machine.begin_status(now, id, settings);
    }
    call(road, name, out);
}

/// Passes on what its machine is asked for now.
fn call(road: &Road<'_>, name: &str, out: &mut Outbox) {
    let Some(machine) = road.machines.of(name) else {
        return;
    };
    let Some(Call {
        id, verb, limit, ..
    }) = machine.call
    else {
        return;
    };
    let member = road.facts.pool.member(name);
    let call = MachineCall {
        verb,
        server: out.server(name),
        address: member.and_then(|member| member.read.address),
        key: machine.starts.key,
        attempt: machine.starts.attempt,
        limit,
    };
    out.actions.push(Action::Machine { id, call });
}

fn told(now: Timestamp, name: &str, change: Change, news: MachineNews, out: &mut Outbox) {
    out.report(now, Some(name), change, Reason::Machine(news));
}

fn tell_failed(
    now: Timestamp,
    name: &str,
    verb: MachineVerb,
    trouble: &MachineTrouble,
    again_in: Option<Duration>,
    out: &mut Outbox,
) {
    let news = MachineNews::Failed {
        verb,
        trouble: trouble.clone(),
        again_in,
    };
    told(now, name, Change::MachineFailed, news, out);
}
