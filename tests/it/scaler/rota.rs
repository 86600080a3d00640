//! Hours in which more servers are to serve than `min` says.

use haproxy_autoscale::scaler::decision::Change;
use haproxy_autoscale::scaler::event::Event;
use haproxy_autoscale::scaler::seen::ReasonCode;
use haproxy_autoscale::scaler::settings::BackendSettings;
use haproxy_autoscale::words::shift::{Shift, TimeOfDay};
use haproxy_autoscale::words::time::Timestamp;

use super::scenes::seconds;
use super::world::{BACKEND, World, settings};

fn shift(from_s: u64, to_s: u64, min: u32) -> Shift {
    Shift {
        from: Timestamp::from_ms(from_s * 1000),
        to: Timestamp::from_ms(to_s * 1000),
        min,
        until: TimeOfDay {
            hour: 18,
            minute: 0,
        },
    }
}

fn world(shifts: &[Shift]) -> World {
    let mut world = World::new(settings()).without("other");
    world.pass(seconds(2));
    tell(&mut world, shifts);
    world
}

fn tell(world: &mut World, shifts: &[Shift]) {
    world.step(Event::Shifts {
        backend: BACKEND,
        shifts,
    });
}

fn up(world: &mut World) -> usize {
    let servers = ["web1", "web2", "web3"];
    servers.into_iter().filter(|it| world.is_up(it)).count()
}

#[test]
fn servers_come_when_the_hours_begin_without_any_breach_and_go_after_they_have_ended() {
    let mut world = world(&[shift(100, 400, 3)]);
    world.pass(seconds(97));
    assert_eq!(up(&mut world), 1, "{}", world.trace());
    world.pass(seconds(8));
    assert_eq!(up(&mut world), 3, "{}", world.trace());
    assert_eq!(world.count(Change::Breach), 0);
    let first = world
        .decisions
        .iter()
        .find(|it| it.change == Change::WarmUp);
    let first = first.expect("a warm-up");
    assert_eq!(first.at, Timestamp::from_ms(100_000), "at once");
    assert_eq!(
        first.reason.to_string(),
        "1 server serving, min is 3 by the schedule until 18:00"
    );
    world.pass(seconds(200));
    assert_eq!(up(&mut world), 3, "quiet for minutes: {}", world.trace());
    let view = world.view();
    assert_eq!(view.next.code(), ReasonCode::Scheduled, "{}", view.next);
    let stays = "stays: min is 3 by the schedule until 18:00, and 3 are serving";
    assert!(view.next.to_string().ends_with(stays), "{}", view.next);
    assert_eq!(
        view.votes.sentences()[0],
        "min is 3 by the schedule until 18:00"
    );
    world.pass(seconds(200));
    assert_eq!(up(&mut world), 1, "{}", world.trace());
    assert!(world.view().votes.scheduled.is_none());
}

#[test]
fn of_several_hours_the_one_that_wants_most_counts() {
    let mut world = world(&[shift(10, 200, 2), shift(60, 100, 3)]);
    world.pass(seconds(40));
    assert_eq!(up(&mut world), 2, "{}", world.trace());
    world.pass(seconds(40));
    assert_eq!(up(&mut world), 3, "{}", world.trace());
    world.pass(seconds(100));
    assert_eq!(up(&mut world), 2, "{}", world.trace());
}

#[test]
fn a_min_that_is_higher_than_that_of_the_hour_stays() {
    let settings = BackendSettings {
        min: 3,
        ..settings()
    };
    let mut world = World::new(settings).without("other");
    tell(&mut world, &[shift(10, 200, 2)]);
    world.pass(seconds(100));
    assert_eq!(up(&mut world), 3, "{}", world.trace());
    let text = world.text_of(Change::WarmUp);
    assert!(text.contains("min is 3"), "{text}");
    assert!(!text.contains("schedule"), "{text}");
    let view = world.view();
    assert_eq!(view.next.code(), ReasonCode::AtMin, "{}", view.next);
}

#[test]
fn hours_that_are_told_anew_replace_those_told_before() {
    let mut world = world(&[shift(10, 10_000, 3)]);
    world.pass(seconds(60));
    assert_eq!(up(&mut world), 3, "{}", world.trace());
    tell(&mut world, &[]);
    world.pass(settings().idle_timeout * 4);
    assert_eq!(up(&mut world), 1, "{}", world.trace());
    assert!(world.view().votes.scheduled.is_none());
}

#[test]
fn the_hours_do_not_exceed_max_and_it_is_said() {
    let settings = BackendSettings {
        max: Some(2),
        ..settings()
    };
    let mut world = World::new(settings).without("other");
    world.pass(seconds(2));
    tell(&mut world, &[shift(10, 200, 3)]);
    world.pass(seconds(60));
    assert_eq!(up(&mut world), 2, "{}", world.trace());
    assert_eq!(world.view().next.code(), ReasonCode::MaxReached);
    assert!(world.count(Change::NoSpare) <= 2, "{}", world.trace());
}

#[test]
fn an_instant_at_which_the_hours_begin_is_a_deadline() {
    let mut world = world(&[shift(100, 400, 2)]);
    world.pass(seconds(97));
    assert!(
        world
            .scaler
            .deadline()
            .is_some_and(|at| at <= Timestamp::from_ms(100_000))
    );
}
