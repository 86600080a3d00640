//! What is told of a share that grows: how it ends, and what an order in the middle makes of it.

use haproxy_autoscale::scaler::decision::Change;
use haproxy_autoscale::words::order::Verb;

use super::super::scenes::seconds;
use super::{answers, growing};

#[test]
fn that_it_has_its_full_share_is_told_once_with_the_share() {
    let mut world = growing();
    for _ in 0..60 {
        answers(&mut world, seconds(1), 60, 60);
    }
    let said = world.text_of(Change::Ramp);
    let ends: Vec<&str> = said
        .lines()
        .filter(|it| it.contains("full share"))
        .collect();
    assert_eq!(ends.len(), 1, "{said}");
    // So `answers` has it, whatever the weights.
    let text = "web/web2: has its whole weight, 100, after 20s, and so its full share: it took 14 % of \
                the requests of late";
    assert!(ends[0].contains(text), "{said}");
}

#[test]
fn a_pause_within_a_ramp_tells_what_becomes_of_the_share() {
    let mut world = growing();
    answers(&mut world, seconds(8), 60, 60);
    let before = world.weight("web2");
    assert!((11..100).contains(&before), "{before}");
    world.order(Verb::Pause, "web", None);
    world.pass(seconds(3));
    assert_eq!(world.weight("web2"), 100);
    let said = world.text_of(Change::Ramp);
    let (_, shown) = said
        .split_once("web/web2: gets its whole weight at once, 100 instead of ")
        .expect("what becomes of it");
    // What HAProxy showed last, which may be a step ago.
    let shown: u32 = shown.parse().expect("the last line, with a weight");
    assert!((11..=before).contains(&shown), "{said}");
}
