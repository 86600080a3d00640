//! In service means that a server takes requests and answers them: what HAProxy calls UP, and what
//! a command was answered with, is not enough.

use std::time::Duration;

use haproxy_autoscale::scaler::Stage;
use haproxy_autoscale::scaler::decision::Change;
use haproxy_autoscale::words::order::Verb;
use haproxy_autoscale::words::picture::{Balance, Crowded, ServerCounters};

use super::world::{World, settings};

const GAP: Duration = Duration::from_millis(200);

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

impl World {
    /// Lets time pass until HAProxy has been told `drain`.
    pub(crate) fn until_draining(&mut self, name: &str) {
        for _ in 0..1000 {
            if self.server(name).read.is_drain() {
                return;
            }
            self.pass(Duration::from_millis(1));
        }
    }

    /// Requests come and end: so many on that server, and so many of them fail. Other numbers than
    /// HAProxy's own do not change.
    pub(crate) fn users(&mut self, name: &str, requests: u64, failed: u64) {
        self.arrived += requests;
        self.server(name).fails |= failed > 0;
        let counters = self.server(name).read.counters.get_or_insert_default();
        counters.taken += requests;
        counters.ended += requests;
        counters.failed += failed;
    }

    /// HAProxy counts for each server from now on.
    pub(crate) fn counting(mut self) -> Self {
        for server in &mut self.servers {
            server.read.counters = Some(ServerCounters::default());
        }
        self
    }
}

/// web1 and the spare web2, both with counters; web2 came in because of load.
pub(super) fn with_a_newcomer() -> World {
    let mut world = World::new(settings()).without("other").counting();
    world.pass(GAP);
    world.requests(15, 900, GAP);
    for _ in 0..100 {
        if world.is_up("web2") && world.count(Change::Enable) == 1 {
            return world;
        }
        world.pass(Duration::from_millis(10));
    }
    panic!("{:?}", world.changes());
}

/// Users for `span`: so many each tenth of a second on web1 and on web2, where web2's fail or not.
pub(super) fn serve(world: &mut World, span: Duration, web1: u64, web2: u64, fails: bool) {
    for _ in 0..span.as_millis() / 100 {
        world.users("web1", web1, 0);
        world.users("web2", web2, if fails { web2 } else { 0 });
        world.pass(Duration::from_millis(100));
    }
}

fn stage(world: &mut World, name: &str) -> Stage {
    let servers = world.view().servers;
    let server = servers.into_iter().find(|it| it.name == name);
    server.expect("a known server").stage
}

#[test]
fn an_always_up_server_of_weight_0_is_replaced_at_once_and_what_carries_alone_stays() {
    let mut world = World::new(settings()).without("other").counting();
    world.pass(seconds(5));
    assert_eq!(world.writes(), 0);
    world.server("web1").read.weight = 0;
    world.pass(seconds(3));
    assert!(world.is_up("web2"), "no breach is needed: {:?}", world.done);
    assert!(
        world
            .text_of(Change::WarmUp)
            .contains("always-up server web1 is of weight 0")
    );
    world.pass(seconds(120));
    assert!(world.is_up("web2"), "it carries alone, however quiet it is");
    let text = world.refused(Verb::Disable, "web/web2");
    assert!(text.contains("the last server that serves"), "{text}");
    world.server("web1").read.weight = 1;
    world.pass(seconds(60));
    assert!(!world.is_up("web2"), "web1 serves again");
}

#[test]
fn a_server_without_weight_is_no_capacity_for_min_or_max() {
    let mut settings = settings();
    settings.max = Some(2);
    let mut world = World::new(settings).without("other").counting();
    world.pass(seconds(5));
    world.server("web2").read.weight = 0;
    world.order(Verb::Enable, "web/web2", None);
    world.pass(seconds(3));
    assert_eq!(stage(&mut world, "web2"), Stage::Ready);
    assert!(
        world
            .text_of(Change::NotServing)
            .contains("web/web2: ready, and gets no requests: its weight is 0")
    );
    world.requests(15, 900, GAP);
    world.pass(seconds(2));
    assert!(world.is_up("web3"), "{:?}", world.done);
}

#[test]
fn a_backup_spare_is_not_taken_while_another_server_is_active_and_that_is_said() {
    let mut world = World::new(settings()).without("other").counting();
    world.server("web2").read.is_backup = true;
    world.pass(seconds(5));
    world.requests(15, 900, GAP);
    world.pass(seconds(2));
    assert!(!world.is_up("web2"), "{:?}", world.done);
    assert!(world.is_up("web3"), "the next one comes");
    let warnings = world.text_of(Change::Warning);
    assert_eq!(warnings.matches("web2 is marked `backup`").count(), 1);
}

