//! Programs that take too long, say too much, leave something behind, or are too many.

use std::fs;
use std::time::{Duration, Instant};

use haproxy_autoscale::machines::GRACE;
use haproxy_autoscale::machines::settings::Provider;
use haproxy_autoscale::words::machine::MachineAnswer::{Done, Is};
use haproxy_autoscale::words::machine::MachineFailure::{Failed, Unknown};
use haproxy_autoscale::words::machine::MachineVerb::{Start, Status, Stop};
use haproxy_autoscale::words::machine::PowerState::On;
use rustix::process::{Pid, Signal, kill_process};
use rustix::time::{ClockId, clock_gettime};
use tokio::task::JoinSet;

use super::{LIMIT, Place, call, is_process, of, within};
use crate::support::program::SOON;
use crate::support::{run_within, wait_for};

const SHORT: Duration = Duration::from_millis(400);

#[test]
fn a_program_that_hangs_is_asked_to_end_with_all_that_it_started() {
    run_within(LIMIT, async {
        let place = Place::new();
        let machines = place.hook(
            "trap 'echo ending >&2; echo TERM >\"$D/end\"; exit 0' TERM\n\
             sleep 600 & echo $! >\"$D/child\"; echo waiting >&2; wait",
        );
        let begun = Instant::now();
        let outcome = machines.call(within(SHORT, call(Start))).await;
        let Err(Unknown(text)) = outcome else {
            panic!("{outcome:?}");
        };
        assert_eq!(text, "it was not done after 1s and was ended: ending");
        assert!(
            begun.elapsed() >= SHORT && begun.elapsed() < GRACE,
            "{:?}",
            begun.elapsed()
        );
        assert_eq!(place.text("end"), "TERM\n");
        let child = place.text("child");
        wait_for("its child ends", SOON, || !is_process(&child));
        assert_eq!(place.said(), ["waiting", "ending"]);
    });
}

#[test]
fn one_that_does_not_want_to_end_is_killed_with_its_children_after_a_grace() {
    run_within(LIMIT, async {
        let place = Place::new();
        let machines = place.hook(
            "trap '' TERM\n(trap '' TERM; while :; do sleep 1; done) & echo $! >\"$D/child\"\n\
             echo $$ >\"$D/own\"; while :; do sleep 1; done",
        );
        let begun = Instant::now();
        let outcome = machines.call(within(SHORT, call(Stop))).await;
        assert!(matches!(outcome, Err(Unknown(_))), "{outcome:?}");
        let took = begun.elapsed();
        assert!(
            took >= SHORT + GRACE && took < SHORT + GRACE + SOON,
            "{took:?}"
        );
        for name in ["own", "child"] {
            let pid = place.text(name);
            assert!(!pid.is_empty());
            wait_for("it ends", SOON, || !is_process(&pid));
        }
    });
}

#[test]
fn what_a_program_starts_and_leaves_behind_lives_on_and_is_not_waited_for() {
    run_within(LIMIT, async {
        let place = Place::new();
        let machines = place.hook(
            "(sleep 0.5; echo alive >\"$D/alive\"; exec sleep 600) & echo $! >\"$D/child\"\n\
             echo '{\"state\":\"on\"}'",
        );
        let begun = Instant::now();
        assert_eq!(machines.call(call(Start)).await, Ok(Done));
        assert!(begun.elapsed() < SOON, "{:?}", begun.elapsed());
        let child = place.text("child");
        wait_for("it lives on", SOON, || place.text("alive") == "alive\n");
        let pid: i32 = child.trim().parse().unwrap();
        kill_process(Pid::from_raw(pid).unwrap(), Signal::KILL).unwrap();
    });
}

#[test]
fn an_answer_of_a_megabyte_is_not_believed_and_holds_up_nobody() {
    run_within(LIMIT, async {
        let place = Place::new();
        let machines = place.hook(
            "i=0; while [ $i -lt 1024 ]; do printf '%1024s' ' '; i=$((i + 1)); done; echo '{}'",
        );
        let outcome = machines.call(call(Start)).await;
        let text = "its answer is larger than 64 KiB".to_owned();
        assert_eq!(outcome, Err(Unknown(text)));
    });
}

#[test]
fn a_megabyte_of_complaints_is_cut_to_two_hundred_lines() {
    run_within(LIMIT, async {
        let place = Place::new();
        let machines = place.hook(
            "i=0; while [ $i -lt 600 ]; do printf '%02000d\\n' $i >&2; i=$((i + 1)); done; exit 1",
        );
        let outcome = machines.call(call(Start)).await;
        assert!(matches!(outcome, Err(Failed(_))), "{outcome:?}");
        let said = place.said();
        assert_eq!(said.len(), 201);
        assert_eq!(said[200], "only the first 200 lines are shown");
        let machines = place.hook("printf '%02000d\\n' 7 >&2");
        assert_eq!(machines.call(call(Start)).await, Ok(Done));
        assert_eq!(place.said()[201].len(), 1024);
    });
}

