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
use super::incidents::{Incidents, RestartGaps, Saying};
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

/// One probe at work.
struct Watcher {
    config: ProbeConfig,
    /// What messages call it.
    site: String,
    number: usize,
    watching: JoinHandle<()>,
}

pub(super) struct Engine {
    hub: Hub,
    events: Events,
    troubles: Troubles,
    counts: Counts,
    settings: watch::Receiver<Settings>,
    glances: watch::Receiver<Option<Arc<Glance>>>,
    began: Instant,
    lines: BTreeMap<String, Line>,
    watchers: Vec<Watcher>,
    /// Of the next one.
    watcher_number: usize,
    heartbeat: HeartbeatConfig,
    beating: Option<JoinHandle<()>>,
    down: BTreeMap<usize, Told>,
    outcomes: Ways<(String, Outcome)>,
    sights: Ways<Sight>,
    last_event: u64,
    is_muted: bool,
    /// An Alertmanager forgets an alert that is not repeated within five minutes.
    repeat_every: Duration,
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
        repeat_every: Duration,
    ) -> Self {
        Self {
            hub,
            events,
            troubles,
            counts,
            settings,
            glances,
            began: Instant::now(),
            lines: BTreeMap::new(),
            watchers: Vec::new(),
            watcher_number: 0,
            heartbeat: HeartbeatConfig::default(),
            beating: None,
            down: BTreeMap::new(),
            outcomes: mpsc::channel(WAITING_MAX),
            sights: mpsc::channel(WAITING_MAX),
            last_event: 0,
            is_muted: false,
            repeat_every,
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
        let mut repeat_due = Instant::now() + self.repeat_every;
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
                    repeat_due = Instant::now() + self.repeat_every;
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
        // What came back is about the channels as they are called until now.
        while let Ok((channel, outcome)) = self.outcomes.1.try_recv() {
            self.take(&channel, outcome);
        }
        let settings = self.settings.borrow_and_update().clone();
        let mut kept = settings.file.as_deref().map(Kept::read).unwrap_or_default();
        for (config, line) in self.matched(&settings.alerts) {
            self.set(config, line, &mut kept, settings.gaps);
        }
        let is_there = |name: &String| self.lines.contains_key(name);
        self.counts.of().channels.retain(|name, _| is_there(name));
        self.tell_lost();
        self.watch(&settings.probes);
        if settings.heartbeat != self.heartbeat {
            self.beat(settings.heartbeat);
        }
    }

    /// Each channel with what it was until now: first the one that goes to the same place, since a name that
    /// nobody gave only says which one it is in the file; then the one of that name. The others end.
    fn matched<'a>(&mut self, alerts: &'a [AlertConfig]) -> Vec<(&'a AlertConfig, Option<Line>)> {
        let mut old = std::mem::take(&mut self.lines);
        let take = |old: &mut BTreeMap<String, Line>, is_it: &dyn Fn(&AlertConfig) -> bool| {
            let found = old.values().find(|line| is_it(&line.config));
            let name = found.map(|line| line.config.name.clone())?;
            old.remove(&name)
        };
        let is_same = |one: &AlertConfig, other: &AlertConfig| {
            one.name == other.name && one.channel == other.channel
        };
        let mut all: Vec<_> = alerts.iter().map(|config| (config, None)).collect();
        for (config, line) in &mut all {
            *line = take(&mut old, &|it| is_same(it, config));
        }
        for (config, line) in all.iter_mut().filter(|(_, line)| line.is_none()) {
            *line = take(&mut old, &|it| it.channel == config.channel);
        }
        for (config, line) in all.iter_mut().filter(|(_, line)| line.is_none()) {
            *line = take(&mut old, &|it| it.name == config.name);
        }
        for (name, line) in old {
            line.courier.abort();
            self.troubles.forget(&Trouble::Alerts(name));
        }
        all
    }

    /// Those that did not change go on, and what they found stays known.
    fn watch(&mut self, probes: &[ProbeConfig]) {
        let mut old = std::mem::take(&mut self.watchers);
        for (index, probe) in probes.iter().enumerate() {
            let alike = probes
                .iter()
                .filter(|it| it.url.to_string() == probe.url.to_string());
            let site = match alike.count() {
                1 => probe.url.to_string(),
                _ => format!("{} (probe {})", probe.url, index + 1),
            };
            let is_same = |it: &Watcher| it.config == *probe && it.site == site;
            let watcher = match old.iter().position(is_same) {
                Some(at) => old.swap_remove(at),
                None => self.watcher(probe, site),
            };
            self.watchers.push(watcher);
        }
        for watcher in old {
            watcher.watching.abort();
            self.down.remove(&watcher.number);
        }
        let is_there = |site: &String| self.watchers.iter().any(|it| it.site == *site);
        self.counts.of().sites.retain(|site, _| is_there(site));
    }

    fn watcher(&mut self, probe: &ProbeConfig, site: String) -> Watcher {
        let number = self.watcher_number;
        self.watcher_number += 1;
        self.counts.of().sites.insert(site.clone(), true);
        let (hub, sights) = (self.hub.clone(), self.sights.0.clone());
        let watching = probes::watch(number, site.clone(), probe.clone(), hub, sights);
        Watcher {
            config: probe.clone(),
            site,
            number,
            watching: tokio::spawn(watching),
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
    fn set(
        &mut self,
        config: &AlertConfig,
        line: Option<Line>,
        kept: &mut Kept,
        gaps: RestartGaps,
    ) {
        let name = &config.name;
        let (queue, incidents, is_failing, lost) = match line {
            Some(line) if line.config == *config => {
                self.lines.insert(name.clone(), line);
                return;
            }
            Some(mut line) => {
                line.courier.abort();
                line.incidents.reconfigure(config.on.clone(), config.every);
                let is_renamed = line.config.name != *name;
                if is_renamed {
                    self.troubles.forget(&Trouble::Alerts(line.config.name));
                }
                let is_failing = line.is_failing && !is_renamed;
                (line.queue, line.incidents, is_failing, line.lost)
            }
            None => {
                let mut incidents = Incidents::new(config.on.clone(), config.every);
                let now = self.now();
                let told = kept.take(name, now, SystemTime::now());
                let is_muted = kept.take_muted(name);
                self.is_muted |= is_muted;
                incidents.recall(now, told, is_muted, gaps);
                (Arc::default(), incidents, false, kept.take_lost(name))
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
            lost,
        };
        self.counts.channel(name, |_| {});
        self.lines.insert(name.clone(), line);
    }

    fn look(&mut self) {
        let Some(glance) = self.glances.borrow_and_update().clone() else {
            return;
        };
        let news = match (self.is_muted, &glance.pause) {
            (false, Some(pause)) => Some(AlertNews::Muted(pause.clone())),
            (true, None) => Some(AlertNews::Unmuted),
            (false, None) | (true, Some(_)) => None,
        };
        for news in news.into_iter().filter(|_| !self.lines.is_empty()) {
            self.hub.tell(Record::of(news));
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
        let (now, earlier) = (self.now(), self.events.earlier());
        for entry in &entries {
            if entry.event.id <= earlier {
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
        if self.watchers.iter().all(|it| it.number != sight.number) {
            return; // Of one that has just ended.
        }
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
            Outcome::Partial(text) => {
                self.counts.channel(channel, |it| it.sent += 1);
                line.is_failing = true;
                let trouble = Trouble::Alerts(channel.to_owned());
                self.troubles.begin(&self.hub, trouble, text);
            }
            Outcome::GivenUp(waiting) => {
                // An end is tried again.
                let is_lost = !matches!(waiting.saying.what, Subject::Ended { .. });
                line.lost = line.lost.saturating_add(u64::from(is_lost));
                self.counts.channel(channel, |it| {
                    it.failed += 1;
                    it.lost += u64::from(is_lost);
                });
                line.incidents.give_up(now, &waiting.saying);
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
            let lasting = line.incidents.lasting().map(|(key, incident)| Saying {
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
            kept.add_lost(name, line.lost);
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
                if !waiting.is_repeated {
                    line.unsay(now, &waiting.saying);
                }
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
            queued_at: Instant::now(),
        };
        let saying = waiting.saying.clone();
        if self.queue.push(waiting) || is_repeated {
            return;
        }
        self.unsay(now, &saying);
    }

    /// Will not be sent. What has no end is lost; the others are said again, if they last.
    fn unsay(&mut self, now: Timestamp, saying: &Saying) {
        match &saying.what {
            Subject::Event(_) | Subject::Test(_) => self.lost = self.lost.saturating_add(1),
            Subject::Begun(_) | Subject::Ended { .. } | Subject::Muted(_) | Subject::Unmuted => {
                self.incidents.unsay(now, saying);
            }
        }
    }
}