#[test]
fn checks_that_do_not_run_are_not_waited_for() {
    let mut world = World::new(settings()).without("other").counting();
    if let Some(check) = &mut world.server("web2").read.check {
        check.is_enabled = false;
    }
    world.pass(GAP);
    world.requests(15, 900, GAP);
    world.pass(seconds(1));
    assert!(world.is_up("web2"), "{:?}", world.done);
    assert!(
        world
            .text_of(Change::Warning)
            .contains("enable health web/web2")
    );
    assert!(world.text_of(Change::Enable).contains("do not run"));
}

#[test]
fn a_verdict_of_haproxys_checks_ends_the_wait_and_the_next_spare_is_tried_at_once() {
    let mut world = World::new(settings()).without("other").counting();
    world.pass(GAP);
    world.requests(15, 900, GAP);
    world.until_draining("web2");
    world.server("web2").is_alive = false;
    world.pass(seconds(3));
    assert!(
        world
            .text_of(Change::EnableFailed)
            .contains("found it DOWN")
    );
    assert!(world.is_up("web3"), "{:?}", world.done);
}

#[test]
fn users_who_reach_a_spare_in_drain_and_fail_there_send_it_back() {
    let mut world = World::new(settings()).without("other").counting();
    world.pass(GAP);
    world.requests(15, 900, GAP);
    world.until_draining("web2");
    // It was read back before: what comes now is news.
    world.pass(Duration::from_millis(50));
    world.users("web2", 3, 1);
    world.pass(seconds(1));
    let failed = world.text_of(Change::EnableFailed);
    assert!(failed.contains("1 of 3 requests failed"), "{failed}");
    assert!(world.server("web2").read.is_maint());
}

#[test]
fn a_newcomer_that_gets_no_requests_is_said_to_and_not_counted() {
    let mut world = with_a_newcomer();
    serve(&mut world, seconds(3), 10, 0, false);
    let said = world.text_of(Change::NotServing);
    assert!(said.contains("web/web2: ready, and took 0 of"), "{said}");
    let text = world.refused(Verb::Disable, "web/web1");
    assert!(text.contains("always-up"), "{text}");
    // web1 is the only one that serves: nobody may take it away, web2 may go.
    world.order(Verb::Disable, "web/web2", None);
    world.pass(seconds(1));
    assert!(!world.is_up("web2"));
    assert_eq!(world.count(Change::NotHelping), 0);
}

#[test]
fn a_newcomer_that_gets_its_share_later_counts_from_then_on() {
    let mut world = with_a_newcomer();
    serve(&mut world, seconds(3), 10, 0, false);
    assert_eq!(world.count(Change::NotServing), 1);
    serve(&mut world, seconds(12), 10, 10, false);
    assert!(world.text_of(Change::Note).contains("takes its share now"));
}

#[test]
fn the_likely_cause_is_named() {
    let cause = |change: &dyn Fn(&mut World)| {
        let mut world = with_a_newcomer();
        change(&mut world);
        serve(&mut world, seconds(4), 10, 0, false);
        world.text_of(Change::NotServing)
    };
    let first = cause(&|world| world.balance = Balance::First);
    assert!(first.contains("`balance first`"), "{first}");
    let hash = cause(&|world| world.balance = Balance::ByHash);
    assert!(hash.contains("what the request says"), "{hash}");
    let cookie = cause(&|world| world.has_cookie = true);
    assert!(cookie.contains("their cookie"), "{cookie}");
    let weight = cause(&|world| world.server("web1").read.weight = 256);
    assert!(
        weight.contains("its weight is 1, that of all servers 257"),
        "{weight}"
    );
    let rule = cause(&|_| {});
    assert!(rule.contains("use-server"), "{rule}");
}

#[test]
fn slowstart_is_waited_for() {
    let mut world = with_a_newcomer();
    world.server("web2").read.throttle = Some(5);
    serve(&mut world, seconds(8), 10, 0, false);
    assert_eq!(world.count(Change::NotServing), 0);
    world.server("web2").read.throttle = None;
    serve(&mut world, seconds(3), 10, 0, false);
    assert_eq!(world.count(Change::NotServing), 1);
}

#[test]
fn an_order_gives_a_spare_back_whose_sessions_outlast_its_drain() {
    let mut world = with_a_newcomer();
    world.server("web2").read.sessions = 1;
    world.pass(seconds(50));
    assert!(world.server("web2").read.is_drain());
    world.order(Verb::Enable, "web/web2", None);
    world.pass(seconds(2));
    assert!(world.is_up("web2"), "{:?}", world.done);
}

