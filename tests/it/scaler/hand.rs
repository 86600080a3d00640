//! The operator's orders: pause, resume, pin, unpin, enable, disable.

use std::time::Duration;

use haproxy_autoscale::scaler::Stage;
use haproxy_autoscale::scaler::decision::{Change, Reason, Refusal};
use haproxy_autoscale::scaler::event::Event;
use haproxy_autoscale::words::by::By;
use haproxy_autoscale::words::names::ServerName;
use haproxy_autoscale::words::order::{Answer, Order, Place, Verb, Verdict};
use haproxy_autoscale::words::picture::AdminState;

use super::scenes::{GAP, seconds};
use super::world::{BACKEND, World, settings};

/// `web`, `web/web2`, or everything when empty.
fn place(text: &str) -> Place {
    match text.split_once('/') {
        _ if text.is_empty() => Place::Everything,
        Some((backend, server)) => Place::Server(ServerName::new(backend, server)),
        None => Place::Backend(text.to_owned()),
    }
}

impl World {
    /// Gives an order; what it was answered.
    pub(crate) fn order(&mut self, verb: Verb, at: &str, lasts: Option<Duration>) -> Answer {
        let before = self.decisions.len();
        let order = Order {
            verb,
            place: place(at),
            lasts,
            by: Some(By::uid(1000)),
            is_forced: self.forces,
            barred: self.barred.clone(),
        };
        if !at.contains('/') {
            match verb {
                Verb::Pause => self.is_paused = lasts.is_none(),
                Verb::Resume => self.is_paused = false,
                Verb::Pin
                | Verb::Unpin
                | Verb::Enable
                | Verb::Disable
                | Verb::Evacuate
                | Verb::Release => {}
            }
        }
        if let (Place::Server(name), Verb::Resume | Verb::Enable | Verb::Disable | Verb::Evacuate) =
            (&order.place, verb)
            && self.servers.iter().any(|it| it.read.name == name.server)
        {
            self.server(&name.server).held_at = None;
        }
        if matches!(verb, Verb::Resume | Verb::Release) && !at.contains('/') {
            for server in &mut self.servers {
                server.held_at = None;
            }
        }
        if let (Place::Server(name), Verb::Evacuate) = (&order.place, verb) {
            self.evacuated = Some(name.server.clone());
        }
        self.step(Event::Operator(&order));
        let answer = self.decisions[before..].iter().rev().find_map(|decision| {
            let Reason::Answer { answer, .. } = &decision.reason else {
                return None;
            };
            let verdict = answer
                .as_ref()
                .map_or_else(Refusal::verdict, |_| Verdict::Accepted);
            let text = decision.reason.to_string();
            Some(Answer { verdict, text })
        });
        answer.expect("every order is answered")
    }

    pub(crate) fn accepted(&mut self, verb: Verb, at: &str, lasts: Option<Duration>) -> String {
        let answer = self.order(verb, at, lasts);
        assert_eq!(answer.verdict, Verdict::Accepted, "{}", answer.text);
        assert!(answer.text.starts_with(&format!("{verb} by uid 1000: ")));
        answer.text
    }

    pub(crate) fn refused(&mut self, verb: Verb, at: &str) -> String {
        let answer = self.order(verb, at, None);
        assert_eq!(answer.verdict, Verdict::Refused, "{}", answer.text);
        answer.text
    }

    fn stage(&mut self, name: &str) -> Stage {
        let view = self.view();
        let server = view.servers.into_iter().find(|it| it.name == name);
        server.expect("a known server").stage
    }

    fn note(&mut self, name: &str) -> String {
        let view = self.view();
        let server = view.servers.into_iter().find(|it| it.name == name);
        let note = server.and_then(|it| it.note);
        note.map_or_else(String::new, |it| it.to_string())
    }

    pub(crate) fn writes(&self) -> usize {
        self.done.iter().filter(|it| it.contains(" set ")).count()
    }
}

fn idle() -> World {
    let mut world = World::new(settings());
    world.pass(GAP);
    world
}

fn with_a_spare_in() -> World {
    let mut world = idle();
    world.requests(15, 900, GAP);
    world.pass(seconds(1));
    assert!(world.is_up("web2"));
    world
}

