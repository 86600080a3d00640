//! One server of `sim::server` with its health checks in virtual time, and what the promises need to
//! remember about it.

use std::time::Duration;

use haproxy_autoscale::sim::server;
use haproxy_autoscale::words::picture::{AdminState, ServerRead};
use haproxy_autoscale::words::time::Timestamp;

/// Between two health checks.
const CHECK_INTERVAL: Duration = Duration::from_millis(200);
/// From the end of maintenance to the first one.
const FIRST_CHECK: Duration = Duration::from_millis(400);

/// One server of the model.
#[allow(clippy::struct_excessive_bools)] // Independent facts about one server, each with a name.
#[derive(Clone, Debug)]
pub(crate) struct Server {
    pub(crate) read: ServerRead,
    /// It answers warm-ups and health checks.
    pub(crate) is_alive: bool,
    /// While it does not, it takes connections and says nothing.
    pub(crate) is_silent: bool,
    /// While it does not, some of its warm-up's requests pass: one worker of it is broken.
    pub(crate) is_flaky: bool,
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
        let mut read = server::configured(name, is_spare);
        if has_check {
            read = server::with_check(read);
        }
        if !is_spare {
            server::pass_checks(&mut read);
        }
        Self {
            read,
            is_alive: true,
            is_silent: false,
            is_flaky: false,
            next_check: Timestamp::default(),
            is_warm: false,
            served: !is_spare,
            fails: false,
            held_at: None,
            touched_by_hand: false,
            told: Vec::new(),
        }
    }

    /// The same with that weight in haproxy.cfg.
    pub(crate) fn of_weight(mut self, weight: u32) -> Self {
        self.read.initial_weight = weight;
        self.set_weight(weight);
        self
    }

    /// HAProxy's part of `set server … weight`.
    pub(crate) const fn set_weight(&mut self, weight: u32) {
        (self.read.user_weight, self.read.weight) = (weight, weight);
    }

    pub(crate) fn is_spare(&self) -> bool {
        self.read.is_disabled_in_cfg()
    }

    /// HAProxy's part of `set server … state`.
    pub(crate) fn set(&mut self, state: AdminState, now: Timestamp) {
        let was_maint = self.read.is_maint();
        server::set_state(&mut self.read, state);
        if was_maint && !self.read.is_maint() {
            self.next_check = now.after(FIRST_CHECK);
        }
    }

    pub(crate) fn run_checks(&mut self, now: Timestamp) {
        while self.next_check <= now {
            self.next_check = self
                .next_check
                .max(Timestamp::from_ms(1))
                .after(CHECK_INTERVAL);
            server::check_ended(&mut self.read, self.is_alive);
        }
    }
}
