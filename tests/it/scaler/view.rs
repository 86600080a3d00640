//! What `status` is made from: why a backend does what it does, and when nothing can help.

use std::time::Duration;

use haproxy_autoscale::scaler::event::LogState;
use haproxy_autoscale::scaler::seen::{NoHelp, Problem, ProblemCode, ReasonCode};
use haproxy_autoscale::words::order::Verb;
use haproxy_autoscale::words::picture::AdminState;

use super::scenes::{GAP, seconds, with_a_spare_in};
use super::world::{World, settings};

fn codes(world: &mut World) -> Vec<ProblemCode> {
    let problems = world.view().problems;
    problems.iter().map(Problem::code).collect()
}

/// The text of that problem, which must be there.
#[track_caller]
fn text(world: &mut World, code: ProblemCode) -> String {
    let view = world.view();
    let found = view.problems.iter().find(|it| it.code() == code);
    found.unwrap_or_else(|| panic!("{view:?}")).to_string()
}

#[test]
fn slow_with_all_spares_in_is_a_problem_and_no_cooldown_is_spoken_of() {
    let mut world = with_a_spare_in();
    assert_eq!(codes(&mut world), []);
    let mut views_of_all_in = 0;
    for _ in 0..200 {
        world.requests(1, 900, GAP);
        let view = world.view();
        if view.servers.iter().all(|it| it.is_up) {
            views_of_all_in += 1;
            assert!(!view.next.to_string().contains("cooldown"), "{}", view.next);
        }
    }
    assert!(views_of_all_in > 50, "{views_of_all_in}");
    let view = world.view();
    let said = text(&mut world, ProblemCode::Slow(NoHelp::AllIn));
    assert!(
        said.starts_with("slow (mean 900 ms > 500 ms), and nothing can help: "),
        "{said}"
    );
    assert_eq!(view.next.code(), ReasonCode::AllIn);
    assert!(
        view.next.to_string().starts_with("nothing: "),
        "{}",
        view.next
    );
    // Over as soon as it is.
    world.requests(20, 20, GAP);
    assert_eq!(codes(&mut world), []);
}

#[test]
fn slow_at_max_is_a_problem_that_names_it() {
    let mut settings = settings();
    settings.max = Some(2); // web1 and a server that is nobody's spare.
    let mut world = World::new(settings);
    world.pass(GAP);
    world.requests(40, 900, GAP);
    let said = text(&mut world, ProblemCode::Slow(NoHelp::MaxReached));
    assert!(
        said.ends_with("2 servers are in and that is `max`"),
        "{said}"
    );
    assert_eq!(world.view().next.code(), ReasonCode::MaxReached);
}

#[test]
fn slow_with_spares_that_were_changed_by_hand_or_kept_out_names_each() {
    let mut world = with_a_spare_in();
    world.by_hand("web2", AdminState::Maint);
    world.pass(seconds(5));
    world.accepted(Verb::Disable, "web/web3", None);
    world.pass(seconds(5));
    let hold = world.view().servers[1].standings.hold.unwrap();
    assert_eq!(hold.lasted.unwrap() + hold.left.unwrap(), seconds(600));
    assert!(hold.lasted.unwrap() >= seconds(8), "{hold:?}");
    world.requests(40, 900, GAP);
    let said = text(&mut world, ProblemCode::Slow(NoHelp::NoSpare));
    assert!(said.contains("web2 on hold for"), "{said}");
}

#[test]
fn a_dead_always_up_server_that_nobody_stands_in_for_is_a_problem() {
    let mut world = World::new(settings());
    world.pass(GAP);
    world.accepted(Verb::Pause, "web", None);
    world.server("web1").is_alive = false;
    world.pass(seconds(30));
    let said = text(&mut world, ProblemCode::Short(NoHelp::Paused));
    assert!(
        said.starts_with("always-up server web1 is DOWN, and nothing can help: "),
        "{said}"
    );
    assert!(
        said.contains("`haproxy-autoscale resume web` ends that"),
        "{said}"
    );
    world.accepted(Verb::Resume, "web", None);
    world.pass(seconds(10));
    assert_eq!(
        codes(&mut world),
        [ProblemCode::AlwaysUpMissing],
        "web2 stands in"
    );
}

#[test]
fn who_is_serving_and_who_is_wanted_is_counted() {
    let mut world = World::new(settings());
    world.pass(GAP);
    let count = |world: &mut World| {
        let view = world.view();
        (view.serving, view.wanted)
    };
    assert_eq!(count(&mut world), (Some(2), Some(2)));
    for _ in 0..100 {
        world.requests(1, 900, GAP);
        if world.view().next.code() == ReasonCode::Changing {
            break;
        }
    }
    assert_eq!(count(&mut world), (Some(2), Some(3)));
    world.pass(seconds(2));
    assert_eq!(count(&mut world), (Some(3), Some(3)));
}

#[test]
fn a_contradiction_is_never_told_with_nothing_on_both_sides() {
    let mut world = with_a_spare_in();
    let mut is_told = false;
    for _ in 0..600 {
        world.pass(Duration::from_millis(100));
        world.responses += 5;
        for problem in world.view().problems {
            is_told = true;
            let text = problem.to_string();
            assert!(
                !text.contains("0 lines and HAProxy counted 0 responses"),
                "{text}"
            );
        }
    }
    assert!(is_told);
}

#[test]
fn without_a_log_nothing_to_do_is_not_all() {
    let mut world = World::new(settings());
    world.pass(GAP);
    assert_eq!(world.view().next.code(), ReasonCode::NothingToDo);
    world.log_state(LogState::Absent);
    let view = world.view();
    assert_eq!(view.next.code(), ReasonCode::Blind);
    assert_eq!(
        view.next.to_string(),
        "nothing until the log can be read: no spare comes or goes"
    );
}

#[test]
fn codes_are_words_of_their_own() {
    let mut words: Vec<&str> = ReasonCode::ALL.iter().map(|code| code.as_str()).collect();
    words.sort_unstable();
    words.dedup();
    assert_eq!(words.len(), ReasonCode::ALL.len());
    let is_word = |word: &&str| word.chars().all(|it| it.is_ascii_lowercase() || it == '_');
    assert!(words.iter().all(is_word), "{words:?}");
}