#[test]
fn a_pause_writes_nothing_and_says_what_it_would_do() {
    for place in ["", "web"] {
        let mut world = idle();
        world.accepted(Verb::Pause, place, None);
        world.requests(60, 900, GAP);
        world.pass(seconds(5));
        assert_eq!(world.writes(), 0);
        assert_eq!(world.count(Change::WarmUp), 0, "no spare is called either");
        assert!(world.count(Change::Breach) >= 3);
        assert_eq!(world.count(Change::Paused), 1, "said once");
        let view = world.view();
        assert!(
            view.next
                .to_string()
                .contains("would warm up and enable web2"),
            "{view:?}"
        );
        let pause = view.standings.pause.expect("a pause");
        assert_eq!(format!("paused{pause}"), "paused by uid 1000");
        world.accepted(Verb::Resume, place, None);
        world.requests(15, 900, GAP);
        world.pass(seconds(1));
        assert!(world.is_up("web2"), "{:?}", world.changes());
    }
}

#[test]
fn a_pause_keeps_every_spare_however_quiet_it_is() {
    let mut world = with_a_spare_in();
    let before = world.writes();
    world.accepted(Verb::Pause, "web", None);
    world.pass(seconds(300));
    assert!(world.is_up("web2"));
    assert_eq!(world.writes(), before);
    assert_eq!(world.count(Change::Paused), 1, "would drain, once");
    world.accepted(Verb::Resume, "", None);
    world.pass(seconds(60));
    assert!(!world.is_up("web2"));
}

#[test]
fn a_pause_with_a_duration_ends_by_itself_and_says_so() {
    let mut world = idle();
    let text = world.accepted(Verb::Pause, "web", Some(seconds(60)));
    assert!(text.contains("for 1m"), "{text}");
    world.pass(seconds(59));
    assert!(world.view().standings.pause.is_some());
    world.pass(seconds(2));
    assert_eq!(world.view().standings.pause, None);
    let said = world
        .decisions
        .iter()
        .any(|it| it.reason.to_string() == "the pause has expired");
    assert!(said, "{:?}", world.changes());
}

#[test]
fn a_pause_takes_a_spare_that_is_half_way_back_to_maint() {
    let mut world = idle();
    // web2 is checked for a while on its way in.
    world.requests(15, 900, GAP);
    world.pass(Duration::from_millis(320));
    for _ in 0..100 {
        if world.stage("web2") == Stage::DrainingIn {
            break;
        }
        world.pass(Duration::from_millis(1));
    }
    assert_eq!(world.stage("web2"), Stage::DrainingIn);
    let text = world.accepted(Verb::Pause, "web", None);
    assert!(text.contains("web2 is in transition"), "{text}");
    world.pass(seconds(1));
    assert_eq!(world.stage("web2"), Stage::Maint);
    assert!(world.server("web2").read.is_maint());
    let writes = world.writes();
    world.requests(60, 900, GAP);
    world.pass(seconds(100));
    assert_eq!(world.writes(), writes, "and nothing after that");
    assert_eq!(world.count(Change::EnableFailed), 0, "no fault of its own");
}

#[test]
fn a_pause_gives_a_spare_back_that_was_on_its_way_out() {
    let mut world = with_a_spare_in();
    world.server("web2").read.sessions = 3;
    for _ in 0..60 {
        if world.stage("web2") == Stage::DrainingOut {
            break;
        }
        world.pass(seconds(1));
    }
    assert_eq!(world.stage("web2"), Stage::DrainingOut);
    world.accepted(Verb::Pause, "web", None);
    world.pass(seconds(1));
    assert!(world.is_up("web2"));
    world.pass(seconds(100));
    assert!(world.is_up("web2"));
}

#[test]
fn a_dead_always_up_server_waits_for_the_end_of_the_pause_too() {
    let mut world = idle();
    world.accepted(Verb::Pause, "web", Some(seconds(60)));
    world.server("web1").is_alive = false;
    world.by_hand("web1", AdminState::Maint);
    world.pass(seconds(50));
    assert_eq!(world.writes(), 0);
    assert_eq!(world.count(Change::Paused), 1);
    world.pass(seconds(20));
    assert!(world.is_up("web2"), "{:?}", world.changes());
}

