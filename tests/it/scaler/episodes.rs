//! Breaches as people want to hear of them.

use haproxy_autoscale::scaler::decision::{Change, Episode, News, Reason};

use super::scenes::{GAP, seconds};
use super::world::{World, settings};

/// Slow requests bring nothing in: there is no spare.
fn without_spares() -> World {
    let mut world = World::new(settings()).without("web2").without("web3");
    world.pass(GAP);
    world
}

fn news(world: &World) -> Vec<News> {
    let decisions = world.decisions.iter();
    decisions
        .filter_map(|decision| {
            let Reason::Breach { news, .. } = &decision.reason else {
                return None;
            };
            Some(*news)
        })
        .collect()
}

fn over(world: &World) -> Vec<Episode> {
    let decisions = world.decisions.iter();
    decisions
        .filter_map(|decision| {
            let Reason::Episode(episode) = &decision.reason else {
                return None;
            };
            Some(*episode)
        })
        .collect()
}

#[test]
fn an_episode_is_told_when_it_begins_each_minute_and_when_it_is_over() {
    let mut world = without_spares();
    world.requests(1500, 700, GAP);
    world.requests(5, 900, GAP);
    let all = news(&world);
    assert_eq!(all.len(), 301, "each window is there");
    assert_eq!(all[0], News::Begins);
    let lasts: Vec<_> = all
        .iter()
        .filter(|it| matches!(it, News::Lasts(_)))
        .collect();
    assert_eq!(lasts.len(), 2, "150 s");
    world.requests(29, 20, seconds(1));
    assert_eq!(over(&world), [], "not yet");
    world.requests(10, 20, seconds(1));
    let [episode] = over(&world)[..] else {
        panic!("{:?}", over(&world));
    };
    assert_eq!((episode.windows, episode.worst), (301, 900.0));
    assert!((700.0..702.0).contains(&episode.mean), "{episode:?}");
    let text = world.text_of(Change::BreachOver);
    assert_eq!(
        text,
        "breach_over web: over after 2m 30s: mean 701 ms, worst 900 ms > 500 ms, 301 windows; none \
         for 30s"
    );
    world.requests(6, 700, GAP);
    assert_eq!(news(&world).last(), Some(&News::Begins), "another one");
}

#[test]
fn windows_above_and_below_by_turns_are_one_episode() {
    let mut world = without_spares();
    for _ in 0..20 {
        world.requests(5, 700, GAP);
        world.requests(5, 20, GAP);
    }
    world.pass(seconds(60));
    let begun = news(&world)
        .iter()
        .filter(|it| **it == News::Begins)
        .count();
    assert_eq!(begun, 1);
    assert_eq!(over(&world).len(), 1, "also when nothing comes any more");
}
