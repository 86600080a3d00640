//! What keeps the scaler from making things worse: silence, forged lines, operators, a blind or
//! lying HAProxy.

use std::time::Duration;

use haproxy_autoscale::measure::settings::Add;
use haproxy_autoscale::scaler::decision::Change;
use haproxy_autoscale::scaler::event::LogState;
use haproxy_autoscale::words::picture::AdminState;

use super::scenes::{GAP, seconds, with_a_spare_in};
use super::world::{Fault, Pending, World, settings};

#[test]
fn a_log_that_falls_silent_under_traffic_disables_nothing() {
    let mut world = with_a_spare_in();
    world.requests(50, 20, GAP);
    for _ in 0..600 {
        world.pass(seconds(1));
        world.responses += 10;
    }
    assert!(world.is_up("web2"));
    assert_eq!(world.count(Change::Freeze), 1, "said once");
    let view = world.view();
    assert!(
        view.problems
            .iter()
            .any(|text| text.to_string().contains("no scale-down")),
        "{view:?}"
    );
}

#[test]
fn a_trickle_that_is_not_logged_disables_nothing() {
    let mut world = with_a_spare_in();
    for _ in 0..400 {
        world.pass(seconds(3));
        world.responses += 3;
    }
    assert!(world.is_up("web2"));
}

#[test]
fn while_haproxy_drops_lines_of_its_log_no_spare_goes() {
    let mut world = with_a_spare_in();
    for _ in 0..600 {
        world.pass(seconds(1));
        world.requests(2, 20, GAP);
        world.dropped_logs += 1;
    }
    assert!(world.is_up("web2"));
    assert_eq!(world.count(Change::Freeze), 1, "said once");
    let problems = world.view().problems;
    assert!(
        problems
            .iter()
            .any(|text| text.to_string().contains("DroppedLogs")),
        "{problems:?}"
    );
    world.pass(seconds(600));
    assert_eq!(world.count(Change::Thaw), 1);
    assert!(!world.is_up("web2"));
}

#[test]
fn a_small_share_of_dropped_lines_keeps_no_spare_and_is_not_said() {
    let mut world = with_a_spare_in();
    for second in 0..90 {
        for _ in 0..100 {
            world.pass(GAP / 10);
            world.request("web1", 20);
        }
        // One of 500: two threads of HAProxy that write to one pipe.
        world.dropped_logs += u64::from(second % 5 == 0);
    }
    assert_eq!(world.count(Change::Freeze), 0, "{:?}", world.changes());
    assert!(!world.is_up("web2"));
}

#[test]
fn dropped_lines_are_said_with_their_share_and_the_likely_cause() {
    let mut world = with_a_spare_in();
    for _ in 0..60 {
        world.requests(100, 20, GAP / 10);
        world.dropped_logs += 1;
    }
    let text = world.text_of(Change::Freeze);
    assert!(text.contains("3 lines of 385 requests"), "{text}");
    assert!(
        text.contains("stdout") && text.contains("threads"),
        "{text}"
    );
    assert!(world.is_up("web2"));
}

#[test]
fn lines_that_are_dropped_across_reloads_add_up() {
    let mut world = with_a_spare_in();
    for _ in 0..30 {
        world.requests(20, 20, GAP);
        world.dropped_logs = 1;
        world.requests(20, 20, GAP);
        world.reload();
        world.dropped_logs = 0;
    }
    assert_eq!(world.count(Change::Freeze), 1, "{:?}", world.changes());
    assert_eq!(world.count(Change::Thaw), 0, "{:?}", world.changes());
}

#[test]
fn a_log_that_speaks_again_ends_the_freeze() {
    let mut world = with_a_spare_in();
    for _ in 0..60 {
        world.pass(seconds(1));
        world.responses += 10;
    }
    assert_eq!(world.count(Change::Freeze), 1);
    world.requests(300, 20, GAP);
    assert_eq!(world.count(Change::Thaw), 1);
    world.requests(60, 20, seconds(1));
    assert!(!world.is_up("web2"));
}

#[test]
fn forged_lines_alone_bring_in_one_spare_and_no_more() {
    for add in [1, 2] {
        for gap_ms in [1, 50, 700] {
            let mut settings = settings();
            settings.policies[0].add = Add::Servers(add);
            let mut world = World::new(settings);
            world.pass(seconds(3));
            for _ in 0..1000 {
                world.pass(Duration::from_millis(gap_ms));
                world.line("web1", 9000, 200);
            }
            world.pass(seconds(5));
            let up = ["web2", "web3"]
                .iter()
                .filter(|name| world.is_up(name))
                .count();
            assert!(
                up <= 1,
                "add {add}, a line every {gap_ms} ms: {:?}",
                world.changes()
            );
        }
    }
}