#[test]
fn resume_of_one_backend_does_not_end_a_pause_of_everything() {
    let mut world = idle();
    world.accepted(Verb::Pause, "", None);
    let order = Order {
        verb: Verb::Resume,
        place: place("web"),
        lasts: None,
        by: None,
        is_forced: false,
        barred: None,
    };
    world.step(Event::Operator(&order));
    assert!(world.view().standings.pause.is_some());
    world.accepted(Verb::Resume, "", None);
    assert_eq!(world.view().standings.pause, None);
}

#[test]
fn an_order_that_haproxy_would_not_take_is_refused_with_the_reason_and_no_spare_is_called() {
    let mut world = idle();
    world.barred = Some("the socket is for looking only".to_owned());
    let answer = world.order(Verb::Enable, "web/web2", None);
    assert_eq!(answer.verdict, Verdict::Refused);
    assert_eq!(
        answer.text,
        "enable by uid 1000: the socket is for looking only"
    );
    let unknown = world.order(Verb::Enable, "web/web9", None);
    assert_eq!(unknown.verdict, Verdict::Unknown, "{}", unknown.text);
    // What needs no command is promised as ever.
    world.accepted(Verb::Disable, "web/web2", None);
    world.accepted(Verb::Pause, "web", None);
    world.accepted(Verb::Resume, "web", None);
    world.pass(seconds(60));
    assert_eq!((world.count(Change::WarmUp), world.writes()), (0, 0));
    world.barred = None;
    world.accepted(Verb::Enable, "web/web2", None);
    world.pass(seconds(60));
    assert!(world.is_up("web2"), "{:?}", world.changes());
    world.barred = Some("no".to_owned());
    world.accepted(Verb::Enable, "web/web2", None);
    let answer = world.order(Verb::Disable, "web/web2", None);
    assert_eq!(answer.verdict, Verdict::Refused, "{}", answer.text);
}

#[test]
fn resume_ends_a_hold() {
    let mut world = with_a_spare_in();
    world.by_hand("web2", AdminState::Drain);
    world.pass(seconds(5));
    assert!(
        world.note("web2").contains("on hold"),
        "{}",
        world.note("web2")
    );
    world.accepted(Verb::Resume, "web/web2", None);
    world.pass(seconds(5));
    assert_eq!(world.note("web2"), "");
    assert_eq!(world.stage("web2"), Stage::Maint, "the drain is finished");
}

#[test]
fn a_pinned_spare_stays_as_it_is() {
    let mut world = with_a_spare_in();
    world.accepted(Verb::Pin, "web/web2", None);
    assert_eq!(world.note("web2"), "pinned by uid 1000");
    world.pass(seconds(300));
    assert!(world.is_up("web2"), "however quiet");
    world.accepted(Verb::Resume, "", None);
    world.pass(seconds(100));
    assert!(world.is_up("web2"), "resume does not end a pin");
    world.accepted(Verb::Unpin, "web/web2", None);
    world.pass(seconds(60));
    assert!(!world.is_up("web2"));
    // In maint it stays there, however slow it is: the next one comes.
    world.accepted(Verb::Pin, "web/web2", None);
    world.requests(30, 900, GAP);
    world.pass(seconds(2));
    assert!(!world.is_up("web2") && world.is_up("web3"));
}

#[test]
fn a_pinned_ready_spare_counts_as_capacity() {
    let mut settings = settings();
    settings.max = Some(3);
    let mut world = World::new(settings);
    world.pass(GAP);
    world.requests(15, 900, GAP);
    world.pass(seconds(1));
    world.accepted(Verb::Pin, "web/web2", None);
    // web1, other and web2 are UP, and that is max.
    world.requests(100, 900, GAP);
    assert!(!world.is_up("web3"));
}

#[test]
fn enable_takes_the_full_warm_path_and_keeps_the_spare_in() {
    let mut world = idle();
    let text = world.accepted(Verb::Enable, "web/web2", Some(seconds(120)));
    assert!(
        text.contains("warmed up, checked and then made ready; kept in for 2m"),
        "{text}"
    );
    world.pass(seconds(2));
    assert!(world.is_up("web2"));
    let path: Vec<_> = world
        .done
        .iter()
        .map(|it| it.split_once(' ').unwrap().1)
        .collect();
    assert_eq!(
        path,
        [
            "warm_up web/web2",
            "set web/web2 drain",
            "set web/web2 ready"
        ]
    );
    world.pass(seconds(110));
    assert!(world.is_up("web2"), "kept however quiet it is");
    assert!(world.note("web2").contains("kept in by uid 1000"));
    world.pass(seconds(60));
    assert!(!world.is_up("web2"), "then it goes like any other");
}