#[test]
fn one_program_works_on_a_machine_at_a_time() {
    run_within(LIMIT, async {
        let place = Place::new();
        let machines = place.hook("echo \"+\" >>\"$D/log\"; sleep 0.1; echo \"-\" >>\"$D/log\"");
        let mut all = JoinSet::new();
        for verb in [Start, Status, Stop] {
            let machines = machines.clone();
            all.spawn(async move { machines.call(call(verb)).await });
        }
        while let Some(outcome) = all.join_next().await {
            assert!(outcome.unwrap().is_ok());
        }
        assert_eq!(place.text("log"), "+\n-\n+\n-\n+\n-\n");
    });
}

#[test]
fn four_programs_work_at_a_time_and_the_others_wait_within_their_limit() {
    run_within(LIMIT, async {
        let place = Place::new();
        let command = place.script(
            "[ $1 = start ] || exit 0\n\
             touch \"$D/at-work-$HAS_SERVER\"; ls \"$D\" | grep -c at-work >>\"$D/counts\"\n\
             [ -e \"$D/free\" ] || while ! [ -e \"$D/go\" ]; do sleep 0.05; done\n\
             rm \"$D/at-work-$HAS_SERVER\"",
        );
        let names = ["a", "b", "c", "d", "e", "f"];
        let provider = Provider::Exec { command };
        let machines = place.machines(names.map(|name| (name, provider.clone())));
        let mut all = JoinSet::new();
        for name in ["a", "b", "c", "d"] {
            let machines = machines.clone();
            all.spawn(async move { machines.call(of(name, Start)).await });
        }
        while place.text("counts").lines().count() < 4 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let outcome = machines.call(within(SHORT, of("e", Start))).await;
        assert!(
            matches!(outcome, Err(Failed(_))),
            "it was never run: {outcome:?}"
        );
        // What the others do can be asked all the same.
        let outcome = machines.call(of("e", Status)).await;
        assert_eq!(outcome, Ok(Is(On)));
        let last = tokio::spawn({
            let machines = machines.clone();
            async move { machines.call(of("f", Start)).await }
        });
        fs::write(place.path("free"), "").unwrap();
        fs::write(place.path("go"), "").unwrap();
        assert_eq!(last.await.unwrap(), Ok(Done));
        while let Some(outcome) = all.join_next().await {
            assert_eq!(outcome.unwrap(), Ok(Done));
        }
        let counts = place.text("counts");
        let most = counts.lines().map(|it| it.parse::<u32>().unwrap()).max();
        assert_eq!((counts.lines().count(), most), (5, Some(4)), "{counts}");
    });
}