#[test]
fn a_contradiction_does_not_keep_the_first_spare_away() {
    let mut world = World::new(settings());
    world.pass(GAP);
    for _ in 0..30 {
        world.pass(seconds(1));
        world.responses += 50;
    }
    assert_eq!(world.count(Change::Freeze), 1);
    for _ in 0..15 {
        world.pass(GAP);
        world.responses += 50;
        world.request("web1", 900);
    }
    world.pass(seconds(1));
    assert!(world.is_up("web2"));
}

#[test]
fn a_missing_or_late_log_disables_nothing() {
    for state in [LogState::Absent, LogState::Lagging, LogState::Incomplete] {
        let mut world = with_a_spare_in();
        world.log_state(state);
        world.pass(seconds(600));
        assert!(world.is_up("web2"), "{state:?}");
        world.log_state(LogState::Flowing);
        world.pass(seconds(25));
        assert!(world.is_up("web2"), "quiet begins anew");
        world.pass(seconds(15));
        assert!(!world.is_up("web2"));
    }
}

#[test]
fn requests_in_the_queue_keep_every_server() {
    let mut world = with_a_spare_in();
    world.queued = 1;
    world.pass(seconds(600));
    assert!(world.is_up("web2"));
}

#[test]
fn errors_are_no_reason_to_take_a_server_away() {
    let mut world = with_a_spare_in();
    for _ in 0..600 {
        world.pass(GAP);
        world.responses += 1;
        world.line("web1", 1, 502);
    }
    assert!(world.is_up("web2"));
}

#[test]
fn an_operators_change_is_a_hold() {
    let mut world = with_a_spare_in();
    world.by_hand("web2", AdminState::Maint);
    world.pass(seconds(3));
    assert_eq!(world.count(Change::Hold), 1);
    world.requests(60, 900, GAP);
    assert!(!world.is_up("web2"), "an operator wins");
    assert!(world.is_up("web3"), "the other spare may come");
    let note = world
        .view()
        .servers
        .remove(1)
        .note
        .expect("a note")
        .to_string();
    assert!(note.starts_with("on hold for"), "{note}");
}

#[test]
fn a_spare_that_an_operator_enabled_stays_while_it_is_on_hold() {
    let mut world = World::new(settings());
    world.requests(20, 20, GAP);
    world.by_hand("web2", AdminState::Ready);
    world.pass(seconds(500));
    assert!(world.is_up("web2"));
    world.pass(seconds(300));
    assert!(
        !world.is_up("web2"),
        "after the hold of 10 minutes it goes like any other"
    );
}

#[test]
fn an_operators_hand_in_the_middle_of_a_warm_up_wins() {
    for state in [AdminState::Ready, AdminState::Drain] {
        let mut world = World::new(settings()).without("web3");
        world.pass(GAP);
        world.requests(15, 900, GAP);
        assert_eq!(world.count(Change::WarmUp), 1);
        world.by_hand("web2", state);
        world.pass(seconds(30));
        assert_eq!(world.count(Change::Hold), 1);
        assert_eq!(
            world.server("web2").read.admin_state(),
            state,
            "left as it is"
        );
    }
}

#[test]
fn an_unreachable_haproxy_is_said_once_and_left_alone() {
    let mut world = with_a_spare_in();
    world.is_reachable = false;
    let done = world.done.len();
    world.requests(100, 900, GAP);
    world.pass(seconds(600));
    assert_eq!(world.count(Change::Unreachable), 1);
    assert_eq!(world.done.len(), done);
    world.is_reachable = true;
    world.pass(seconds(6));
    assert_eq!(world.count(Change::Reachable), 1);
    assert!(world.is_up("web2"), "the outage was not quiet");
    assert_eq!(
        world.count(Change::WarmUp),
        1,
        "nor is its evidence used afterwards"
    );
}

#[test]
fn a_lost_command_is_said_again_and_a_lost_answer_is_read_back() {
    for fault in [Fault::Lost, Fault::AnswerLost] {
        let mut world = World::new(settings());
        let calls = std::cell::Cell::new(0_u64);
        // The reads come and go; the n-th action that is none of them gets the fault.
        world.faults = Box::new(move |action| {
            calls.set(action);
            if action == 9 { fault } else { Fault::None }
        });
        world.pass(GAP);
        world.requests(15, 900, GAP);
        world.pass(seconds(30));
        world.requests(15, 900, GAP);
        world.pass(seconds(30));
        let came = world.count(Change::Enable);
        assert!(
            came >= 1,
            "{fault:?}: {:?} {:?}",
            world.done,
            world.changes()
        );
    }
}

#[test]
fn an_accepted_command_that_changed_nothing_is_not_believed() {
    let mut world = World::new(settings()).without("web2");
    world.faults = Box::new(|action| {
        // HAProxy reads well, and does nothing of what it is told.
        if action > 1 {
            Fault::Ignored
        } else {
            Fault::None
        }
    });
    world.pass(GAP);
    world.requests(15, 900, GAP);
    world.pass(seconds(5));
    assert!(!world.is_up("web3"));
    assert_eq!(world.count(Change::Enable), 0, "{:?}", world.changes());
    assert_eq!(
        world.count(Change::EnableFailed),
        1,
        "{:?}",
        world.changes()
    );
}