#[test]
fn enable_needs_no_breach_waits_for_no_cooldown_and_ends_a_hold_and_a_quarantine() {
    let mut world = with_a_spare_in();
    world.by_hand("web2", AdminState::Maint);
    world.pass(seconds(3));
    assert!(world.note("web2").contains("on hold"));
    world.accepted(Verb::Enable, "web/web2", None);
    world.pass(seconds(2));
    assert!(world.is_up("web2"));
    // And one that failed.
    world.server("web3").is_alive = false;
    world.accepted(Verb::Enable, "web/web3", None);
    world.pass(seconds(25));
    assert!(!world.is_up("web3"));
    world.server("web3").is_alive = true;
    world.accepted(Verb::Enable, "web/web3", None);
    world.pass(seconds(2));
    assert!(world.is_up("web3"));
}

#[test]
fn enable_of_a_spare_that_fails_tries_again_after_its_quarantine() {
    let mut world = idle();
    world.server("web2").is_alive = false;
    world.accepted(Verb::Enable, "web/web2", None);
    world.pass(seconds(25));
    assert_eq!(world.count(Change::EnableFailed), 1);
    world.server("web2").is_alive = true;
    world.pass(seconds(70));
    assert!(world.is_up("web2"), "{:?}", world.changes());
}

#[test]
fn two_spares_that_are_ordered_in_come_side_by_side() {
    let mut world = idle();
    world.accepted(Verb::Enable, "web/web2", None);
    let text = world.accepted(Verb::Enable, "web/web3", None);
    assert!(text.contains("it is warmed up, checked"), "{text}");
    assert_eq!(world.count(Change::WarmUp), 2, "{:?}", world.changes());
    world.pass(seconds(2));
    assert!(world.is_up("web2") && world.is_up("web3"));
}

#[test]
fn enable_brings_a_spare_back_after_a_reload_as_long_as_it_stands() {
    let mut world = idle();
    world.accepted(Verb::Enable, "web/web2", Some(seconds(300)));
    world.pass(seconds(2));
    world.reload();
    assert!(!world.is_up("web2"));
    world.pass(seconds(5));
    assert!(world.is_up("web2"));
}

#[test]
fn enable_refuses_what_would_exceed_max() {
    let mut settings = settings();
    settings.max = Some(2);
    let mut world = World::new(settings);
    world.pass(GAP);
    let text = world.refused(Verb::Enable, "web/web2");
    assert!(
        text.contains("2 servers are in and that is `max`"),
        "{text}"
    );
    world.pass(seconds(10));
    assert_eq!(world.writes(), 0);
}

#[test]
fn disable_drains_and_keeps_the_spare_out() {
    let mut world = with_a_spare_in();
    let text = world.accepted(Verb::Disable, "web/web2", Some(seconds(60)));
    assert!(text.contains("kept out for 1m"), "{text}");
    world.pass(seconds(1));
    let last: Vec<_> = world.done.iter().rev().take(2).collect();
    assert!(last[0].ends_with("set web/web2 maint") && last[1].ends_with("set web/web2 drain"));
    world.requests(60, 900, GAP);
    world.pass(seconds(2));
    assert!(
        !world.is_up("web2") && world.is_up("web3"),
        "another one comes instead"
    );
    world.pass(seconds(60));
    world.requests(60, 900, GAP);
    world.pass(seconds(2));
    assert!(world.is_up("web2"), "as usual after its time");
}

#[test]
fn disable_refuses_the_last_server_what_min_needs_and_what_is_no_spare() {
    let mut settings = settings();
    settings.min = 3;
    let mut world = World::new(settings);
    world.pass(seconds(5));
    // min brings one in by itself.
    assert!(world.is_up("web2"));
    let text = world.refused(Verb::Disable, "web/web2");
    assert!(text.contains("3 servers serve and `min` is 3"), "{text}");
    let text = world.refused(Verb::Disable, "web/web1");
    assert!(text.contains("always-up"), "{text}");
    let text = world.refused(Verb::Disable, "web/other");
    assert!(text.contains("no spare"), "{text}");

    let mut world = with_a_spare_in();
    for name in ["web1", "other"] {
        world.by_hand(name, AdminState::Maint);
    }
    world.pass(seconds(3));
    if world.is_up("web3") {
        world.by_hand("web3", AdminState::Maint);
        world.pass(seconds(3));
    }
    let text = world.refused(Verb::Disable, "web/web2");
    assert!(text.contains("the last server that serves"), "{text}");
}

