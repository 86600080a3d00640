//! A sign of life for a service that calls somebody when it stays away: a GET as long as the daemon can do
//! what it is there for. Nothing is sent when it cannot: silence is the alarm.

use std::sync::Arc;
use std::time::Duration;

use hyper::Method;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, timeout};

use super::{Counts, Glance, Trouble, Troubles};
use crate::config::HeartbeatConfig;
use crate::http_client::{Client, Request};
use crate::publish::hub::Hub;

/// One attempt.
const LIMIT: Duration = Duration::from_secs(10);
/// A loop that has not been seen for so long stands still, as `/healthz` has it.
const STANDSTILL: Duration = Duration::from_secs(10);
/// Failures in a row that are worth a word.
const TOLD_FROM: u32 = 2;

/// Beats until it is ended.
pub(super) async fn beat(
    config: HeartbeatConfig,
    mut glances: watch::Receiver<Option<Arc<Glance>>>,
    hub: Hub,
    (troubles, counts): (Troubles, Counts),
) {
    let Some(url) = &config.url else { return };
    let client = Client::new(config.ca_file.clone());
    let mut ticks = interval(config.every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut failures = 0_u32;
    loop {
        ticks.tick().await;
        // The loop has just begun, or has not been seen for a moment.
        let _ = timeout(STANDSTILL, glances.wait_for(|it| is_well(it.as_ref()))).await;
        if !is_well(glances.borrow().as_ref()) {
            continue;
        }
        let request = Request {
            method: Method::GET,
            headers: Vec::new(),
            body: Vec::new(),
        };
        let failure = match client.send(url, request, LIMIT).await {
            Ok(answer) if (200..=299).contains(&answer.status) => None,
            Ok(answer) => Some(format!("answered {}", answer.status)),
            Err(error) => Some(error.to_string()),
        };
        let Some(failure) = failure else {
            failures = 0;
            counts.of().heartbeats.0 += 1;
            troubles.end(&hub, &Trouble::Heartbeat);
            continue;
        };
        failures = failures.saturating_add(1);
        counts.of().heartbeats.1 += 1;
        if failures >= TOLD_FROM {
            troubles.begin(&hub, Trouble::Heartbeat, format!("GET {url}: {failure}"));
        }
    }
}

fn is_well(glance: Option<&Arc<Glance>>) -> bool {
    let is_well = |it: &Arc<Glance>| it.ailments.is_empty() && it.at.elapsed() < STANDSTILL;
    glance.is_some_and(is_well)
}
