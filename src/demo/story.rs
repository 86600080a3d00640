//! The story as it happens: the load rises, a spare is warmed up, users are fast again, the spare
//! goes. It looks at the world from outside and listens to the daemon; it decides nothing about
//! servers. The numbers at the end are told by `summary`.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

use super::DemoError;
use super::contrast::SETTLE_US;
use super::scenario::{
    ALWAYS_UP, BREACHES, SERVERS, SPARE, Scenario, THRESHOLD_MS, WARM_UP_REQUESTS, WINDOW,
};
use super::voice::{Pulse, Voice};
use super::world::{Sample, Verdict, WhatIf, World};
use crate::scaler::decision::{Change, Decision};
use crate::sim::micros;
use crate::sim::queues::Answer;

/// The world is looked at this often.
const LOOK: Duration = Duration::from_millis(50);
/// One line about how things are in so long.
const PULSE_US: u64 = 1_500_000;
const SECOND_US: u64 = 1_000_000;
/// The narrator waits so long for the daemon to say what can already be seen.
const PATIENCE_US: u64 = 500_000;

/// All that is kept of a story that came to its end.
#[derive(Clone, Debug)]
pub struct Told {
    /// What every user got.
    pub answers: Vec<Answer>,
    /// When the first window was too slow.
    pub slow_from_us: u64,
    /// When the rush began.
    pub rush_us: u64,
    /// When the last of the breaches in a row was reported.
    pub breached_us: u64,
    /// From when on the two ways are compared: the start of the warm-up.
    pub compared_us: u64,
    /// When HAProxy was first seen sending users to the spare.
    pub enabled_us: u64,
    /// When the spare was back in maint.
    pub away_us: u64,
    pub verdict: Option<Verdict>,
    /// Looks at the always-up server, and how many of them found it not UP.
    pub looks: (u64, u64),
    /// Commands that named the always-up server, where they can be counted.
    pub always_up_writes: Option<u32>,
    /// HAProxy was a real one.
    pub is_real: bool,
}

/// How far something that happens to the spare has been talked about.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
enum Word {
    #[default]
    Unheard,
    /// The daemon said it.
    Heard,
    /// The narrator said it too.
    Told,
}

#[derive(Debug, Default)]
struct Marks {
    rush_told: bool,
    slow_from_us: Option<u64>,
    last_breach_us: Option<u64>,
    breached_us: Option<u64>,
    compared_us: Option<u64>,
    enabled_us: Option<u64>,
    enabling: Word,
    rush_ended_us: Option<u64>,
    away_us: Option<u64>,
    leaving: Word,
}

struct Telling<'a, 'b> {
    world: &'a mut World,
    scenario: &'a Scenario,
    voice: &'a mut Voice<'b>,
    answers: Vec<Answer>,
    marks: Marks,
    what_if: Option<WhatIf>,
    looks: (u64, u64),
    next_pulse_us: u64,
    spare_was: String,
    last: Sample,
}

/// Tells the story until it is over.
///
/// # Errors
///
/// [`DemoError::Story`] when the spare was not enabled or not put away in time; what broke
/// otherwise.
pub async fn tell(
    world: &mut World,
    scenario: &Scenario,
    decisions: &mut mpsc::Receiver<Decision>,
    voice: &mut Voice<'_>,
) -> Result<Told, DemoError> {
    let last = world.sample().await?;
    let mut telling = Telling {
        world,
        scenario,
        voice,
        answers: Vec::new(),
        marks: Marks::default(),
        what_if: None,
        looks: (0, 0),
        next_pulse_us: PULSE_US,
        spare_was: String::new(),
        last,
    };
    let mut looks = interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Skip);
    let mut is_listening = true;
    while !telling.is_over() {
        tokio::select! {
            decision = decisions.recv(), if is_listening => match decision {
                Some(decision) => telling.hear(&decision).await?,
                None => is_listening = false,
            },
            _ = looks.tick() => telling.look().await?,
        }
        telling.check_limit()?;
    }
    telling.finish()
}

impl Telling<'_, '_> {
    fn is_over(&self) -> bool {
        let epilogue_us = micros(self.scenario.epilogue);
        self.marks
            .away_us
            .is_some_and(|away_us| self.last.at_us >= away_us.saturating_add(epilogue_us))
    }

