//! The thread's heart: looks, events and probes come in, each channel is told what concerns it, and what
//! became of its messages comes back.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until};

use super::courier::{self, Outcome};
use super::heartbeat;
use super::incidents::{Incidents, Saying};
use super::memory::Kept;
use super::probes::{self, Sight};
use super::queue::{Queue, Waiting};
use super::way::Way;
use super::{Counts, Glance, Settings, Trouble, Troubles};
use crate::config::{AlertConfig, Channel, HeartbeatConfig, Preset, ProbeConfig};
use crate::publish::alert::{Notice, Subject};
use crate::publish::events::Events;
use crate::publish::hub::Hub;
use crate::publish::record::{AlertNews, Record};
use crate::status::Told;
use crate::words::time::Timestamp;

/// An Alertmanager forgets an alert that is not repeated within five minutes.
const REPEAT_EVERY: Duration = Duration::from_secs(60);
/// What was told is written at most so often.
const KEEP_EVERY: Duration = Duration::from_secs(1);
/// Outcomes and sights that wait to be taken.
const WAITING_MAX: usize = 64;
/// The thread's time begins there, so that what an earlier daemon told lies behind it.
const BEGINNING: Duration = Duration::from_secs(400 * 24 * 3600);
/// Fewer events at once mean that none was missed: a jump is one of numbers, not of events.
const CROWD: usize = crate::publish::events::RECENT_MAX / 2;
/// Failures in a row that are worth a word.
const TOLD_FROM: u32 = 2;
/// A daemon that ends looks so often whether all is sent.
const END_STEP: Duration = Duration::from_millis(10);
/// … and for so long.
const END_LIMIT: Duration = Duration::from_millis(400);

/// Both ends of what comes back.
type Ways<T> = (mpsc::Sender<T>, mpsc::Receiver<T>);

/// One channel at work.
struct Line {
    config: AlertConfig,
    incidents: Incidents,
    queue: Arc<Queue>,
    courier: JoinHandle<()>,
    is_failing: bool,
    /// Messages that will not arrive, not yet told.
    lost: u64,
}

pub(super) struct Engine {
    hub: Hub,
    events: Events,
    troubles: Troubles,
    counts: Counts,
    settings: watch::Receiver<Settings>,
    glances: watch::Receiver<Option<Arc<Glance>>>,
    began: Instant,
    /// What happened before is no news.
    began_wall: SystemTime,
    lines: BTreeMap<String, Line>,
    probes: Vec<ProbeConfig>,
    watchers: Vec<JoinHandle<()>>,
    heartbeat: HeartbeatConfig,
    beating: Option<JoinHandle<()>>,
    down: BTreeMap<usize, Told>,
    outcomes: Ways<(String, Outcome)>,
    sights: Ways<Sight>,
    last_event: u64,
    is_muted: bool,
    keep_due: Option<Instant>,
    keeping: Option<JoinHandle<()>>,
}

impl Engine {
    pub(super) fn new(
        hub: Hub,
        events: Events,
        (troubles, counts): (Troubles, Counts),
        settings: watch::Receiver<Settings>,
        glances: watch::Receiver<Option<Arc<Glance>>>,
    ) -> Self {
        Self {
            hub,
            events,
            troubles,
            counts,
            settings,
            glances,
            began: Instant::now(),
            began_wall: SystemTime::now(),
            lines: BTreeMap::new(),
            probes: Vec::new(),
            watchers: Vec::new(),
            heartbeat: HeartbeatConfig::default(),
            beating: None,
            down: BTreeMap::new(),
            outcomes: mpsc::channel(WAITING_MAX),
            sights: mpsc::channel(WAITING_MAX),
            last_event: 0,
            is_muted: false,
            keep_due: None,
            keeping: None,
        }
    }

    pub(super) fn cannot_start(&self, error: &io::Error) {
        self.troubles.begin(
            &self.hub,
            Trouble::Alerts("every channel".to_owned()),
            format!("cannot start alerts: {error}; restart the daemon"),
        );
    }