#[test]
fn a_ready_that_takes_effect_late_is_ours_and_is_kept() {
    let mut world = World::new(settings()).without("web3");
    world.state_faults = vec![
        (AdminState::Ready, Fault::Late(seconds(8))),
        (AdminState::Maint, Fault::Lost),
    ];
    world.pass(GAP);
    world.requests(15, 900, GAP);
    world.pass(seconds(20));
    assert_eq!(world.count(Change::Hold), 0, "{:?}", world.changes());
    assert_eq!(world.count(Change::Enable), 1, "{:?}", world.changes());
    assert!(
        world.is_up("web2"),
        "it was proven, and taking it back could leave too few"
    );
}

#[test]
fn nothing_new_begins_while_a_command_may_be_under_way() {
    let mut world = World::new(settings());
    world.state_faults = vec![(AdminState::Drain, Fault::Late(seconds(5)))];
    world.pass(GAP);
    world.requests(15, 900, GAP);
    world.pass(Duration::from_millis(400));
    // The command for web2 is under way; a hand at web2 ends the change, not the command. That
    // web3 gets none meanwhile is asserted by the world.
    world.by_hand("web2", AdminState::Ready);
    world.requests(30, 900, GAP);
    world.requests(60, 900, GAP);
    assert!(world.count(Change::Hold) >= 1, "{:?}", world.changes());
    assert!(world.is_up("web3"), "{:?}", world.changes());
}

/// Slow requests called web2, HAProxy is reloaded between the last picture and the command for it,
/// and the new process carries that out after five seconds.
fn with_a_command_around_a_reload() -> World {
    let mut world = World::new(settings()).without("web3");
    world.state_faults = vec![(AdminState::Drain, Fault::Late(seconds(5)))];
    world.pass(GAP);
    world.requests(15, 900, GAP);
    for _ in 0..1000 {
        let pending: Vec<_> = world.pending.all().collect();
        if !pending.is_empty() && pending.iter().all(|it| matches!(it, Pending::Read(..))) {
            break;
        }
        world.pass(Duration::from_millis(1));
    }
    assert_eq!(world.commands, 0, "the picture to decide on is under way");
    world.reload();
    world.pass(seconds(3));
    assert_eq!(world.commands, 1, "{:?}", world.done);
    assert_eq!(world.count(Change::Reload), 1, "{:?}", world.changes());
    world
}

#[test]
fn a_reload_does_not_end_a_command_under_way() {
    let mut world = with_a_command_around_a_reload();
    assert_eq!(world.count(Change::WarmUp), 1, "{:?}", world.changes());
    world.pass(Duration::from_millis(1200));
    assert_eq!(world.count(Change::WarmUp), 1, "it is still under way");
}

#[test]
fn a_command_that_a_reload_overtook_is_ours_and_no_operators() {
    let mut world = with_a_command_around_a_reload();
    world.pass(seconds(7));
    assert_eq!(world.count(Change::Hold), 0, "{:?}", world.changes());
    assert!(world.is_up("web2"), "put away and brought back");
}

#[test]
fn a_warm_up_without_an_outcome_is_given_up() {
    let mut world = World::new(settings());
    world.faults = Box::new(|action| {
        if action == 2 {
            Fault::Lost
        } else {
            Fault::None
        }
    });
    world.pass(GAP);
    world.requests(15, 900, GAP);
    world.pass(seconds(60));
    assert_eq!(
        world.count(Change::EnableFailed),
        1,
        "{:?}",
        world.changes()
    );
    assert_eq!(world.count(Change::Enable), 1, "{:?}", world.changes());
}

#[test]
fn a_tracked_spare_is_never_touched() {
    let mut world = World::new(settings());
    world.server("web2").read.is_tracked = true;
    world.pass(GAP);
    world.requests(15, 900, GAP);
    world.pass(seconds(1));
    assert!(!world.is_up("web2"));
    assert!(world.is_up("web3"));
}

#[test]
fn a_day_of_load_brings_no_oscillation() {
    let mut settings = settings();
    settings.policies[0].min_span = seconds(1);
    settings.idle_timeout = seconds(300);
    settings.scale_up_cooldown = seconds(30);
    settings.scale_down_cooldown = seconds(60);
    let mut world = World::new(settings);
    // One request every two seconds through 24 hours; capacity is shared by the UP servers.
    for step in 0..43_200_u32 {
        world.pass(seconds(2));
        let hour = f64::from(step) / 1800.0;
        let load = 1.0 + (std::f64::consts::PI * (hour - 6.0) / 12.0).sin();
        let up = world
            .servers
            .iter()
            .filter(|server| server.read.is_up())
            .count();
        let share = load / f64::from(u32::try_from(up).unwrap_or(1));
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let ms = (100.0 + 600.0 * share) as u32;
        world.request("web1", ms);
    }
    let changes = world.count(Change::Enable) + world.count(Change::Disable);
    assert!(changes <= 4, "{changes} changes: {:?}", world.done);
}
