//! Draws scenarios for the simulator from a seed, runs the policies on each and prints what became of them:
//! `scenarios [COUNT] [--seed N] [--best] [--yesterday] [--short]`. How they are drawn is told in `tests/it/support/scenarios`.

#![allow(missing_docs, clippy::print_stderr, clippy::print_stdout)]
#![allow(clippy::expect_used)] // The drawing is shared with the tests.

#[path = "../tests/it/support/scenarios/mod.rs"]
mod scenarios;

use std::process::ExitCode;

use haproxy_autoscale::simulate::load::shapes::Shape;
use haproxy_autoscale::simulate::policy::Policy;
use scenarios::{BOOT_BANDS, Limits, Outcome, POOL_BANDS, Sampled, band, total};

const COUNT: u64 = 500;
const POLICIES: [Policy; 7] = [
    Policy::Ours,
    Policy::Guard,
    Policy::Hpa,
    Policy::Kpa,
    Policy::StaticMax,
    Policy::StaticMin,
    Policy::Oracle,
];
/// Of these, what a part of the scenarios shows.
const IN_PARTS: [Policy; 5] = [
    Policy::Ours,
    Policy::Guard,
    Policy::Hpa,
    Policy::Kpa,
    Policy::Oracle,
];
/// How many of the worst are shown.
const WORST: usize = 20;
/// After so many scenarios it tells how far it is.
const TOLD_EVERY: u64 = 20;

struct Asked {
    count: u64,
    seed: u64,
    policies: Vec<Policy>,
    limits: Limits,
    knows_yesterday: bool,
}

fn main() -> ExitCode {
    let asked = match read(std::env::args().skip(1)) {
        Ok(asked) => asked,
        Err(problem) => {
            eprintln!(
                "{problem}\nusage: scenarios [COUNT] [--seed N] [--best] [--yesterday] [--short]"
            );
            return ExitCode::from(2);
        }
    };
    let mut outcomes = Vec::new();
    for number in 0..asked.count {
        let sampled = Sampled::new(asked.seed, number, asked.limits);
        outcomes.push(Outcome::of(sampled, &asked.policies, asked.knows_yesterday));
        if (number + 1) % TOLD_EVERY == 0 {
            eprintln!("{} of {} scenarios", number + 1, asked.count);
        }
    }
    println!("{} scenarios, seed {}\n", asked.count, asked.seed);
    sums(&outcomes, &asked.policies);
    parts(&outcomes);
    worst(&outcomes);
    ExitCode::SUCCESS
}

fn read(args: impl Iterator<Item = String>) -> Result<Asked, String> {
    let mut asked = Asked {
        count: COUNT,
        seed: 1,
        policies: POLICIES.to_vec(),
        limits: Limits::FULL,
        knows_yesterday: false,
    };
    let mut args = args;
    while let Some(arg) = args.next() {
        let number = |text: &str| {
            let number: Result<u64, _> = text.parse();
            number.map_err(|_| format!("\"{text}\" is no number"))
        };
        match arg.as_str() {
            "--seed" => asked.seed = number(&args.next().ok_or("--seed needs a number")?)?,
            "--best" => asked.policies.extend([Policy::HpaBest, Policy::KpaBest]),
            "--yesterday" => asked.knows_yesterday = true,
            "--short" => asked.limits = Limits::SHORT,
            count => asked.count = number(count)?,
        }
    }
    Ok(asked)
}

/// All scenarios together.
fn sums(outcomes: &[Outcome], policies: &[Policy]) {
    println!(
        "| policy | slow | without the beginnings | mean of the scenarios | failed | server-hours | changes | flaps |"
    );
    println!("|---|---|---|---|---|---|---|---|");
    for policy in policies {
        let sum = total(outcomes, *policy);
        println!(
            "| {} | {:.3} % | {:.3} % | {:.3} % | {} | {:.0} | {} | {} |",
            policy.as_str(),
            100.0 * sum.slow_share(),
            100.0 * sum.slow_share_later(),
            100.0 * sum.slow_share_mean(),
            sum.failed,
            sum.server_hours(),
            sum.changes,
            sum.flaps
        );
    }
    println!();
}