#[test]
fn slow_stops_hold_up_no_start_and_no_status() {
    run_within(LIMIT, async {
        let place = Place::new();
        let command = place.script(
            "[ $1 = stop ] || exit 0; touch \"$D/begun-$HAS_SERVER\"\n\
             while ! [ -e \"$D/go\" ]; do sleep 0.02; done",
        );
        let names = ["a", "b", "c", "d", "e"];
        let provider = Provider::Exec { command };
        let machines = place.machines(names.map(|name| (name, provider.clone())));
        let stops = ["a", "b", "c", "d"].map(|name| {
            let machines = machines.clone();
            tokio::spawn(async move { machines.call(of(name, Stop)).await })
        });
        while !["a", "b", "c", "d"]
            .iter()
            .all(|it| place.path(&format!("begun-{it}")).exists())
        {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(machines.call(of("e", Start)).await, Ok(Done));
        assert_eq!(machines.call(of("e", Status)).await, Ok(Is(On)));
        fs::write(place.path("go"), "").unwrap();
        for stop in stops {
            assert_eq!(stop.await.unwrap(), Ok(Done));
        }
    });
}

#[test]
fn the_time_that_a_program_waits_for_others_is_not_its_own() {
    run_within(LIMIT, async {
        const OWN: Duration = Duration::from_secs(2);
        let place = Place::new();
        let command = place.script(
            "touch \"$D/begun-$HAS_SERVER\"; [ $HAS_SERVER != e ] || exec sleep 1.2\n\
             while ! [ -e \"$D/go\" ]; do sleep 0.02; done",
        );
        let names = ["a", "b", "c", "d", "e"];
        let provider = Provider::Exec { command };
        let machines = place.machines(names.map(|name| (name, provider.clone())));
        let mut all = JoinSet::new();
        for name in ["a", "b", "c", "d"] {
            let machines = machines.clone();
            all.spawn(async move { machines.call(of(name, Start)).await });
        }
        while !["a", "b", "c", "d"]
            .iter()
            .all(|it| place.path(&format!("begun-{it}")).exists())
        {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let begun = Instant::now();
        let last = tokio::spawn({
            let machines = machines.clone();
            async move { machines.call(within(OWN, of("e", Start))).await }
        });
        tokio::time::sleep(OWN / 2).await;
        assert!(!place.path("begun-e").exists());
        fs::write(place.path("go"), "").unwrap();
        assert_eq!(last.await.unwrap(), Ok(Done));
        assert!(begun.elapsed() > OWN, "{:?}", begun.elapsed());
    });
}

#[test]
fn four_are_asked_for_their_status_at_a_time() {
    run_within(LIMIT, async {
        let place = Place::new();
        let command = place.script(
            "touch \"$D/asked-$HAS_SERVER\"; while ! [ -e \"$D/go\" ]; do sleep 0.02; done",
        );
        let names = ["a", "b", "c", "d", "e"];
        let provider = Provider::Exec { command };
        let machines = place.machines(names.map(|name| (name, provider.clone())));
        let calls = ["a", "b", "c", "d"].map(|name| {
            let machines = machines.clone();
            tokio::spawn(async move { machines.call(of(name, Status)).await })
        });
        while !["a", "b", "c", "d"]
            .iter()
            .all(|it| place.path(&format!("asked-{it}")).exists())
        {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let outcome = machines.call(within(SHORT, of("e", Status))).await;
        assert!(matches!(outcome, Err(Unknown(_))), "{outcome:?}");
        assert!(!place.path("asked-e").exists());
        fs::write(place.path("go"), "").unwrap();
        for call in calls {
            assert_eq!(call.await.unwrap(), Ok(Is(On)));
        }
    });
}

#[test]
fn the_last_words_of_one_that_says_too_much_stand_in_the_failure() {
    run_within(LIMIT, async {
        for last in ["printf 'no quota'", "printf 'no quota\\n\\n \\n'"] {
            let place = Place::new();
            let machines = place.hook(&format!(
                "i=0; while [ $i -lt 400 ]; do echo $i >&2; i=$((i + 1)); done; {last} >&2; exit 1"
            ));
            let outcome = machines.call(call(Start)).await;
            assert_eq!(outcome, Err(Failed("it ended with 1: no quota".to_owned())));
        }
        let place = Place::new();
        let machines = place.hook(
            "i=0; while [ $i -lt 400 ]; do echo $i >&2; i=$((i + 1)); done; echo 'no quota' >&2; exit 1",
        );
        let outcome = machines.call(call(Start)).await;
        assert_eq!(outcome, Err(Failed("it ended with 1: no quota".to_owned())));
        assert_eq!(place.said().len(), 201);
    });
}

/// This test's runtime has one thread, so that its time is that of whoever reads.
#[test]
fn one_that_floods_its_outputs_takes_no_core_of_ours() {
    run_within(LIMIT, async {
        let place = Place::new();
        for flood in ["yes complaint >&2", "yes '' >&2", "yes answer"] {
            let machines = place.hook(&format!("exec {flood}"));
            let before = clock_gettime(ClockId::ThreadCPUTime);
            let limit = Duration::from_secs(2);
            let outcome = machines.call(within(limit, call(Stop))).await;
            let after = clock_gettime(ClockId::ThreadCPUTime);
            assert!(matches!(outcome, Err(Unknown(_))), "{outcome:?}");
            let took = Duration::try_from(after - before).unwrap();
            assert!(took < limit / 4, "{flood}: {took:?}");
        }
        assert_eq!(place.said().len(), 201);
    });
}

#[test]
fn a_call_that_is_dropped_lets_its_program_come_to_its_end() {
    run_within(LIMIT, async {
        let place = Place::new();
        let machines = place.hook(
            "touch \"$D/begun\"; while ! [ -e \"$D/go\" ]; do sleep 0.02; done; touch \"$D/ended\"",
        );
        let call = tokio::spawn({
            let machines = machines.clone();
            async move { machines.call(call(Start)).await }
        });
        while !place.path("begun").exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        call.abort();
        assert!(call.await.is_err());
        fs::write(place.path("go"), "").unwrap();
        while !place.path("ended").exists() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
}

#[test]
fn when_the_daemon_ends_a_program_is_asked_to_end() {
    let place = Place::new();
    let machines = place.hook(
        // Whoever listened to it is gone as well, and the shell itself complains of the `sleep` that ended.
        "exec 2>/dev/null; trap 'echo TERM >\"$D/end\"; exit 0' TERM\necho $$ >\"$D/own\"; while :; do sleep 0.02; done",
    );
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        let begun = async {
            while place.text("own").is_empty() {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        tokio::select! {
            outcome = machines.call(call(Start)) => panic!("{outcome:?}"),
            () = begun => {}
        }
    });
    drop(runtime);
    wait_for("it was asked to end", SOON, || {
        place.text("end") == "TERM\n"
    });
    // Whoever started it is gone, so nobody but this test asks how it ended.
    let pid: i32 = place.text("own").trim().parse().unwrap();
    let pid = Pid::from_raw(pid).unwrap();
    let _ = rustix::process::waitpid(Some(pid), rustix::process::WaitOptions::empty());
}
