//! What no command may do, judged on the picture that the scaler was given (C-1 to C-4 and C-12).

use haproxy_autoscale::words::picture::AdminState;

use super::world::World;

impl World {
    /// What led here, for the message of a failed promise.
    pub(super) fn trace(&self) -> String {
        let decisions = self
            .decisions
            .iter()
            .map(|it| format!("{} {it}", it.at.as_ms()));
        let lines: Vec<String> = decisions.chain(self.done.iter().cloned()).collect();
        format!(" at {:?}\n{}", self.now, lines.join("\n"))
    }

    /// The promises about writes, each judged on the picture that the scaler was given last.
    pub(super) fn assert_allowed(&mut self, name: &str, state: AdminState) {
        let (now, hold) = (self.now, self.settings.hold);
        let is_evacuated = self.evacuated.iter().any(|it| it == name);
        // The last one stays in any case.
        let floor = if is_evacuated { 1 } else { self.floor() };
        let shown = self.shown.clone();
        let shown = shown.expect("no command before the first picture");
        self.server(name).told.push((now, state));
        if self.is_watched_only {
            return;
        }
        let server = self.server(name).clone();
        assert!(
            !(self.is_paused && state == AdminState::Drain),
            "C-12: a change of {name} began in a pause{}",
            self.trace()
        );
        assert!(
            server.is_spare() || is_evacuated,
            "C-2: {name} is no spare and was told {state}"
        );
        let is_held = server
            .held_at
            .is_some_and(|at| now < at.after(hold) && now > at);
        assert!(
            !is_held,
            "C-2: {name} is on hold and was told {state}{}",
            self.trace()
        );
        let in_picture = shown
            .servers
            .iter()
            .find(|it| it.name == name)
            .expect("listed")
            .clone();
        let up = shown.servers.iter().filter(|it| it.is_in_balance()).count();
        match state {
            AdminState::Drain | AdminState::Maint
                if in_picture.is_in_balance() && !server.fails =>
            {
                assert!(
                    up > floor as usize,
                    "C-1: {name} was told {state} with {up} servers in balance"
                );
            }
            AdminState::Drain | AdminState::Maint => {}
            AdminState::Ready => {
                let from_drain = in_picture.is_drain();
                let check = in_picture.running_check();
                let is_checked = check.is_none_or(|check| check.is_full());
                let is_proven = server.is_warm && is_checked;
                let is_given_back = from_drain && server.served;
                assert!(
                    is_proven || is_given_back,
                    "C-4: {name} was made ready while cold {server:?} {in_picture:?}{}",
                    self.trace()
                );
                // One that is evacuated does not count.
                let beside = self.evacuated.len();
                let max = self
                    .settings
                    .max
                    .map_or(usize::MAX, |max| max as usize + beside);
                assert!(
                    up < max,
                    "C-3: {name} was made ready with {up} servers in balance"
                );
            }
        }
    }
}
