//! What looks like demand and is none, and what a log or a look at HAProxy can get wrong.

use std::time::Duration;

use haproxy_autoscale::measure::capacity::{Bracket, Carries, Lesson};
use haproxy_autoscale::measure::demand::Reading;
use haproxy_autoscale::measure::need::{Lead, Strength};
use haproxy_autoscale::measure::sizing::{Learned, Look, Outlook, Sizing};
use haproxy_autoscale::words::request::Request;

use super::farm::{at, settings};

/// A request of 100 ms.
const OK: Request<'static> = Request {
    backend: "web",
    server: "web1",
    request_ms: Some(0),
    queue_ms: Some(0),
    connect_ms: Some(0),
    response_ms: Some(100),
    total_ms: Some(100),
    status: Some(200),
    tail: None,
};

/// HAProxy answers it itself.
const CACHED: Request<'static> = Request {
    server: "<CACHE>",
    response_ms: Some(0),
    ..OK
};

const DENIED: Request<'static> = Request {
    server: "<NOSRV>",
    queue_ms: None,
    connect_ms: None,
    response_ms: None,
    status: Some(403),
    ..OK
};

fn slow(ms: u32) -> Request<'static> {
    Request {
        response_ms: Some(ms),
        total_ms: Some(ms),
        ..OK
    }
}

