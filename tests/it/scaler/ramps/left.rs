//! What is left of a ramp: whose a weight is, and what becomes of it where nobody looks after the backend any
//! more.

use haproxy_autoscale::scaler::decision::Change;
use haproxy_autoscale::scaler::event::Event;
use haproxy_autoscale::scaler::settings::BackendSettings;

use super::super::scenes::seconds;
use super::super::world::World;
use super::{answers, growing};

#[test]
fn a_weight_of_ours_that_an_operator_sets_again_is_his() {
    let mut during = growing();
    answers(&mut during, seconds(8), 60, 60);
    let told = during.weights("web2");
    let before = told.get(told.len() - 3).copied().expect("some steps");
    during.server("web2").set_weight(before);
    during.pass(seconds(40));
    assert_eq!(during.weight("web2"), before, "{:?}", during.done);
    let mut after = growing();
    while after.weight("web2") < 100 {
        answers(&mut after, seconds(1), 60, 60);
    }
    answers(&mut after, seconds(3), 60, 60);
    let told = after.weights("web2");
    let before = told.into_iter().rfind(|it| *it < 100).expect("a step");
    after.server("web2").set_weight(before);
    after.pass(seconds(40));
    assert_eq!(after.weight("web2"), before, "{:?}", after.done);
}

/// Our configuration names another backend only.
fn leave(world: &mut World) {
    world.step(Event::Settings {
        backends: &[BackendSettings::for_backend("api", vec!["api1".to_owned()])],
        is_elsewhere: false,
        was_pretended: false,
    });
}

#[test]
fn a_backend_that_goes_from_both_configurations_within_a_ramp_is_let_go() {
    let mut world = growing();
    answers(&mut world, seconds(4), 60, 60);
    world.has_no_backend = true;
    world.reload();
    leave(&mut world);
    world.pass(seconds(20));
    let names: Vec<String> = world
        .scaler
        .snapshot(world.now)
        .into_iter()
        .map(|it| it.name)
        .collect();
    assert_eq!(names, ["api"]);
}

#[test]
fn what_a_killed_daemon_told_is_taken_back_where_the_next_one_has_no_such_backend() {
    for is_unknown in [false, true] {
        let mut world = growing();
        answers(&mut world, seconds(8), 60, 60);
        let memory = world.durable.clone();
        world.has_no_backend = is_unknown;
        world.settings.name = "api".to_owned();
        world.restart(Some(memory));
        world.pass(seconds(20));
        let weight = world.weight("web2");
        assert_eq!(weight == 100, !is_unknown, "{weight}: {:?}", world.done);
        let names: Vec<String> = world
            .scaler
            .snapshot(world.now)
            .into_iter()
            .map(|it| it.name)
            .collect();
        assert_eq!(names, ["api"], "{is_unknown}");
        let said = world.text_of(Change::Note);
        let is_said = said.contains("no spare of it is enabled");
        assert_eq!(is_said, is_unknown, "web2 serves: {said}");
    }
}

#[test]
fn a_killed_daemon_without_a_state_file_leaves_a_weight_and_that_is_said() {
    let mut world = growing();
    answers(&mut world, seconds(8), 60, 60);
    world.restart(None);
    world.pass(seconds(4));
    let weight = world.weight("web2");
    assert!(weight < 100, "{:?}", world.done);
    let said = world.text_of(Change::Note);
    let about = format!("its weight is {weight}, which is not haproxy.cfg's");
    assert!(said.contains(&about), "{said}");
}