    fn check_limit(&self) -> Result<(), DemoError> {
        if self.last.at_us < micros(self.scenario.limit) {
            return Ok(());
        }
        let marks = &self.marks;
        let [_, spare] = SERVERS;
        let missing = if marks.slow_from_us.is_none() {
            "no slow window was ever reported".to_owned()
        } else if marks.breached_us.is_none() {
            format!("there were slow windows, but no warm-up of {spare} began")
        } else if marks.enabled_us.is_none() {
            format!(
                "{spare} was not enabled; HAProxy shows it as {}",
                self.last.status[SPARE]
            )
        } else {
            format!(
                "{spare} was not put away; HAProxy shows it as {}",
                self.last.status[SPARE]
            )
        };
        Err(DemoError::Story {
            limit_s: self.scenario.limit.as_secs(),
            missing,
        })
    }

    /// The daemon said something.
    async fn hear(&mut self, decision: &Decision) -> Result<(), DemoError> {
        self.look().await?;
        let now_us = self.last.at_us;
        self.voice
            .decision(now_us / SECOND_US, &decision.to_string())?;
        let change = decision.change;
        if change == Change::Breach {
            self.marks.slow_from_us.get_or_insert(now_us);
            self.marks.last_breach_us = Some(now_us);
        } else if change == Change::WarmUp && self.marks.breached_us.is_none() {
            self.marks.slow_from_us.get_or_insert(now_us);
            let breached_us = self.marks.last_breach_us.unwrap_or(now_us);
            self.marks.breached_us = Some(breached_us);
            self.marks.compared_us = Some(now_us);
            self.what_if = Some(self.world.what_if(self.scenario, now_us));
            self.voice.narrate(&format!(
                "{}, the spare, is cold: its first answers take about a second. Enabled now, \
                     it would give them to users. So it is warmed up first, by requests that \
                     nobody waits for.",
                SERVERS[SPARE]
            ))?;
        } else if change == Change::Enable {
            self.marks.enabling = self.marks.enabling.max(Word::Heard);
        } else if change == Change::Disable {
            self.marks.leaving = self.marks.leaving.max(Word::Heard);
        }
        self.look_at_spare(now_us)
    }

    /// Sees what changed in the world since the last look.
    async fn look(&mut self) -> Result<(), DemoError> {
        let mut sample = self.world.sample().await?;
        self.answers.append(&mut sample.answers);
        let now_us = sample.at_us;
        let is_up = sample.status[ALWAYS_UP].starts_with("UP");
        self.looks.0 += 1;
        self.looks.1 += u64::from(!is_up);
        self.last = sample;
        if !self.marks.rush_told && now_us >= micros(self.scenario.calm) {
            self.marks.rush_told = true;
            self.voice.narrate(&format!(
                "The rush begins: three times as many users, slightly more than {} alone can serve.",
                SERVERS[ALWAYS_UP]
            ))?;
        }
        self.look_at_spare(now_us)?;
        if self.is_pulse_due(now_us) {
            self.next_pulse_us = now_us - now_us % PULSE_US + PULSE_US;
            self.pulse(now_us)?;
        }
        Ok(())
    }

    /// The world is usually seen to change just before the daemon says so; the narrator waits for
    /// the daemon's word a moment.
    fn look_at_spare(&mut self, now_us: u64) -> Result<(), DemoError> {
        let [_, spare] = SERVERS;
        let status = self.last.status[SPARE].as_str();
        if status.starts_with("UP") && self.marks.enabled_us.is_none() {
            self.marks.enabled_us = Some(now_us);
        }
        let Some(enabled_us) = self.marks.enabled_us else {
            return Ok(());
        };
        if status == "MAINT" && self.marks.away_us.is_none() {
            self.marks.away_us = Some(now_us);
        }
        let is_due = |word, since_us: u64| match word {
            Word::Unheard => now_us >= since_us.saturating_add(PATIENCE_US),
            Word::Heard => true,
            Word::Told => false,
        };
        if is_due(self.marks.enabling, enabled_us) {
            self.marks.enabling = Word::Told;
            self.voice.narrate(&format!(
                "{spare} is warm and HAProxy's own checks passed. From now on users get to it."
            ))?;
        }
        let rush_us = micros(self.scenario.rush_after_enable);
        if self.marks.rush_ended_us.is_none() && now_us >= enabled_us.saturating_add(rush_us) {
            self.marks.rush_ended_us = Some(now_us);
            self.end_rush()?;
        }
        if let Some(away_us) = self.marks.away_us
            && is_due(self.marks.leaving, away_us)
        {
            self.marks.leaving = Word::Told;
            self.voice.narrate(&format!(
                "It was quiet long enough: {spare} is away again, after its last user was served."
            ))?;
        }
        Ok(())
    }

