//! What in HAProxy's configuration or in ours keeps a spare from helping, as far as a picture shows
//! it: said once, until it is otherwise.

use super::Backend;
use crate::scaler::decision::Change;
use crate::scaler::member::{Member, Role};
use crate::scaler::outbox::Outbox;
use crate::scaler::settings::Spares;
use crate::words::picture::Balance;
use crate::words::time::Timestamp;

impl Backend {
    /// Names of the configuration that HAProxy does not list, spares that cannot help or be proven,
    /// and a balance algorithm that keeps newcomers out of a queue.
    pub(super) fn give_advice(&mut self, now: Timestamp, out: &mut Outbox) {
        let mut advice = self.missing_names();
        for member in &self.pool.members {
            if member.role == Role::Spare {
                advice.extend(self.advice_for(member));
            }
        }
        advice.extend(self.queue_advice());
        // A name that is gone leaves nothing behind, and is said again when it comes back.
        self.notes_said
            .retain(|said| advice.iter().any(|(_, text)| text == said));
        for (change, text) in advice {
            self.note_once(now, change, text, out);
        }
    }

    fn missing_names(&self) -> Vec<(Change, String)> {
        let always_up = self
            .settings
            .always_up
            .iter()
            .map(|name| ("always_up", name));
        let spares = match &self.settings.spares {
            Spares::Named(names) => names.as_slice(),
            Spares::Auto => &[],
        };
        let spares = spares.iter().map(|name| ("spares", name));
        let mut advice: Vec<(Change, String)> = always_up
            .chain(spares)
            .filter(|(_, name)| self.pool.member(name).is_none())
            .map(|(key, name)| {
                let backend = &self.settings.name;
                let text =
                    format!("{key} lists {name}, but HAProxy has no such server in {backend}");
                (Change::Warning, text)
            })
            .collect();
        let has_spare = self.pool.members.iter().any(|it| it.role == Role::Spare);
        if self.settings.spares == Spares::Auto && !has_spare {
            let text = "no spare: mark a server `disabled` in haproxy.cfg, or name it in spares";
            advice.push((Change::Warning, text.to_owned()));
        }
        advice
    }

    fn advice_for(&self, member: &Member) -> Option<(Change, String)> {
        let name = &member.read.name;
        let backend = &self.settings.name;
        if member.read.is_backup && self.pool.has_active() {
            return Some((
                Change::Warning,
                format!(
                    "{name} is marked `backup`: HAProxy sends it nothing while another server is \
                     active, so it cannot help and is not taken; remove `backup` from its line"
                ),
            ));
        }
        if member.read.weight == 0 && !member.read.has_agent {
            return Some((
                Change::Warning,
                format!(
                    "{name} has weight 0: HAProxy sends it nothing, so it cannot help; \
                     `set weight {backend}/{name} 1`, or correct its line in haproxy.cfg"
                ),
            ));
        }
        match member.read.check {
            // Nor can it have one.
            None if member.read.tracks_another => None,
            None => Some((
                Change::Note,
                format!(
                    "HAProxy does not check {name}: only our warm-up proves it, and nobody would \
                     take it out if it died later; add `check`"
                ),
            )),
            Some(check) if !check.is_enabled => Some((
                Change::Warning,
                format!(
                    "HAProxy's checks of {name} are configured and do not run: only our warm-up \
                     proves it; `enable health {backend}/{name}` on the admin socket starts them"
                ),
            )),
            Some(_) => None,
        }
    }

    /// With `maxconn` and these algorithms a queue keeps newcomers out (see `kick`).
    fn queue_advice(&self) -> Option<(Change, String)> {
        let has_limits = self.pool.members.iter().any(|it| it.read.maxconn.is_some());
        (has_limits && self.traffic.balance == Balance::InTurn).then(|| {
            (
                Change::Note,
                "servers have a `maxconn`, and HAProxy balances in turn (`balance roundrobin`, its \
                 default): while requests queue it keeps a newcomer out until it is pushed, which \
                 is done; `balance leastconn` does without"
                    .to_owned(),
            )
        })
    }
}