    /// Works until the front is gone, and a little longer for what still waits.
    pub(super) async fn run(mut self) {
        self.configure();
        let mut newest = self.events.newest();
        self.last_event = *newest.borrow_and_update();
        let mut repeat_due = Instant::now() + REPEAT_EVERY;
        loop {
            let keep_due = self.keep_due;
            tokio::select! {
                changed = self.settings.changed() => match changed {
                    Ok(()) => self.configure(),
                    Err(_) => break,
                },
                changed = self.glances.changed() => if changed.is_ok() { self.look() },
                changed = newest.changed() => if changed.is_ok() {
                    newest.mark_unchanged();
                    self.read_events();
                },
                Some((channel, outcome)) = self.outcomes.1.recv() => self.take(&channel, outcome),
                Some(sight) = self.sights.1.recv() => self.see(sight),
                () = sleep_until(repeat_due) => {
                    repeat_due = Instant::now() + REPEAT_EVERY;
                    self.repeat();
                }
                () = sleep_until(keep_due.unwrap_or(repeat_due)), if keep_due.is_some() => {
                    self.keep();
                }
            }
        }
        self.finish().await;
    }

    fn now(&self) -> Timestamp {
        Timestamp::default().after(BEGINNING + self.began.elapsed())
    }

    /// Goes by the settings: what did not change goes on as if nothing had happened.
    fn configure(&mut self) {
        let settings = self.settings.borrow_and_update().clone();
        let gone: Vec<String> = {
            let is_there = |name: &String| settings.alerts.iter().any(|it| it.name == *name);
            let names = self.lines.keys();
            names.filter(|name| !is_there(name)).cloned().collect()
        };
        for name in gone {
            if let Some(line) = self.lines.remove(&name) {
                line.courier.abort();
                self.counts.of().channels.remove(&name);
                self.troubles.forget(&Trouble::Alerts(name));
            }
        }
        let mut kept = settings.file.as_deref().map(Kept::read).unwrap_or_default();
        for config in &settings.alerts {
            self.set(config, &mut kept);
        }
        if settings.probes != self.probes {
            self.watch(&settings.probes);
        }
        if settings.heartbeat != self.heartbeat {
            self.beat(settings.heartbeat);
        }
    }

    fn watch(&mut self, probes: &[ProbeConfig]) {
        self.probes = probes.to_vec();
        for watcher in self.watchers.drain(..) {
            watcher.abort();
        }
        self.down.clear();
        self.counts.of().sites.clear();
        for (index, probe) in probes.iter().enumerate() {
            let alike = probes
                .iter()
                .filter(|it| it.url.to_string() == probe.url.to_string());
            let site = match alike.count() {
                1 => probe.url.to_string(),
                _ => format!("{} (probe {})", probe.url, index + 1),
            };
            self.counts.of().sites.insert(site.clone(), true);
            let (hub, sights) = (self.hub.clone(), self.sights.0.clone());
            let watcher = probes::watch(index, site, probe.clone(), hub, sights);
            self.watchers.push(tokio::spawn(watcher));
        }
    }

    fn beat(&mut self, config: HeartbeatConfig) {
        self.heartbeat = config.clone();
        if let Some(beating) = self.beating.take() {
            beating.abort();
        }
        self.troubles.forget(&Trouble::Heartbeat);
        let (hub, ours) = (
            self.hub.clone(),
            (self.troubles.clone(), self.counts.clone()),
        );
        let beat = heartbeat::beat(config, self.glances.clone(), hub, ours);
        self.beating = Some(tokio::spawn(beat));
    }

