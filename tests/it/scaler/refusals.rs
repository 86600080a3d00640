//! Orders that are refused, orders that end by themselves, and whom a new configuration concerns.

use haproxy_autoscale::scaler::decision::Change;
use haproxy_autoscale::scaler::event::Event;
use haproxy_autoscale::scaler::settings::{BackendSettings, Spares};
use haproxy_autoscale::words::order::{Verb, Verdict};
use haproxy_autoscale::words::picture::AdminState;

use super::scenes::{GAP, seconds, with_a_spare_in};
use super::world::{World, settings};

fn idle() -> World {
    let mut world = World::new(settings());
    world.pass(GAP);
    world
}

/// What a refused order is answered.
fn refusal(world: &mut World, verb: Verb, at: &str) -> String {
    let answer = world.order(verb, at, None);
    assert_eq!(answer.verdict, Verdict::Refused, "{}", answer.text);
    answer.text
}

fn settings_of(world: &mut World, names: &[&str], is_elsewhere: bool) {
    let of_name = |name: &&str| BackendSettings {
        name: (*name).to_owned(),
        ..settings()
    };
    let backends: Vec<_> = names.iter().map(of_name).collect();
    world.step(Event::Settings {
        backends: &backends,
        is_elsewhere,
        was_pretended: false,
    });
}

#[test]
fn nothing_is_enabled_on_an_old_picture() {
    let mut world = World::new(settings());
    let text = refusal(&mut world, Verb::Enable, "web/web2");
    assert!(text.contains("has not shown its servers yet"), "{text}");
    world.pass(GAP);
    world.is_reachable = false;
    world.pass(seconds(5));
    let text = refusal(&mut world, Verb::Enable, "web/web2");
    assert!(text.contains("cannot be read"), "{text}");
}

#[test]
fn the_end_of_a_pause_begins_nothing_on_an_old_picture() {
    let mut world = idle();
    world.order(Verb::Pause, "web", None);
    world.server("web1").is_alive = false;
    world.pass(seconds(5));
    world.is_reachable = false;
    world.pass(seconds(5));
    world.order(Verb::Resume, "web", None);
    world.pass(seconds(5));
    assert_eq!(world.count(Change::WarmUp), 0, "{:?}", world.changes());
    world.is_reachable = true;
    world.pass(seconds(6));
    assert!(world.is_up("web2"), "{:?}", world.changes());
}

#[test]
fn one_server_of_a_paused_backend_is_not_resumed() {
    let mut world = idle();
    world.order(Verb::Pause, "web", None);
    let text = refusal(&mut world, Verb::Resume, "web/web2");
    assert!(text.contains("its whole backend is paused"), "{text}");
}

#[test]
fn a_pause_says_only_what_would_be_done() {
    let mut full = settings();
    full.max = Some(2);
    let mut world = World::new(full);
    world.pass(GAP);
    world.order(Verb::Pause, "web", None);
    world.requests(60, 900, GAP);
    assert_eq!(world.count(Change::Paused), 0, "`max` is reached");

    let mut world = World::new(settings());
    world.by_hand("web2", AdminState::Drain);
    world.order(Verb::Pause, "web", None);
    world.pass(seconds(60));
    assert_eq!(world.commands, 0, "{:?}", world.done);
    let text = world.text_of(Change::Paused);
    assert!(text.contains("would finish draining it"), "{text}");
}

#[test]
fn enable_is_no_step_beyond_max_for_a_spare_that_is_in_or_on_its_way() {
    let mut settings = settings();
    settings.max = Some(3);
    let mut world = World::new(settings);
    world.pass(GAP);
    world.order(Verb::Enable, "web/web2", None);
    world.pass(seconds(2));
    assert!(world.is_up("web2"));
    let answer = world.order(Verb::Enable, "web/web2", None);
    assert_eq!(answer.verdict, Verdict::Accepted, "{}", answer.text);
    let text = refusal(&mut world, Verb::Enable, "web/web3");
    assert!(text.contains("that is `max`"), "{text}");
}

#[test]
fn a_spare_that_is_down_may_be_disabled_however_few_are_up() {
    let mut settings = settings();
    settings.min = 2;
    let mut world = World::new(settings).without("web3");
    world.pass(GAP);
    world.order(Verb::Enable, "web/web2", None);
    world.pass(seconds(2));
    world.server("web2").is_alive = false;
    world.pass(seconds(5));
    let answer = world.order(Verb::Disable, "web/web2", None);
    assert_eq!(answer.verdict, Verdict::Accepted, "{}", answer.text);
    world.pass(seconds(15));
    assert!(world.server("web2").read.is_maint(), "{:?}", world.done);
}