/// One second: so many of these came to an end.
type Second<'a> = &'a [(u32, Request<'static>)];

/// A backend of two servers, second by second.
struct Watch {
    sizing: Sizing,
    second: u64,
    arrived: u64,
    look: Look,
    /// HAProxy is looked at every so many seconds.
    every: u64,
    outlook: Option<Outlook>,
}

impl Watch {
    fn new(bracket: Bracket) -> Self {
        let learned = Learned {
            bracket,
            service_ms: Some(100.0),
        };
        let look = Look {
            reading: Reading::default(),
            serving: Strength::of([1, 1], 1),
            coming: 0.0,
            slots: None,
            is_log_trusted: true,
            is_pretended: false,
            is_elsewhere: false,
        };
        Self {
            sizing: Sizing::new(at(0), settings(Duration::from_secs(120)), learned),
            second: 0,
            arrived: 0,
            look,
            every: 2,
            outlook: None,
        }
    }

    /// One server carries 36/s and holds 8.
    fn knowing() -> Self {
        let lesson = |value| {
            let at = at(0);
            Some(Lesson { value, at })
        };
        Self::new(Bracket {
            proved: lesson(36.0),
            held: lesson(8.0),
            broken: lesson(40.0),
        })
    }

    /// For so many seconds; `open` sessions.
    fn pass(&mut self, seconds: u64, each: Second<'_>, open: u32) {
        let arrive = each.iter().map(|(count, _)| u64::from(*count)).sum();
        self.pass_with(seconds, arrive, each, open);
    }

    /// The same where another number arrives than the log shows.
    fn pass_with(&mut self, seconds: u64, arrive: u64, each: Second<'_>, open: u32) {
        for _ in 0..seconds {
            let (start_ms, mut ended) = (self.second * 1_000, 0);
            let all: u32 = each.iter().map(|(count, _)| count).sum();
            for (count, request) in each {
                for _ in 0..*count {
                    let ms = start_ms + u64::from(ended * 1_000 / all.max(1));
                    self.sizing.request(at(ms), request);
                    ended += 1;
                }
            }
            self.arrived += arrive;
            self.second += 1;
            if self.second.is_multiple_of(self.every) {
                self.look.reading.arrived = self.arrived;
                self.look.reading.open = open;
                self.outlook = Some(self.sizing.look(at(self.second * 1_000), self.look));
            }
        }
    }

    fn outlook(&self) -> Outlook {
        self.outlook.expect("HAProxy was read")
    }

    fn servers(&self) -> u32 {
        self.outlook().need.expect("known").servers()
    }

    fn breach(&mut self) -> bool {
        self.sizing.breach(at(self.second * 1_000))
    }

    fn bracket(&self) -> Bracket {
        self.sizing.learned(at(self.second * 1_000)).bracket
    }
}

#[test]
fn cache_hits_and_refusals_are_no_demand() {
    let mut watch = Watch::knowing();
    watch.pass(120, &[(30, OK), (270, CACHED), (50, DENIED)], 3);
    let need = watch.outlook().need.expect("known");
    assert!((need.demand - 30.0).abs() < 1.0, "{need:?}");
    assert_eq!(watch.servers(), 2);
    // They teach what servers carry, and not what HAProxy answers: 15 for each of two.
    let proved = watch.bracket().proved.expect("proved").value;
    assert!((proved - 36.0).abs() < 1e-9, "{proved}");
    // A flood of what is refused asks for nobody.
    watch.pass(60, &[(30, OK), (3_000, DENIED)], 3);
    assert_eq!(watch.servers(), 2);
    assert!(watch.outlook().asked.is_none_or(|units| units <= 2.0));
}

/// Arrivals and answers are counted over the same time, however short it is and whenever it began.
#[test]
fn cache_hits_are_no_demand_from_their_first_second_on_and_from_the_daemons() {
    const EACH_S: u64 = 150;
    for (offset_ms, begins_ms) in [(0, 0), (350, 0), (350, 20_650), (999, 40_001)] {
        let mut sizing = Watch::knowing().sizing;
        let mut look = Watch::knowing().look;
        let mut arrived = 0;
        // Nine of ten requests are cache hits; HAProxy is read ten times a second.
        for tenth in 0..600 {
            let from_ms = offset_ms + tenth * 100;
            for part in 0..EACH_S / 10 {
                let now_ms = from_ms + part * 1_000 / EACH_S;
                let is_hit = part % 15 != 0 && now_ms >= begins_ms;
                if is_hit || part % 15 == 0 {
                    arrived += 1;
                    sizing.request(at(now_ms), if is_hit { &CACHED } else { &OK });
                }
            }
            look.reading.arrived = arrived;
            let outlook = sizing.look(at(from_ms + 99), look);
            let demand = outlook.demand.unwrap_or(0.0);
            assert!(
                demand < 13.0,
                "{demand}/s after {tenth} tenths, {begins_ms}"
            );
        }
    }
}

#[test]
fn a_request_that_found_no_server_is_demand() {
    let gave_up = Request {
        server: "<NOSRV>",
        status: Some(503),
        ..DENIED
    };
    let mut watch = Watch::knowing();
    watch.pass(60, &[(30, OK), (60, gave_up)], 3);
    let need = watch.outlook().need.expect("known");
    assert!((need.demand - 90.0).abs() < 1.0, "{need:?}");
}

#[test]
fn sessions_that_wait_for_nobody_are_not_in_flight() {
    let mut watch = Watch::knowing();
    watch.pass(120, &[(30, OK)], 3);
    for open in [303, 353] {
        // 300 websockets at once, then 50 downloads: neither now nor when they have been there for long.
        watch.pass(8, &[(30, OK)], open);
        let need = watch.outlook().need.expect("known");
        assert!(need.backlog.abs() < 1e-9 && need.units <= 2.0, "{need:?}");
        watch.pass(300, &[(30, OK)], open);
        let need = watch.outlook().need.expect("known");
        assert_eq!((need.servers(), need.lead), (2, Lead::Arrivals), "{need:?}");
        assert!((need.in_flight - 3.0).abs() < 0.5, "{need:?}");
        assert!(need.backlog.abs() < 1e-9, "{need:?}");
    }
    // What piles up beside them still counts.
    watch.pass(4, &[(60, slow(900))], 600);
    let need = watch.outlook().need.expect("known");
    assert!(need.backlog > 200.0, "{need:?}");
}

#[test]
fn long_polls_teach_no_capacity_and_ask_for_nobody_while_nothing_is_known() {
    let mut watch = Watch::new(Bracket::default());
    // 100 polls of 30 s.
    watch.pass(600, &[(3, slow(30_000))], 100);
    assert_eq!(watch.bracket(), Bracket::default());
    assert_eq!(watch.outlook().need, None);
    assert_eq!(watch.outlook().asked, None);
}

#[test]
fn a_rush_is_asked_for_after_three_seconds_and_at_most_doubled() {
    let mut watch = Watch::knowing();
    watch.pass(60, &[(30, OK)], 3);
    assert!(watch.outlook().asked.is_none_or(|units| units <= 2.0));
    // The counters know at once; the log knows nothing yet.
    watch.pass_with(2, 400, &[(30, OK)], 400);
    assert!(
        watch.outlook().asked.is_none_or(|units| units <= 2.0),
        "one look is no rush"
    );
    watch.pass_with(2, 400, &[(30, OK)], 900);
    assert_eq!(watch.outlook().asked, Some(4.0));
    assert_eq!(watch.outlook().undoubted, Some(4.0));
    watch.look.coming = 2.0;
    watch.pass_with(4, 400, &[(30, OK)], 900);
    assert_eq!(watch.outlook().asked, Some(8.0), "those on their way count");
}

#[test]
fn a_server_goes_by_the_highest_need_of_the_last_while() {
    let mut watch = Watch::knowing();
    watch.pass(60, &[(60, OK)], 6);
    assert_eq!(watch.outlook().highest, None, "not watched for so long yet");
    watch.pass(70, &[(60, OK)], 6);
    let high = watch.outlook().highest.expect("watched");
    watch.pass(100, &[(10, OK)], 1);
    assert!(watch.outlook().need.expect("known").units < 0.7);
    assert_eq!(watch.outlook().highest, Some(high), "a lull is no reason");
    watch.pass(80, &[(10, OK)], 1);
    let highest = watch.outlook().highest.expect("watched");
    assert!(highest < 0.7);
    assert!(watch.outlook().may_leave(1.0) && !watch.outlook().may_leave(highest + 0.1));
}

#[test]
fn chance_makes_no_rush() {
    let mut watch = Watch::knowing();
    watch.pass(60, &[(10, OK)], 1);
    // 78 instead of 60 in six seconds happens every few minutes.
    watch.pass(6, &[(13, OK)], 1);
    let need = watch.outlook().need.expect("known");
    assert!(need.demand < 11.6, "{need:?}");
    watch.pass(6, &[(50, OK)], 5);
    let need = watch.outlook().need.expect("known");
    assert!(need.demand > 46.0, "{need:?}");
}

#[test]
fn nothing_is_asked_for_before_it_is_known_what_breaks() {
    let mut watch = Watch::new(Bracket::default());
    watch.pass(70, &[(40, OK)], 4);
    let need = watch.outlook().need.expect("proved");
    assert_eq!(need.capacity, Some(Carries::Proved(25.0)));
    watch.pass(10, &[(400, OK)], 40);
    assert_eq!(watch.outlook().asked, None);
}

#[test]
fn a_breach_before_the_counters_tell_what_arrives_stands_in_no_later_ones_way() {
    let mut watch = Watch::new(Bracket::default());
    watch.every = 1;
    watch.pass_with(1, 120, &[(1, slow(900))], 1);
    watch.pass_with(1, 120, &[(40, slow(900))], 90);
    assert!(!watch.breach(), "nobody knows how many arrive");
    watch.pass_with(3, 120, &[(40, slow(1_500))], 300);
    assert!(watch.breach(), "the daemon started into an overload");
    let broken = watch.bracket().broken.expect("it broke").value;
    assert!(broken < 25.0, "two servers answer 40 a second: {broken}");
}

#[test]
fn a_rush_that_breaks_servers_teaches_what_they_carry_and_not_the_quiet_before_it() {
    let mut watch = Watch::new(Bracket::default());
    watch.every = 1;
    watch.pass(60, &[(2, OK)], 1);
    watch.pass_with(4, 90, &[(66, slow(900))], 60);
    assert!(watch.breach());
    let broken = watch.bracket().broken.expect("it broke").value;
    assert!((30.0..=34.0).contains(&broken), "33 each: {broken}");
}

/// Three times the goal is missed by load, a few minutes apart, and each time spares need so long.
fn margin_after_breaches(boot_s: u64) -> f64 {
    let mut watch = Watch::knowing();
    watch.pass(60, &[(60, OK)], 6);
    for _ in 0..3 {
        watch.pass(20, &[(60, slow(900))], 60);
        watch.breach();
        watch.pass(boot_s, &[(60, OK)], 6);
        watch.sizing.arrived(Duration::from_secs(boot_s));
        watch.look.serving = Strength::of([1, 1, 1], 1);
        watch.pass(120, &[(60, OK)], 6);
        watch.look.serving = Strength::of([1, 1], 1);
        watch.pass(120, &[(60, OK)], 6);
    }
    watch.outlook().need.expect("known").margin
}

#[test]
fn where_spares_take_minutes_more_is_kept_ready_once_the_goal_was_missed() {
    let soon = margin_after_breaches(6);
    let late = margin_after_breaches(90);
    assert!(soon < 20.0, "the square-root margin: {soon}");
    assert!(late > 2.0 * soon && late <= 60.0, "{late} beside {soon}");
}

#[test]
fn a_queue_before_servers_with_a_maxconn_speaks_first_and_teaches() {
    let mut watch = Watch::new(Bracket::default());
    watch.look.slots = Some(4.0);
    watch.pass(60, &[(60, OK)], 6);
    // Eight are served, twelve wait.
    watch.look.reading.queued = 12;
    let waited = Request {
        queue_ms: Some(150),
        total_ms: Some(250),
        ..OK
    };
    watch.pass(8, &[(80, waited)], 20);
    let broken = watch.bracket().broken.expect("it broke").value;
    assert!((30.0..41.0).contains(&broken), "{broken}");
    assert!(watch.outlook().asked.is_some_and(|units| units > 2.0));
}

#[test]
fn a_queue_asks_though_more_arrives_than_was_ever_proved() {
    let mut watch = Watch::new(Bracket::default());
    watch.look.slots = Some(4.0);
    watch.pass(70, &[(20, OK)], 2);
    assert!(watch.bracket().proved.is_some());
    watch.look.reading.queued = 6;
    let waited = Request {
        queue_ms: Some(40),
        total_ms: Some(140),
        ..OK
    };
    // Not long enough a wait to be a breach.
    watch.pass(12, &[(80, waited)], 14);
    let need = watch.outlook().need.expect("known");
    assert_ne!(need.lead, Lead::Queue, "{need:?}");
    assert!(
        watch
            .outlook()
            .asked
            .is_some_and(|units| (3.0..=3.5).contains(&units))
    );
}

#[test]
fn a_log_that_contradicts_the_counters_teaches_nothing() {
    let mut watch = Watch::new(Bracket::default());
    watch.look.is_log_trusted = false;
    watch.pass(200, &[(40, OK)], 4);
    assert_eq!(watch.bracket(), Bracket::default());
    watch.look.is_log_trusted = true;
    watch.pass(50, &[(40, OK)], 4);
    assert_eq!(watch.bracket(), Bracket::default(), "no whole minute since");
    watch.pass(20, &[(40, OK)], 4);
    assert!(watch.bracket().proved.is_some());
    watch.look.is_log_trusted = false;
    watch.pass(2, &[(40, slow(900))], 90);
    assert!(!watch.breach());
    assert_eq!(watch.bracket().broken, None);
}

#[test]
fn a_server_that_only_would_serve_teaches_nothing_and_hides_nothing() {
    let mut watch = Watch::new(Bracket::default());
    watch.look.is_pretended = true;
    watch.pass(200, &[(40, OK)], 4);
    assert_eq!(watch.bracket(), Bracket::default());
    watch.pass(2, &[(40, slow(900))], 90);
    assert!(!watch.breach());
    // What is in flight is known all the same: the log is trusted.
    watch.pass(60, &[(40, OK)], 4);
    watch.look.is_pretended = false;
    watch.pass(70, &[(40, OK)], 4);
    assert!(watch.bracket().proved.is_some());
}

#[test]
fn one_look_is_no_lasting_need_however_seldom_haproxy_is_read() {
    let mut watch = Watch::knowing();
    watch.every = 10;
    watch.pass(60, &[(30, OK)], 3);
    watch.pass(10, &[(90, OK)], 9);
    assert!(watch.outlook().need.expect("known").units > 2.5);
    assert!(watch.outlook().asked.is_none_or(|units| units <= 2.0));
    watch.pass(10, &[(90, OK)], 9);
    assert!(watch.outlook().asked.is_some_and(|units| units > 2.5));
}

#[test]
fn forged_lines_teach_neither_speed_nor_slowness() {
    let mut watch = Watch::new(Bracket::default());
    // Ten arrive and are slow; somebody writes a hundred fast lines.
    watch.pass_with(120, 10, &[(10, slow(900)), (100, slow(1))], 9);
    assert_eq!(watch.bracket(), Bracket::default());
    // Ten arrive and are fast; somebody writes a few slow ones.
    watch.pass_with(60, 10, &[(10, OK), (2, slow(60_000))], 1);
    assert!(!watch.breach());
    assert_eq!(watch.bracket().broken, None);
}

#[test]
fn while_more_servers_do_not_help_arrivals_alone_count() {
    let mut watch = Watch::knowing();
    watch.pass(60, &[(60, OK)], 6);
    watch.look.is_elsewhere = true;
    watch.pass_with(60, 60, &[(50, slow(3_000))], 600);
    let outlook = watch.outlook();
    let need = outlook.need.expect("known");
    assert!(outlook.is_frozen);
    assert_eq!((need.lead, need.backlog), (Lead::Arrivals, 0.0));
    assert!(need.units < 2.5, "{need:?}");
}

#[test]
fn a_restart_of_haproxy_and_a_standstill_invent_no_rush() {
    let mut watch = Watch::knowing();
    watch.pass(60, &[(30, OK)], 3);
    watch.sizing.next_process();
    watch.arrived = 0;
    watch.pass(10, &[(30, OK)], 3);
    assert_eq!(watch.servers(), 2);
    watch.second += 600;
    watch.sizing.start_over(at(watch.second * 1_000));
    watch.pass_with(2, 18_000, &[(30, OK)], 3);
    assert_eq!(watch.outlook().need, None);
    watch.pass(6, &[(30, OK)], 3);
    assert_eq!(watch.servers(), 2);
    assert_eq!(watch.bracket().proved.map(|it| it.value), Some(36.0));
}

#[test]
fn a_pool_of_servers_of_different_weight_is_learned_in_units() {
    let mut watch = Watch::new(Bracket::default());
    // 100 and 10, against 100.
    watch.look.serving = Strength::of([100, 10], 100);
    watch.pass(80, &[(33, OK)], 3);
    let proved = watch.bracket().proved.expect("proved").value;
    assert!((proved - 30.0).abs() < 0.6, "{proved}");
}

#[test]
fn what_is_held_does_not_grow() {
    let mut watch = Watch::knowing();
    watch.pass(3_000, &[(20, OK)], 2);
    assert!(watch.sizing.held() < 200, "{}", watch.sizing.held());
}

#[test]
fn new_settings_keep_what_was_learned_for_the_same_goal() {
    let mut watch = Watch::knowing();
    watch.pass(200, &[(30, OK)], 3);
    assert!(watch.outlook().highest.is_some());
    let longer = settings(Duration::from_secs(600));
    watch
        .sizing
        .reconfigure(at(200_000), longer, Learned::default());
    watch.pass(2, &[(30, OK)], 3);
    assert_eq!(watch.outlook().highest, None, "to be watched for longer");
    assert_eq!(watch.bracket().proved.map(|it| it.value), Some(36.0));
    let mut other = longer;
    other.goal.ms = 200.0;
    watch
        .sizing
        .reconfigure(at(202_000), other, Learned::default());
    assert_eq!(watch.bracket(), Bracket::default());
}