    /// Begins a channel, or has it go on by another configuration: what waits still waits.
    fn set(&mut self, config: &AlertConfig, kept: &mut Kept) {
        let name = &config.name;
        let (queue, incidents, is_failing) = match self.lines.remove(name) {
            Some(line) if line.config == *config => {
                self.lines.insert(name.clone(), line);
                return;
            }
            Some(mut line) => {
                line.courier.abort();
                line.incidents.reconfigure(config.on.clone(), config.every);
                (line.queue, line.incidents, line.is_failing)
            }
            None => {
                let mut incidents = Incidents::new(config.on.clone(), config.every);
                let now = self.now();
                incidents.recall(now, kept.take(name, now, SystemTime::now()));
                (Arc::default(), incidents, false)
            }
        };
        let courier = courier::work(
            name.clone(),
            Way::of(config),
            Arc::clone(&queue),
            self.outcomes.0.clone(),
        );
        let line = Line {
            config: config.clone(),
            incidents,
            queue,
            courier: tokio::spawn(courier),
            is_failing,
            lost: 0,
        };
        self.counts.channel(name, |_| {});
        self.lines.insert(name.clone(), line);
    }

    fn look(&mut self) {
        let Some(glance) = self.glances.borrow_and_update().clone() else {
            return;
        };
        if let Some(pause) = glance.pause.as_ref().filter(|_| !self.is_muted)
            && !self.lines.is_empty()
        {
            self.hub.tell(Record::of(AlertNews::Muted(pause.clone())));
        }
        self.is_muted = glance.pause.is_some();
        let mut problems = glance.problems.clone();
        problems.extend(self.down.values().cloned());
        let (now, wall) = (self.now(), SystemTime::now());
        for line in self.lines.values_mut() {
            let name = &line.config.name;
            // One that fails cannot say so itself.
            let is_own = |it: &Told| it.code == "alert_not_sent" && it.about.as_ref() == Some(name);
            let others: Vec<Told> = problems.iter().filter(|it| !is_own(it)).cloned().collect();
            let pause = glance.pause.as_deref();
            for saying in line.incidents.look(now, wall, &others, pause) {
                line.say(now, saying, false);
            }
            let waiting = line.queue.len();
            self.counts
                .channel(name_of(line), |it| it.waiting = waiting);
        }
    }

    fn read_events(&mut self) {
        let entries = self.events.after(self.last_event);
        let (Some(first), Some(last)) = (entries.first(), entries.last()) else {
            return;
        };
        let missed = first
            .event
            .id
            .saturating_sub(self.last_event.saturating_add(1));
        if entries.len() > CROWD && missed > 0 {
            for line in self.lines.values_mut() {
                line.lost = line.lost.saturating_add(missed);
            }
            self.tell_lost();
        }
        self.last_event = last.event.id;
        let now = self.now();
        for entry in &entries {
            if entry.event.moment().is_none_or(|at| at < self.began_wall) {
                continue; // An earlier daemon's, which had alerts of its own.
            }
            for line in self.lines.values_mut() {
                if let Some(saying) = line.incidents.event(now, entry) {
                    line.say(now, saying, false);
                }
            }
        }
    }

    fn see(&mut self, sight: Sight) {
        let is_up = sight.down.is_none();
        self.counts.of().sites.insert(sight.site, is_up);
        match sight.down {
            Some(told) => self.down.insert(sight.number, told),
            None => self.down.remove(&sight.number),
        };
    }

    fn take(&mut self, channel: &str, outcome: Outcome) {
        let now = self.now();
        let Some(line) = self.lines.get_mut(channel) else {
            return;
        };
        match outcome {
            Outcome::Sent => {
                self.counts.channel(channel, |it| it.sent += 1);
                if std::mem::take(&mut line.is_failing) {
                    let trouble = Trouble::Alerts(channel.to_owned());
                    self.troubles.end(&self.hub, &trouble);
                }
                self.tell_lost();
            }
            // One that the second attempt mends is not worth a word.
            Outcome::Failing(tries, _) if tries < TOLD_FROM => {
                self.counts.channel(channel, |it| it.failed += 1);
            }
            Outcome::Failing(_, text) => {
                self.counts.channel(channel, |it| it.failed += 1);
                line.is_failing = true;
                let trouble = Trouble::Alerts(channel.to_owned());
                self.troubles.begin(&self.hub, trouble, text);
            }
            Outcome::GivenUp(waiting) if waiting.is_repeated => {}
            Outcome::GivenUp(waiting) => {
                line.lost += 1;
                self.counts.channel(channel, |it| {
                    it.failed += 1;
                    it.lost += 1;
                });
                if let (Subject::Begun(_), Some(key)) = (&waiting.saying.what, &waiting.saying.key)
                {
                    line.incidents.give_up(now, key);
                }
            }
        }
        if self.keep_due.is_none() {
            self.keep_due = Some(Instant::now() + KEEP_EVERY);
        }
    }