#[test]
fn the_spare_that_serves_nobody_goes_first() {
    let mut settings = settings();
    settings.idle_timeout = seconds(20);
    let mut world = World::new(settings).without("other").counting();
    world.pass(GAP);
    world.requests(15, 900, GAP);
    world.pass(seconds(2));
    serve(&mut world, seconds(4), 10, 0, false);
    world.requests(40, 900, GAP);
    world.pass(seconds(2));
    assert!(
        world.is_up("web2") && world.is_up("web3"),
        "{:?}",
        world.done
    );
    world.pass(seconds(60));
    let drains: Vec<_> = world.changes();
    let first = drains.iter().find(|(change, _)| *change == Change::Drain);
    assert_eq!(first.and_then(|(_, server)| *server), Some("web2"));
}

#[test]
fn sessions_that_outlast_a_drain_hold_up_nothing_else() {
    let mut world = with_a_newcomer();
    world.server("web2").read.sessions = 1;
    world.pass(seconds(50));
    assert!(world.server("web2").read.is_drain(), "{:?}", world.done);
    assert_eq!(world.count(Change::Disable), 0);
    assert!(world.text_of(Change::Note).contains("1 session open"));
    // An always-up server dies: the next spare does not wait.
    world.server("web1").is_alive = false;
    world.pass(seconds(4));
    assert!(
        world.is_up("web2") || world.is_up("web3"),
        "{:?}",
        world.done
    );
}

#[test]
fn a_spare_whose_sessions_outlast_its_drain_is_the_first_one_given_back() {
    let mut world = with_a_newcomer();
    world.server("web2").read.sessions = 1;
    world.pass(seconds(50));
    let warm_ups = world.count(Change::WarmUp);
    world.requests(5, 900, GAP);
    world.pass(GAP);
    assert!(world.is_up("web2"), "{:?}", world.done);
    assert_eq!(world.count(Change::WarmUp), warm_ups);
}

#[test]
fn requests_that_keep_coming_to_a_draining_spare_end_the_wait_for_its_sessions() {
    let mut world = with_a_newcomer();
    world.server("web2").read.sessions = 2;
    for _ in 0..60 {
        if world.server("web2").read.is_drain() {
            world.users("web2", 1, 0);
        }
        world.pass(seconds(1));
    }
    assert!(world.server("web2").read.is_maint(), "{:?}", world.done);
    let said = world.text_of(Change::Disable);
    assert!(said.contains("2 sessions open"), "{said}");
    assert!(!said.contains("drained"), "{said}");
}

#[test]
fn a_spare_in_maint_that_gets_requests_is_said_to() {
    let mut world = World::new(settings()).without("other").counting();
    world.pass(seconds(5));
    world.users("web2", 5, 0);
    world.pass(seconds(5));
    world.users("web2", 5, 0);
    world.pass(seconds(5));
    let said = world.text_of(Change::Warning);
    assert_eq!(
        said.matches("web/web2: it is in maint").count(),
        1,
        "{said}"
    );
}

#[test]
fn users_who_wait_in_front_of_haproxy_are_no_quiet_and_ask_for_a_spare() {
    let mut world = World::new(settings()).without("other").counting();
    world.pass(GAP);
    world.sessions = 10;
    world.crowded = vec![Crowded::Frontend {
        name: "www".to_owned(),
        limit: 10,
    }];
    for _ in 0..40 {
        world.requests(1, 100, GAP);
    }
    let said = world.text_of(Change::Warning);
    assert_eq!(
        said.matches("frontend www has reached").count(),
        1,
        "{said}"
    );
    assert!(world.is_up("web2"), "{:?}", world.changes());
    world.pass(seconds(200));
    assert!(world.is_up("web2"), "that is no quiet");
}

#[test]
fn idle_connections_that_fill_haproxy_ask_for_no_spare() {
    let mut world = World::new(settings()).without("other").counting();
    world.pass(GAP);
    world.sessions = 2;
    world.crowded = vec![Crowded::Process { limit: 10 }];
    world.requests(40, 100, GAP);
    assert_eq!(world.count(Change::WarmUp), 0);
    assert_eq!(world.count(Change::Warning), 1);
}

#[test]
fn more_spares_that_let_no_more_through_are_not_asked_for() {
    let mut world = World::new(settings()).counting();
    world.pass(GAP);
    world.sessions = 10;
    world.crowded = vec![Crowded::Process { limit: 10 }];
    world.requests(400, 100, GAP);
    assert_eq!(world.count(Change::WarmUp), 1, "{:?}", world.changes());
    assert_eq!(world.count(Change::NotHelping), 1);
}
