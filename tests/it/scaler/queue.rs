//! HAProxy's queue trap, and how a newcomer gets out of it.

use std::time::Duration;

use haproxy_autoscale::scaler::decision::Change;
use haproxy_autoscale::scaler::event::ActionId;
use haproxy_autoscale::words::names::ServerName;
use haproxy_autoscale::words::order::Verb;
use haproxy_autoscale::words::picture::WriteFailure;

use super::service::{serve, with_a_newcomer};
use super::world::{Fault, Pending, World, settings};

const GAP: Duration = Duration::from_millis(200);

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

impl World {
    /// `set maxconn server`.
    pub(super) fn start_kick(
        &mut self,
        id: ActionId,
        server: &ServerName,
        maxconn: u32,
        fault: Fault,
        delay: Duration,
    ) {
        self.done
            .push(format!("{:?} maxconn {server} {maxconn}", self.now));
        self.durable = self.scaler.memory(self.now);
        let fault = if self.refuse_kicks {
            Fault::Refused
        } else {
            fault
        };
        let outcome = match fault {
            Fault::None | Fault::Late(_) | Fault::Ignored => Ok(()),
            Fault::Lost => return,
            Fault::AnswerLost => Err(WriteFailure::Unknown("no answer in time".to_owned())),
            Fault::Refused => Err(WriteFailure::Refused("no".to_owned())),
        };
        let is_done = !matches!(fault, Fault::Refused | Fault::Ignored);
        let maxconn = is_done.then_some(maxconn);
        let pending = Pending::Limited(id, server.server.clone(), maxconn, outcome);
        self.later(delay, pending);
    }
}

fn kicks(world: &World) -> Vec<&str> {
    let done = world.done.iter().filter(|it| it.contains("maxconn"));
    done.map(|it| it.split_once("maxconn ").unwrap_or_default().1)
        .collect()
}

#[test]
fn after_ready_a_server_with_maxconn_is_kicked_with_the_value_that_it_has() {
    let mut world = World::new(settings()).without("other").counting();
    world.server("web1").read.maxconn = Some(4);
    world.server("web2").read.maxconn = Some(6);
    world.queued = 30;
    world.pass(GAP);
    world.requests(15, 900, GAP);
    world.pass(Duration::from_millis(1500));
    assert!(world.is_up("web2"));
    assert_eq!(kicks(&world).first(), Some(&"web/web2 6"));
    let before = kicks(&world).len();
    assert!(before > 1, "again while it takes nothing: {:?}", world.done);
    serve(&mut world, seconds(2), 5, 5, false);
    assert_eq!(kicks(&world).len(), before, "it takes requests");
}

#[test]
fn a_kick_that_does_not_help_is_said() {
    let mut world = World::new(settings()).without("other").counting();
    world.server("web1").read.maxconn = Some(4);
    world.server("web2").read.maxconn = Some(4);
    world.queued = 30;
    world.pass(GAP);
    world.requests(15, 900, GAP);
    world.pass(seconds(1));
    serve(&mut world, seconds(6), 10, 0, false);
    let said = world.text_of(Change::NotServing);
    assert!(said.contains("keeps its queue from it"), "{said}");
    assert!(said.contains("leastconn"), "{said}");
    let kicks = kicks(&world).len();
    assert!(kicks < 20, "bounded: {kicks}");
}

#[test]
fn a_server_without_maxconn_is_lent_one_as_long_as_the_queue_lasts() {
    let lent = || {
        let mut world = World::new(settings()).without("other").counting();
        world.server("web1").read.maxconn = Some(4);
        world.queued = 30;
        world.pass(GAP);
        world.requests(15, 900, GAP);
        world.pass(Duration::from_millis(1500));
        let maxconn = world.server("web2").read.maxconn;
        assert_eq!(maxconn, Some(4), "{:?}", world.done);
        world
    };
    let mut world = lent();
    world.queued = 0;
    world.pass(seconds(3));
    assert_eq!(world.server("web2").read.maxconn, None);

    let mut world = lent();
    world.stop();
    assert_eq!(kicks(&world).last(), Some(&"web/web2 0"), "at the end");

    let mut world = lent();
    let memory = world.durable.clone();
    world.restart(Some(memory));
    world.pass(seconds(1));
    assert_eq!(
        world.server("web2").read.maxconn,
        Some(4),
        "it is still needed"
    );
    world.queued = 0;
    world.pass(seconds(5));
    assert_eq!(world.server("web2").read.maxconn, None, "after a crash");

    let mut world = lent();
    world.server("web2").read.maxconn = Some(9);
    world.queued = 0;
    world.pass(seconds(5));
    assert_eq!(
        world.server("web2").read.maxconn,
        Some(9),
        "what somebody else has set since is not ours to take"
    );

    let mut world = lent();
    world.order(Verb::Pause, "", None);
    world.pass(seconds(1));
    assert_eq!(world.server("web2").read.maxconn, None, "in a pause");
}

#[test]
fn a_give_back_is_kicked_too() {
    let mut world = with_a_newcomer();
    for name in ["web1", "web2"] {
        world.server(name).read.maxconn = Some(4);
    }
    world.server("web2").read.sessions = 1;
    world.pass(seconds(34));
    assert!(world.server("web2").read.is_drain(), "{:?}", world.done);
    let before = kicks(&world).len();
    world.queued = 9;
    world.pass(seconds(1));
    assert!(world.is_up("web2"));
    assert!(kicks(&world).len() > before, "{:?}", world.done);
}

#[test]
fn a_refused_kick_is_said_and_ends_nothing() {
    let mut world = World::new(settings()).without("other").counting();
    for name in ["web1", "web2"] {
        world.server(name).read.maxconn = Some(4);
    }
    world.pass(GAP);
    world.requests(14, 900, GAP);
    // The warm-up, two states and their reads come first.
    world.refuse_kicks = true;
    world.requests(1, 900, GAP);
    world.pass(seconds(2));
    assert!(world.is_up("web2"));
    let said = world.text_of(Change::Warning);
    assert!(
        said.contains("cannot set maxconn of web/web2: HAProxy answered \"no\""),
        "{said}"
    );
}