    /// Says what will not arrive, once the channel works again.
    fn tell_lost(&mut self) {
        for line in self.lines.values_mut().filter(|line| !line.is_failing) {
            let alerts = std::mem::take(&mut line.lost);
            if alerts > 0 {
                let channel = line.config.name.clone();
                self.hub
                    .tell(Record::of(AlertNews::Lost { channel, alerts }));
            }
        }
    }

    /// Tells an Alertmanager again what lasts.
    fn repeat(&mut self) {
        let now = self.now();
        for line in self.lines.values_mut() {
            let is_forgetful = matches!(
                line.config.channel,
                Channel::Webhook {
                    preset: Preset::Alertmanager,
                    ..
                }
            );
            if !is_forgetful || !line.queue.is_empty() {
                continue;
            }
            let lasting = line.incidents.told().map(|(key, incident, _)| Saying {
                what: Subject::Begun(incident.clone()),
                key: Some(key.clone()),
            });
            for saying in lasting.collect::<Vec<_>>() {
                line.say(now, saying, true);
            }
        }
    }

    /// Writes what was told, without waiting for the disk.
    fn keep(&mut self) {
        self.keep_due = None;
        let Some(file) = self.settings.borrow().file.clone() else {
            return;
        };
        if self.keeping.as_ref().is_some_and(|it| !it.is_finished()) {
            self.keep_due = Some(Instant::now() + KEEP_EVERY);
            return;
        }
        let kept = self.kept();
        self.keeping = Some(tokio::task::spawn_blocking(move || {
            // A disk that takes nothing is told of by those who keep more than this.
            let _ = kept.write(&file);
        }));
    }

    fn kept(&self) -> Kept {
        let mut kept = Kept::default();
        let (now, wall) = (self.now(), SystemTime::now());
        for (name, line) in &self.lines {
            kept.add(name, &line.incidents, &line.queue.sayings(), (now, wall));
        }
        kept
    }

    async fn finish(mut self) {
        let end = Instant::now() + END_LIMIT;
        let is_sent = |lines: &BTreeMap<String, Line>| lines.values().all(|it| it.queue.is_empty());
        while !is_sent(&self.lines) && Instant::now() < end {
            tokio::time::sleep(END_STEP).await;
        }
        // What did not arrive was not told.
        let now = self.now();
        for line in self.lines.values_mut() {
            line.courier.abort();
            for waiting in line.queue.take_all() {
                line.incidents.unsay(now, &waiting.saying);
            }
        }
        let file = self.settings.borrow().file.clone();
        if let Some(file) = file.filter(|_| !self.lines.is_empty()) {
            let _ = self.kept().write(&file);
        }
    }
}

fn name_of(line: &Line) -> &str {
    &line.config.name
}

impl Line {
    /// Puts it into the queue; what does not fit is as good as not said.
    fn say(&mut self, now: Timestamp, saying: Saying, is_repeated: bool) {
        let waiting = Waiting {
            notice: Notice::now(saying.what.clone()),
            saying,
            is_repeated,
        };
        let saying = waiting.saying.clone();
        if self.queue.push(waiting) || is_repeated {
            return;
        }
        match &saying.what {
            Subject::Event(_) | Subject::Muted(_) | Subject::Test(_) => {
                self.lost = self.lost.saturating_add(1);
            }
            Subject::Begun(_) | Subject::Ended { .. } => self.incidents.unsay(now, &saying),
        }
    }
}
