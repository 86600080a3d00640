//! What users and servers suffer from now, as problems of `status`: servers that get no requests,
//! answer badly, or are used where they should rest; users who wait or fail.

use super::Backend;
use crate::scaler::member::{Member, Role, Stage};
use crate::scaler::seen::{Problem, ProblemCode};
use crate::words::time::Timestamp;

/// Fewer failed requests than this are no problem …
const FAILED_MIN: u64 = 5;
/// … nor is a smaller part of all of them.
const FAILED_SHARE: f64 = 0.05;

impl Backend {
    /// All of it, as far as it lasts.
    pub(super) fn problems_of_service(&self, now: Timestamp, problems: &mut Vec<Problem>) {
        for (server, shows) in self.pool.dead_always_up() {
            let text = format!("always-up server {server} takes no traffic: it is {shows}");
            problems.push(Problem::new(ProblemCode::AlwaysUpMissing, text));
        }
        let spares = self.pool.members.iter();
        problems.extend(spares.filter_map(problem_of_spare));
        if let Some(what) = self.crowd.lasting() {
            problems.push(Problem::new(ProblemCode::Crowded, what.to_string()));
        }
        let failures = self.policies.iter();
        let failures = failures.map(|policy| policy.recent.failures(now)).max();
        if let Some((failed, all)) = failures
            && failed >= FAILED_MIN
            && failed as f64 >= FAILED_SHARE * all as f64
        {
            let text = format!("{failed} of the last {all} requests failed (5xx)");
            problems.push(Problem::new(ProblemCode::Errors, text));
        }
    }
}

fn problem_of_spare(member: &Member) -> Option<Problem> {
    let name = &member.read.name;
    if member.role != Role::Spare {
        return None;
    }
    if member.is_used_in_maint {
        let text = format!("{name}: {}", super::super::service::USED_IN_MAINT);
        return Some(Problem::new(ProblemCode::UsedInMaint, text));
    }
    if member.stage != Stage::Ready {
        return None;
    }
    if let Some(fault) = member.trouble.fault {
        let text = format!("{name}: {fault}");
        return Some(Problem::new(ProblemCode::Failing, text));
    }
    let cause = member.trouble.idle?;
    let text = format!("{name} is ready and gets no requests: {cause}");
    Some(Problem::new(ProblemCode::NotServing, text))
}