/// The same in parts: slow requests, server-hours, changes.
fn parts(outcomes: &[Outcome]) {
    let names = IN_PARTS.map(Policy::as_str).join(" | ");
    println!("Slow requests / server-hours / changes:\n");
    println!("| of | scenarios | {names} |");
    println!("|---|---|{}", "---|".repeat(IN_PARTS.len()));
    let boot = |it: &Outcome| band(&BOOT_BANDS, it.sampled.options.boot.as_secs_f64());
    let pool = |it: &Outcome| band(&POOL_BANDS, f64::from(it.sampled.servers()));
    let kind = |it: &Outcome| {
        let service = it.sampled.options.service.as_ref();
        service.map_or(String::new(), |it| {
            it.text().split(':').next().unwrap_or_default().to_owned()
        })
    };
    let balance = |it: &Outcome| it.sampled.options.balance.as_str();
    let maxconn = |it: &Outcome| it.sampled.options.maxconn.is_some();
    for shape in Shape::ALL {
        part(shape.as_str(), outcomes, |it| it.sampled.shape == shape);
    }
    for (name, ..) in BOOT_BANDS {
        part(name, outcomes, |it| boot(it) == name);
    }
    for (name, ..) in POOL_BANDS {
        part(name, outcomes, |it| pool(it) == name);
    }
    for name in ["exp", "const", "lognormal"] {
        part(name, outcomes, |it| kind(it) == name);
    }
    for name in ["roundrobin", "leastconn"] {
        part(name, outcomes, |it| balance(it) == name);
    }
    part("maxconn", outcomes, maxconn);
    part("no maxconn", outcomes, |it| !maxconn(it));
    println!();
}

fn part(name: &str, outcomes: &[Outcome], is_of: impl Fn(&Outcome) -> bool) {
    let found: Vec<&Outcome> = outcomes.iter().filter(|it| is_of(it)).collect();
    let cells = IN_PARTS.map(|policy| {
        let sum = total(found.iter().copied(), policy);
        format!(
            "{:.2} % / {:.0} / {}",
            100.0 * sum.slow_share(),
            sum.server_hours(),
            sum.changes
        )
    });
    println!("| {name} | {} | {} |", found.len(), cells.join(" | "));
}

/// Where ours does worst beside HPA, by slow requests and by servers.
fn worst(outcomes: &[Outcome]) {
    let slower =
        |it: &Outcome| it.sum(Policy::Ours).slow_share() - it.sum(Policy::Hpa).slow_share();
    let dearer =
        |it: &Outcome| it.sum(Policy::Ours).server_s / it.sum(Policy::Hpa).server_s.max(1.0);
    println!("The {WORST} in which ours has most more slow requests than hpa:\n");
    list(outcomes, slower);
    println!("The {WORST} in which ours costs most beside hpa:\n");
    list(outcomes, dearer);
}

fn list(outcomes: &[Outcome], by: impl Fn(&Outcome) -> f64) {
    let mut sorted: Vec<&Outcome> = outcomes.iter().collect();
    sorted.sort_by(|a, b| by(b).total_cmp(&by(a)));
    for outcome in sorted.iter().take(WORST) {
        let text = |policy: Policy| {
            let sum = outcome.sum(policy);
            format!(
                "{} {:.2} % {:.2} ({})",
                policy.as_str(),
                100.0 * sum.slow_share(),
                sum.servers_mean(),
                sum.changes
            )
        };
        let all = [IN_PARTS.as_slice(), &[Policy::StaticMax]].concat();
        let all: Vec<String> = all.into_iter().map(text).collect();
        println!("{}", all.join(" · "));
        println!("    {}\n", outcome.sampled.command());
    }
}
