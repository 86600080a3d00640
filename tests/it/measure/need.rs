//! The formulas, with numbers that were worked out by hand.

use haproxy_autoscale::measure::capacity::{Bracket, Carries, Lesson};
use haproxy_autoscale::measure::need::{
    Headroom, Lead, Load, Need, Strength, backlog, need, whole,
};
use proptest::prelude::*;

use super::farm::at;

fn lesson(value: f64) -> Lesson {
    Lesson { value, at: at(0) }
}

fn bracket(proved: f64, broken: f64, held: f64) -> Bracket {
    Bracket {
        proved: Some(lesson(proved)),
        held: Some(lesson(held)),
        broken: Some(lesson(broken)),
    }
}

fn load(per_second: f64) -> Load {
    Load {
        per_second,
        service_ms: Some(100.0),
        ..Load::default()
    }
}

fn alike(servers: u32) -> Strength {
    Strength::of((0..servers).map(|_| 1), 1)
}

fn of(load: Load, servers: u32, bracket: &Bracket) -> Need {
    need(
        at(0),
        &load,
        alike(servers),
        bracket,
        Headroom::Normal.beta(),
    )
    .expect("something is known")
}

#[test]
fn two_servers_that_carry_37_are_enough_until_57() {
    // 57 + 0.7·√(57/0.1) ≈ 2 × 37.
    let known = bracket(37.0, 40.0, 100.0);
    let at_52 = of(load(52.0), 2, &known);
    assert_eq!(at_52.servers(), 2);
    assert_eq!(at_52.capacity, Some(Carries::Bounded(37.0)));
    let until = at_52.enough_until(2.0).expect("known");
    assert!((57.0..58.0).contains(&until), "{until}");
    assert_eq!(of(load(until - 0.1), 2, &known).servers(), 2);
    assert_eq!(of(load(until + 0.1), 2, &known).servers(), 3);
}

#[test]
fn capacity_stays_below_what_broke_and_is_trusted_where_less_was_proved() {
    let carries = |proved, broken| bracket(proved, broken, 1.0).carries(at(0));
    assert_eq!(carries(37.0, 40.0), Some(Carries::Bounded(37.0)));
    assert_eq!(carries(39.0, 40.0), Some(Carries::Bounded(38.0)));
    assert_eq!(carries(5.0, 40.0), Some(Carries::Bounded(28.0)));
    let never_broke = Bracket {
        proved: Some(lesson(20.0)),
        ..Bracket::default()
    };
    assert_eq!(never_broke.carries(at(0)), Some(Carries::Proved(25.0)));
    assert_eq!(Bracket::default().carries(at(0)), None);
}

#[test]
fn what_broke_is_forgotten_by_3_percent_an_hour_up_to_a_quarter_above_what_was_proved() {
    let known = bracket(36.0, 40.0, 1.0);
    let after = |hours: u64| {
        known
            .broken_by_now(at(hours * 3_600_000))
            .expect("it broke")
    };
    assert!((after(0) - 40.0).abs() < 1e-9);
    assert!((after(1) - 41.2).abs() < 1e-9);
    assert!((after(1_000) - 45.0).abs() < 1e-9);
    // Much less was proved: that is no reason to remember it as worse than it was.
    let little = bracket(10.0, 40.0, 1.0).broken_by_now(at(3_600_000_000));
    assert_eq!(little, Some(40.0));
}

#[test]
fn headroom_is_the_square_root_rule_in_requests_a_second() {
    let known = bracket(36.0, 40.0, 100.0);
    let units = |headroom| {
        let need = need(
            at(0),
            &load(90.0),
            alike(3),
            &known,
            Headroom::beta(headroom),
        );
        need.expect("known").units
    };
    assert!((units(Headroom::Low) - 90.0 / 36.0).abs() < 1e-9);
    // √(90/0.1) = 30.
    assert!((units(Headroom::Normal) - (90.0 + 21.0) / 36.0).abs() < 1e-9);
    assert!((units(Headroom::High) - (90.0 + 42.0) / 36.0).abs() < 1e-9);
}

#[test]
fn what_piles_up_is_worked_off_within_half_a_minute() {
    // 60/s of 100 ms: 6 are served, 12 are normal, and 4 for the two servers.
    let piled = Load {
        piled: 1_216.0,
        ..load(60.0)
    };
    assert!((backlog(&piled, alike(2)) - 1_200.0).abs() < 1e-9);
    let need = of(piled, 2, &bracket(36.0, 40.0, 1_000.0));
    let expected = (60.0 + 1_200.0 / 30.0 + 0.7 * 600.0_f64.sqrt()) / 36.0;
    assert!((need.units - expected).abs() < 1e-9, "{need:?}");
    assert_eq!((need.servers(), need.lead), (4, Lead::Backlog));
    let few = Load {
        piled: 16.0,
        ..load(60.0)
    };
    assert!(backlog(&few, alike(2)).abs() < 1e-9);
}

