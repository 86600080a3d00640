//! The machines of spares as metrics: what each does, took and failed in, and no series without one.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use haproxy_autoscale::metrics::{self, Counters, Format, Seen, Served};
use haproxy_autoscale::scaler::decision::{
    Change, Decision, MachineNews, MachineTrouble, Reason, Wanted,
};
use haproxy_autoscale::scaler::event::{Action, Event};
use haproxy_autoscale::scaler::seen::MachineView;
use haproxy_autoscale::scaler::settings::BackendSettings;
use haproxy_autoscale::scaler::{Role, Scaler, Stage};
use haproxy_autoscale::words::machine::{MachineKey, MachineVerb, PowerState};
use haproxy_autoscale::words::picture::{BackendRead, Generation, Picture, ServerRead};
use haproxy_autoscale::words::time::Timestamp;

use super::front::seen;
use super::metrics::series;
use super::prometheus::promtool;

const MACHINE: MachineView = MachineView {
    power: Some(PowerState::Starting),
    lasted: Duration::from_secs(3),
    is_ours: true,
    booting: None,
    boot: Some(Duration::from_secs(55)),
    starts: 9,
    ran: Duration::from_secs(7200),
};

/// web1 is always up, web2 and web3 rest in maint; those have machines.
fn look(with_machines: &[&str], decisions: &[MachineNews]) -> Seen {
    let now = Timestamp::from_ms(0);
    let mut scaler = Scaler::new(
        now,
        [BackendSettings::for_backend("web", vec!["web1".to_owned()])],
    );
    let servers = ["web1", "web2", "web3"].map(|name| ServerRead {
        name: name.to_owned(),
        admin: u32::from(name != "web1"),
        operational: if name == "web1" { 2 } else { 0 },
        ..ServerRead::default()
    });
    let read = BackendRead {
        servers: servers.into(),
        ..BackendRead::default()
    };
    let picture = Picture {
        generation: Generation {
            pid: 1,
            start_time_s: 1,
        },
        backends: [("web".to_owned(), read)].into(),
        ..Picture::default()
    };
    for action in scaler.handle(now, Event::Tick) {
        if let Action::Read { id, .. } = action {
            let outcome = Ok(picture.clone());
            let _ = scaler.handle(now, Event::HaproxyRead { id, outcome });
        }
    }
    let mut views = scaler.snapshot(now);
    for server in &mut views[0].servers {
        let has_one = with_machines.contains(&server.name.as_str());
        server.machine = has_one.then_some(MACHINE);
        if server.name != "web1" {
            (server.role, server.stage) = (Role::Spare, Stage::Maint);
        }
    }
    let mut counters = Counters::new([("web", &[][..])], SystemTime::now());
    for news in decisions {
        let decision = Decision {
            at: now,
            backend: Some("web".to_owned()),
            server: Some("web2".to_owned()),
            change: Change::MachineStart,
            reason: Reason::Machine(news.clone()),
        };
        counters.decision(&decision, false);
    }
    counters.pass(now, &views);
    let mut seen = seen();
    seen.report.backends = views;
    seen.counters = counters;
    seen
}

fn page(seen: Seen) -> String {
    let text = metrics::text(&Arc::new(seen), Served::default(), Format::Classic);
    text.expect("a page")
}

#[test]
fn a_machine_is_seen_with_its_state_its_starts_its_failures_and_what_it_took() {
    let start = |attempt| MachineNews::Start {
        key: MachineKey(1),
        attempt,
        usual: None,
        wanted: Wanted::Reloaded,
    };
    let failed = MachineNews::Failed {
        verb: MachineVerb::Stop,
        trouble: MachineTrouble::StillOn,
        again_in: None,
    };
    let page = page(look(&["web2"], &[start(1), start(2), failed]));
    let shown = series(&page);
    let value = |name: &str, more: &str| {
        let labels = format!("proxy=\"web\",server=\"web2\"{more}");
        let series = format!("{}{name}{{{labels}}}", metrics::PREFIX);
        let value = shown.get(&series).copied();
        value.unwrap_or_else(|| panic!("{series}: {page}"))
    };
    for (state, is_it) in [
        ("starting", 1.0),
        ("on", 0.0),
        ("off", 0.0),
        ("unknown", 0.0),
    ] {
        let found = value("machine_state", &format!(",state=\"{state}\""));
        assert!((found - is_it).abs() < 0.1, "{state}: {found}");
    }
    for (name, more, wanted) in [
        ("machine_starts_total", "", 1.0),
        ("machine_failures_total", ",verb=\"stop\"", 1.0),
        ("machine_failures_total", ",verb=\"start\"", 0.0),
        ("machine_running_seconds_total", "", 7200.0),
        ("machine_boot_seconds", "", 55.0),
    ] {
        let found = value(name, more);
        assert!((found - wanted).abs() < 0.1, "{name}{more}: {found}");
    }
    assert!(value("server_stage", ",stage=\"starting\"") < 0.1);
    for series in [
        "problem{proxy=\"web\",code=\"machine_unused\"}",
        "decisions_total{proxy=\"web\",code=\"machine_start\"}",
    ] {
        let series = format!("{}{series}", metrics::PREFIX);
        assert!(shown.contains_key(&series), "{series}");
    }
    let of_web3 = shown.keys().filter(|it| it.contains("web3"));
    let of_machines = of_web3.filter(|it| {
        it.contains("machine") || it.contains("\"off\"") || it.contains("\"stopping\"")
    });
    assert_eq!(of_machines.count(), 0, "web3 has none");
    if let Some(promtool) = promtool() {
        assert_eq!(promtool.check_metrics(&page), "");
    }
}

#[test]
fn without_machines_there_is_no_series_of_them_and_no_stage() {
    let page = page(look(&[], &[]));
    let shown = series(&page);
    let of_machines = |it: &&String| {
        (it.contains("_machine_") || it.contains("code=\"machine_"))
            || ["off", "starting", "stopping"].iter().any(|stage| {
                it.contains(&format!("stage=\"{stage}\""))
                    || it.contains(&format!("spares{{proxy=\"web\",state=\"{stage}\""))
            })
    };
    let found: Vec<_> = shown.keys().filter(of_machines).collect();
    assert!(found.is_empty(), "{found:?}");
    assert!(shown.keys().any(|it| it.contains("stage=\"maint\"")));
}