    fn end_rush(&mut self) -> Result<(), DemoError> {
        self.world.end_rush();
        let aside = if self.world.is_real() {
            ""
        } else {
            " (The log file is rotated at this moment, to show that nothing gets lost.)"
        };
        self.voice.narrate(&format!("The rush is over.{aside}"))?;
        Ok(())
    }

    /// While the spare is on its way, each of its steps is worth a line.
    fn is_pulse_due(&self, now_us: u64) -> bool {
        let is_coming = self.marks.breached_us.is_some() && self.marks.enabled_us.is_none();
        now_us >= self.next_pulse_us || (is_coming && self.spare_word() != self.spare_was)
    }

    fn pulse(&mut self, now_us: u64) -> Result<(), DemoError> {
        // Samples come in the order of completion.
        let from_us = now_us.saturating_sub(PULSE_US);
        let old = self
            .answers
            .partition_point(|answer| answer.ended_us <= from_us);
        let recent = self.answers.get(old..).unwrap_or_default();
        let pulse = Pulse {
            at_s: now_us / SECOND_US,
            rate_per_s: recent.len() as f64 * SECOND_US as f64 / PULSE_US as f64,
            mean_ms: mean_ms(recent),
            threshold_ms: THRESHOLD_MS,
            servers: &format!(
                "{} {} · {} {}",
                SERVERS[ALWAYS_UP],
                plain(&self.last.status[ALWAYS_UP]),
                SERVERS[SPARE],
                self.spare_word()
            ),
        };
        self.voice.pulse(&pulse)?;
        self.spare_was = self.spare_word();
        Ok(())
    }

    fn spare_word(&self) -> String {
        let status = self.last.status[SPARE].as_str();
        let is_coming = self.marks.breached_us.is_some() && self.marks.enabled_us.is_none();
        if is_coming && status == "MAINT" {
            format!("warming ({}/{WARM_UP_REQUESTS})", self.last.spare_answers)
        } else if is_coming && status.starts_with("DRAIN") {
            "being checked".to_owned()
        } else {
            plain(status).to_owned()
        }
    }

    fn finish(self) -> Result<Told, DemoError> {
        let limit_s = self.scenario.limit.as_secs();
        self.told().ok_or_else(|| DemoError::Story {
            limit_s,
            missing: "the spare came and went without a reported reason".to_owned(),
        })
    }

    fn told(self) -> Option<Told> {
        let enabled_us = self.marks.enabled_us?;
        let to_us = enabled_us.saturating_add(SETTLE_US);
        Some(Told {
            answers: self.answers,
            slow_from_us: self.marks.slow_from_us?,
            rush_us: micros(self.scenario.calm),
            breached_us: self.marks.breached_us?,
            compared_us: self.marks.compared_us?,
            enabled_us,
            away_us: self.marks.away_us?,
            verdict: self.what_if.and_then(|what_if| what_if(to_us)),
            looks: self.looks,
            always_up_writes: self.world.always_up_writes(),
            is_real: self.world.is_real(),
        })
    }
}

/// HAProxy's status in our words.
fn plain(status: &str) -> &str {
    match status.split(' ').next() {
        Some("UP") => "ready",
        Some("MAINT") => "maint",
        Some("DRAIN") => "draining",
        Some("DOWN") => "down",
        Some(_) | None => status,
    }
}

/// The mean of these answers; `None`: there are none.
pub fn mean_ms(answers: &[Answer]) -> Option<f64> {
    if answers.is_empty() {
        return None;
    }
    Some(answers.iter().map(Answer::took_ms).sum::<f64>() / answers.len() as f64)
}

/// What a newcomer has to know before it starts.
pub fn introduce(voice: &mut Voice<'_>, is_real: bool) -> Result<(), DemoError> {
    let [always_up, spare] = SERVERS;
    let (pretend, real) = if is_real {
        (
            "the two web servers and their users",
            "HAProxy, its log, its admin socket, and the daemon that watches it",
        )
    } else {
        (
            "HAProxy, the two web servers and their users",
            "the log file, the admin socket, and the daemon that reads the one and uses the other",
        )
    };
    voice.paragraph(&format!(
        "A shop with two servers behind HAProxy: {always_up} always runs, {spare} is a spare, \
         switched off and cold."
    ))?;
    voice.paragraph(&format!("Pretend: {pretend}. Real: {real}."))?;
    voice.paragraph(&format!(
        "Too slow means: above {THRESHOLD_MS:.0} ms on average over {WINDOW} requests or more, \
         {BREACHES} times in a row. The stroke in the bar is that limit. It takes about 35 seconds \
         and stays on this machine."
    ))?;
    voice.paragraph("")?;
    Ok(())
}