#[test]
fn requests_that_grow_heavier_show_in_flight_and_not_in_the_rate() {
    let known = bracket(36.0, 40.0, 8.0);
    let heavier = Load {
        in_flight: 30.0,
        ..load(60.0)
    };
    let need = of(heavier, 3, &known);
    assert_eq!((need.servers(), need.lead), (4, Lead::InFlight));
    // One that carries 36/s of 100 ms holds 3.6 at least, whatever little was seen.
    let little = bracket(36.0, 40.0, 0.1);
    let need = of(
        Load {
            in_flight: 6.0,
            ..load(60.0)
        },
        3,
        &little,
    );
    assert!((need.by_in_flight.expect("known") - 6.0 / 3.6).abs() < 1e-9);
}

#[test]
fn maxconn_is_a_ceiling_and_its_queue_speaks_before_anything_is_known() {
    let known = bracket(100.0, 110.0, 50.0);
    let limited = Load {
        slots: Some(4.0),
        ..load(60.0)
    };
    // 0.9 · 4 / 0.1 s.
    assert_eq!(
        of(limited, 2, &known).capacity,
        Some(Carries::Bounded(36.0))
    );
    let queue = Load {
        queued: 10.0,
        slots: Some(4.0),
        ..load(60.0)
    };
    let need = of(queue, 2, &Bracket::default());
    assert_eq!((need.units, need.lead), (4.5, Lead::Queue));
    let none = need_of_nothing(Load {
        queued: 10.0,
        ..load(60.0)
    });
    assert_eq!(
        none, None,
        "without maxconn nobody knows what a queue means"
    );
}

fn need_of_nothing(load: Load) -> Option<Need> {
    need(
        at(0),
        &load,
        alike(2),
        &Bracket::default(),
        Headroom::Normal.beta(),
    )
}

#[test]
fn a_server_of_a_tenth_of_the_weight_is_a_tenth_of_a_server() {
    let mixed = Strength::of([100, 10, 256], 100);
    assert_eq!(mixed.servers, 3);
    assert!((mixed.units - 3.66).abs() < 1e-9);
    assert!((Strength::of([7, 7], 0).units - 2.0).abs() < 1e-9);
    assert_eq!(whole(2.0 + 1e-12), 2);
    assert_eq!(whole(2.1), 3);
    assert_eq!(whole(f64::INFINITY), u32::MAX);
    assert_eq!(whole(f64::NAN), 0);
}

prop_compose! {
    fn any_load()(
        per_second in 0.0..5_000.0_f64,
        piled in 0.0..10_000.0_f64,
        in_flight in 0.0..10_000.0_f64,
        queued in 0.0..10_000.0_f64,
        service_ms in prop::option::of(1.0..5_000.0_f64),
        slots in prop::option::of(1.0..500.0_f64),
    ) -> Load {
        Load { per_second, piled, in_flight, queued, service_ms, slots }
    }
}

prop_compose! {
    fn any_bracket()(
        proved in prop::option::of(0.1..1_000.0_f64),
        held in prop::option::of(0.1..1_000.0_f64),
        broken in prop::option::of(0.1..1_000.0_f64),
    ) -> Bracket {
        let of = |value: Option<f64>| value.map(lesson);
        Bracket { proved: of(proved), held: of(held), broken: of(broken) }
    }
}

proptest! {
    #[test]
    fn a_need_is_a_number_and_its_lead_is_the_count_that_it_is(
        load in any_load(), known in any_bracket(), servers in 1_u32..100, ms in any::<u32>(),
    ) {
        let now = at(u64::from(ms));
        if let Some(need) = need(now, &load, alike(servers), &known, Headroom::Normal.beta()) {
            prop_assert!(need.units.is_finite() && need.units >= 0.0, "{need:?}");
            let led_by = match need.lead {
                Lead::Arrivals | Lead::Backlog => need.by_arrivals,
                Lead::InFlight => need.by_in_flight,
                Lead::Queue => Some(need.units),
            };
            prop_assert_eq!(led_by, Some(need.units));
        }
    }

    #[test]
    fn more_of_anything_never_needs_less(
        load in any_load(), known in any_bracket(), servers in 1_u32..50, more in 0.0..500.0_f64,
    ) {
        let units = |load: &Load, headroom| {
            need(at(0), load, alike(servers), &known, Headroom::beta(headroom)).map(|need| need.units)
        };
        let before = units(&load, Headroom::Normal);
        let grown = [
            Load { piled: load.piled + more, ..load },
            Load { in_flight: load.in_flight + more, ..load },
        ];
        for grown in grown {
            prop_assert!(units(&grown, Headroom::Normal) >= before);
        }
        prop_assert!(units(&load, Headroom::High) >= before);
        prop_assert!(units(&load, Headroom::Low) <= before);
        let calm = Load { piled: 0.0, ..load };
        let busier = Load { per_second: calm.per_second + more, ..calm };
        prop_assert!(units(&busier, Headroom::Normal) >= units(&calm, Headroom::Normal));
    }

    #[test]
    fn servers_of_twice_the_strength_are_needed_half_as_often(
        per_second in 1.0..1_000.0_f64, proved in 1.0..100.0_f64, held in 1.0..100.0_f64,
    ) {
        let of_unit = |factor: f64| {
            let known = bracket(proved * factor, proved * factor * 1.1, held * factor);
            of(load(per_second), 4, &known).units
        };
        prop_assert!((of_unit(1.0) - 2.0 * of_unit(2.0)).abs() < 1e-9 * of_unit(1.0));
    }
}