#[test]
fn each_order_for_some_time_ends_by_itself_and_says_so() {
    let cases = [
        (Verb::Pause, "the pause has expired"),
        (Verb::Pin, "the pin has expired"),
        (Verb::Enable, "is no longer kept in"),
        (Verb::Disable, "is no longer kept out"),
    ];
    for (verb, text) in cases {
        let mut world = with_a_spare_in();
        world.order(verb, "web/web2", Some(seconds(20)));
        world.pass(seconds(19));
        assert!(!world.text_of(Change::Note).contains(text), "{verb}");
        world.pass(seconds(2));
        let said = world.text_of(Change::Note);
        assert_eq!(said.matches(text).count(), 1, "{verb}: {said}");
        let memory = world.scaler.memory(world.now);
        let marks = memory.backends["web"]
            .servers
            .get("web2")
            .map(|it| it.marks);
        assert!(marks.is_none_or(|marks| marks.is_empty()), "{verb}");
        assert_eq!(world.view().servers[1].note, None, "{verb}");
    }
}

#[test]
fn one_order_that_ends_leaves_the_others() {
    let mut world = with_a_spare_in();
    world.order(Verb::Pin, "web/web2", None);
    world.order(Verb::Pause, "web/web3", None);
    world.order(Verb::Enable, "web/web2", Some(seconds(20)));
    world.order(Verb::Pin, "web/web3", Some(seconds(20)));
    world.pass(seconds(30));
    let servers = world.view().servers.into_iter();
    let notes: Vec<_> = servers.map(|it| it.note.map(|it| it.to_string())).collect();
    assert_eq!(notes[1].as_deref(), Some("pinned by uid 1000"));
    assert_eq!(notes[2].as_deref(), Some("paused by uid 1000"));
}

#[test]
fn a_pause_of_everything_that_is_over_is_over_for_later_backends_and_daemons() {
    let mut world = idle();
    world.order(Verb::Pause, "", Some(seconds(60)));
    let before = world.scaler.memory(world.now);
    assert!(before.everything.is_some());
    world.pass(seconds(61));
    assert_eq!(world.scaler.memory(world.now).everything, None);
    settings_of(&mut world, &["web", "api"], false);
    let now = world.now;
    let views = world.scaler.snapshot(now);
    assert!(
        views.iter().all(|view| view.standings.pause.is_none()),
        "{views:?}"
    );
    world.step(Event::Remembered(&before));
    assert_eq!(world.view().standings.pause, None);
}

#[test]
fn only_the_backend_that_goes_says_goodbye() {
    let mut world = idle();
    settings_of(&mut world, &["web", "api"], false);
    let affected = |world: &World, names: &[&str]| {
        let of_name = |name: &&str| BackendSettings {
            name: (*name).to_owned(),
            spares: match *name {
                "api" => Spares::Auto,
                _ => Spares::Named(vec!["web2".to_owned()]),
            },
            ..settings()
        };
        let next: Vec<_> = names.iter().map(of_name).collect();
        world.scaler.affected(&next).changed
    };
    assert_eq!(affected(&world, &["api", "web"]), 1, "web3 of web");
    settings_of(&mut world, &["web"], false);
    let said = world.text_of(Change::Note);
    assert_eq!(said.matches("no longer in the configuration").count(), 1);
    assert_eq!(world.view().name, "web");
}

#[test]
fn behind_another_admin_socket_no_servers_state_is_an_operators() {
    for is_elsewhere in [false, true] {
        let mut world = with_a_spare_in();
        world.by_hand("web2", AdminState::Maint);
        settings_of(&mut world, &["web"], is_elsewhere);
        world.pass(seconds(3));
        assert_eq!(world.count(Change::Hold), usize::from(!is_elsewhere));
    }
}

#[test]
fn a_note_is_said_once() {
    let mut world = idle();
    world.pass(seconds(60));
    let notes = world.text_of(Change::Note);
    assert_eq!(notes.matches("does not check web3").count(), 1, "{notes}");
}

#[test]
fn an_empty_handed_search_says_why() {
    let mut world = idle().without("web2").without("web3");
    world.pass(seconds(3));
    world.requests(15, 900, GAP);
    let text = world.text_of(Change::NoSpare);
    assert!(text.contains("there is no spare"), "{text}");
    let mut world = with_a_spare_in();
    world.requests(200, 900, GAP);
    let text = world.text_of(Change::NoSpare);
    assert!(text.contains("all spares serve already (2)"), "{text}");
}
