//! One server as HAProxy and the network see it: admin states with HAProxy's quirks, health checks,
//! and what the promises need to remember about it.

use std::time::Duration;

use haproxy_autoscale::words::picture::{AdminState, CheckRead, ServerRead};
use haproxy_autoscale::words::time::Timestamp;

/// Between two health checks.
const CHECK_INTERVAL: Duration = Duration::from_millis(200);
const RISE: u32 = 2;
const FALL: u32 = 3;

/// One server of the model.
#[allow(clippy::struct_excessive_bools)] // Independent facts about one server, each with a name.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    pub(crate) read: ServerRead,
    /// It answers warm-ups and health checks.
    pub(crate) is_alive: bool,
    pub(crate) next_check: Timestamp,
    /// Our own proof: a warm-up passed since it was last seen in traffic or given up.
    pub(crate) is_warm: bool,
    /// It was made ready by us, or found ready, and has not been in maint since.
    pub(crate) served: bool,

    /// Its users got errors: it is no capacity.
    pub(crate) fails: bool,
    /// The scaler was shown an operator's change at this time.
    pub(crate) held_at: Option<Timestamp>,
    pub(crate) touched_by_hand: bool,
    /// What the scaler told it: a hand that does the same cannot be told apart.
    pub(crate) told: Vec<(Timestamp, AdminState)>,
}

impl Server {
    pub(crate) fn new(name: &str, is_spare: bool, has_check: bool) -> Self {
        let check = has_check.then_some(CheckRead {
            result: if is_spare { 0 } else { 3 },
            health: if is_spare { 0 } else { RISE + FALL - 1 },
            rise: RISE,
            fall: FALL,
            is_enabled: true,
        });
        Self {
            read: ServerRead {
                name: name.to_owned(),
                admin: if is_spare { 5 } else { 0 },
                operational: if is_spare { 0 } else { 2 },
                check,
                ..ServerRead::default()
            },
            is_alive: true,
            next_check: Timestamp::default(),
            is_warm: false,
            served: !is_spare,
            fails: false,
            held_at: None,
            touched_by_hand: false,
            told: Vec::new(),
        }
    }

    pub(crate) fn is_spare(&self) -> bool {
        self.read.is_disabled_in_cfg()
    }

    /// HAProxy's part of `set server … state`.
    pub(crate) fn set(&mut self, state: AdminState, now: Timestamp) {
        let was_maint = self.read.is_maint();
        let forced = match state {
            AdminState::Ready => 0,
            AdminState::Drain => 8,
            AdminState::Maint => 1,
        };
        self.read.admin = self.read.admin & 4 | forced;
        match state {
            AdminState::Maint => {
                self.read.operational = 0;
                if let Some(check) = &mut self.read.check {
                    check.health = 0;
                }
            }
            AdminState::Ready | AdminState::Drain if was_maint => {
                // UP at once, before any check: the quirk that the product exists for.
                self.read.operational = 2;
                if let Some(check) = &mut self.read.check {
                    check.health = RISE;
                }
                self.next_check = now.after(CHECK_INTERVAL);
            }
            AdminState::Ready | AdminState::Drain => {}
        }
    }

    pub(crate) fn run_checks(&mut self, now: Timestamp) {
        while self.next_check <= now {
            self.next_check = self
                .next_check
                .max(Timestamp::from_ms(1))
                .after(CHECK_INTERVAL);
            let is_alive = self.is_alive;
            if self.read.is_maint() {
                continue;
            }
            let Some(check) = &mut self.read.check else {
                continue;
            };
            if is_alive {
                check.result = 3;
                check.health = (check.health + 1).min(RISE + FALL - 1);
                if check.health >= RISE {
                    self.read.operational = 2;
                }
            } else {
                check.result = 2;
                check.health = if check.health > RISE {
                    check.health - 1
                } else {
                    0
                };
                if check.health < RISE {
                    self.read.operational = 0;
                }
            }
        }
    }
}
