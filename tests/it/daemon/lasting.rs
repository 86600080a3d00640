//! Problems that last: since when, and what of them is said over and over.

use std::time::{Duration, SystemTime};

use haproxy_autoscale::daemon::problems::{Finding, Problems};
use haproxy_autoscale::publish::record::News;
use haproxy_autoscale::status::Told;
use haproxy_autoscale::words::time::Timestamp;

fn slow(text: &str) -> Finding {
    Finding {
        about: None,
        backend: Some("web".to_owned()),
        code: "slow_all_in",
        text: text.to_owned(),
        is_helpless: true,
    }
}

fn take(problems: &mut Problems, second: u64, found: Vec<Finding>) -> (Vec<Told>, Vec<News>) {
    let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(second);
    problems.take(Timestamp::from_ms(second * 1000), wall, found)
}

#[test]
fn helplessness_is_said_after_half_a_minute_every_five_minutes_and_when_it_is_over() {
    let mut problems = Problems::default();
    let mut said = Vec::new();
    for second in 0..700 {
        let (told, sayings) = take(&mut problems, second, vec![slow("slow")]);
        assert_eq!(told[0].since, SystemTime::UNIX_EPOCH);
        said.extend(sayings.into_iter().map(|news| (second, news.to_string())));
    }
    for second in 700..730 {
        let (told, sayings) = take(&mut problems, second, Vec::new());
        assert!(told.is_empty());
        said.extend(sayings.into_iter().map(|news| (second, news.to_string())));
    }
    let still = |text: &str| text.to_owned();
    let over = "web: slow_all_in is over, after 11m 39s";
    assert_eq!(
        said,
        [
            (30, still("web: for 30s now: slow")),
            (330, still("web: for 5m 30s now: slow")),
            (630, still("web: for 10m 30s now: slow")),
            (715, over.to_owned()),
        ]
    );
}

#[test]
fn a_short_pause_does_not_begin_it_anew_and_a_long_one_does() {
    let mut problems = Problems::default();
    let since = |problems: &mut Problems, second| {
        let (told, _) = take(problems, second, vec![slow("a"), slow("b")]);
        assert_eq!(told.len(), 2);
        told[1]
            .since
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap()
            .as_secs()
    };
    assert_eq!(since(&mut problems, 1), 1);
    take(&mut problems, 5, Vec::new());
    assert_eq!(since(&mut problems, 10), 1);
    take(&mut problems, 40, Vec::new());
    assert_eq!(since(&mut problems, 41), 41);
}

#[test]
fn what_can_be_helped_is_shown_and_not_said() {
    let mut problems = Problems::default();
    for second in 0..100 {
        let mut finding = slow("x");
        finding.is_helpless = false;
        let (told, sayings) = take(&mut problems, second, vec![finding]);
        assert_eq!((told.len(), sayings.len()), (1, 0));
    }
}
