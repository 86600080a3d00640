//! Who wants the spare that would be next to go: the demand, a policy with a target, the floor. Whether anything
//! else speaks against it is in `needs`.

use super::needs::Needs;
use super::size;
use crate::measure::target::TargetNeed;
use crate::scaler::member::{Member, name_of};
use crate::scaler::seen::{Keeps, Needed};

impl Needs<'_> {
    /// The spare that would be next to go if the demand did not need it.
    pub(super) fn needed(self) -> Option<Needed> {
        let member = self.next_to_go().filter(|it| self.is_needed(it))?;
        let outlook = self.size.outlook()?;
        Some(Needed {
            server: name_of(member),
            need: outlook.need?,
            highest: outlook.highest?,
            within: self.settings.idle_timeout,
            left: self.units_without(member),
            exist: self.facts.pool.exist(),
        })
    }

    /// The spare that would be next to go if no policy with a target wanted it.
    pub(super) fn voted_for(self) -> Option<Keeps> {
        let member = self.next_to_go().filter(|it| it.is_serving())?;
        Some(Keeps::Target {
            server: name_of(member),
            need: self.agree_on(member).err()?,
            within: self.settings.idle_timeout,
            left: self.facts.pool.serving_without(&member.read.name),
        })
    }

    /// The spare that would be next to go if more than the floor served.
    pub(super) fn kept_by_floor(self) -> Option<Keeps> {
        self.signals.quiet.since?;
        let now = self.facts.reading.read_at?;
        let order = self.facts.pool.in_order_of_going(now, self.settings);
        let member = *order.first()?;
        let name = name_of(member);
        let (serving, min) = (self.facts.pool.serving(), self.facts.floor(self.settings));
        let is_kept = member.is_serving() && self.facts.pool.serving_without(&name) < min;
        is_kept.then(|| Keeps::Floor {
            server: name,
            serving,
            min,
            until: self.facts.floor_until(self.settings),
        })
    }

    /// The demand of the last `idle_timeout` needs that server, by what one carries.
    fn is_needed(self, member: &Member) -> bool {
        // What was only proved says how few are enough, not how few are too few.
        let Some(outlook) = self.size.outlook().filter(|_| self.size.may_ask()) else {
            return false;
        };
        // Right after a start nobody knows what was needed before.
        let is_known = outlook.highest.is_some();
        member.is_serving() && !(is_known && outlook.may_leave(self.units_without(member)))
    }

    /// The demand or a policy with a target wants that server.
    pub(super) fn is_wanted(self, member: &Member) -> bool {
        self.is_needed(member) || member.is_serving() && self.agree_on(member).is_err()
    }

    /// Policies with a target agree that it goes; else the one that wants it, as far as its number is
    /// known by now.
    fn agree_on(self, member: &Member) -> Result<(), Option<TargetNeed>> {
        let left = self.facts.pool.serving_without(&member.read.name);
        self.votes.agree(self.facts.last_read(), left)
    }

    /// The strength of those that serve without that one, units.
    fn units_without(self, member: &Member) -> f64 {
        let others = self.facts.pool.serving_members();
        let others = others.filter(|it| it.read.name != member.read.name);
        size::strength(self.facts, others).units
    }
}