#[test]
fn disable_that_a_race_made_wrong_is_called_off() {
    let mut world = with_a_spare_in();
    world.by_hand("web1", AdminState::Maint);
    world.by_hand("other", AdminState::Maint);
    // What the scaler knows is older.
    world.order(Verb::Disable, "web/web2", None);
    world.pass(seconds(1));
    assert!(
        world.is_up("web2"),
        "the fresh picture before the command counts"
    );
    let said = world
        .decisions
        .iter()
        .any(|it| it.reason.to_string().contains("not disabled"));
    assert!(said, "{:?}", world.changes());
}

#[test]
fn disable_takes_back_a_spare_that_is_on_its_way_in() {
    let mut world = idle();
    world.accepted(Verb::Enable, "web/web2", None);
    world.pass(Duration::from_millis(100));
    world.accepted(Verb::Disable, "web/web2", None);
    world.pass(seconds(5));
    assert!(!world.is_up("web2") && world.stage("web2") == Stage::Maint);
    assert_eq!(world.writes(), 0, "it had not left maint");
}

#[test]
fn the_newest_of_enable_and_a_hand_at_haproxy_counts() {
    let mut world = idle();
    world.accepted(Verb::Enable, "web/web2", None);
    world.pass(seconds(2));
    world.by_hand("web2", AdminState::Maint);
    world.pass(seconds(100));
    assert!(!world.is_up("web2"), "{:?}", world.changes());
    assert!(world.note("web2").contains("on hold"));
}

#[test]
fn names_that_are_not_there_are_said_with_those_that_are() {
    let mut world = idle();
    let answer = world.order(Verb::Pin, "web/web9", None);
    assert_eq!(answer.verdict, Verdict::Unknown);
    assert!(
        answer.text.contains("it has web1, web2, web3, other"),
        "{}",
        answer.text
    );
    let answer = world.order(Verb::Pause, "shop", None);
    assert_eq!(answer.verdict, Verdict::Unknown);
    assert!(answer.text.contains("there is web"), "{}", answer.text);
    world.is_paused = false;
    let answer = world.order(Verb::Pin, BACKEND, None);
    assert_eq!(answer.verdict, Verdict::Refused);
}

#[test]
fn paused_and_pinned_servers_refuse_enable_and_disable() {
    let mut world = idle();
    world.accepted(Verb::Pin, "web/web2", None);
    assert!(world.refused(Verb::Enable, "web/web2").contains("pinned"));
    world.accepted(Verb::Unpin, "web/web2", None);
    world.accepted(Verb::Pause, "web/web2", None);
    assert!(world.refused(Verb::Disable, "web/web2").contains("paused"));
    world.accepted(Verb::Resume, "web/web2", None);
    world.accepted(Verb::Pause, "web", None);
    assert!(world.refused(Verb::Enable, "web/web2").contains("paused"));
}

#[test]
fn each_order_given_twice_is_as_good_as_once() {
    for (verb, at) in [
        (Verb::Pause, ""),
        (Verb::Pause, "web"),
        (Verb::Pause, "web/web2"),
        (Verb::Resume, ""),
        (Verb::Pin, "web/web2"),
        (Verb::Unpin, "web/web2"),
        (Verb::Enable, "web/web2"),
        (Verb::Disable, "web/web2"),
    ] {
        let mut once = with_a_spare_in();
        let mut twice = with_a_spare_in();
        once.accepted(verb, at, None);
        twice.accepted(verb, at, None);
        twice.accepted(verb, at, None);
        once.pass(seconds(20));
        twice.pass(seconds(20));
        assert_eq!(once.done, twice.done, "{verb} {at}");
        assert_eq!(once.scaler.memory(once.now), twice.scaler.memory(twice.now));
    }
}
