//! A URL that is asked for over and over, as users would: down after so many failures in a row, up again
//! after so many good answers. Feeds alerts and events; nothing is decided by it.

use std::time::{Instant, SystemTime};

use hyper::Method;
use tokio::sync::mpsc;
use tokio::time::{MissedTickBehavior, interval};

use crate::config::ProbeConfig;
use crate::http_client::{Client, Request};
use crate::publish::hub::Hub;
use crate::publish::record::{AlertNews, Record};
use crate::status::Told;

/// What is new of a probe: that it is down, and how; or up.
#[derive(Debug)]
pub(super) struct Sight {
    pub(super) number: usize,
    /// What may be shown of its URL.
    pub(super) site: String,
    pub(super) down: Option<Told>,
}

/// Asks until it is ended. `number` tells probes of one host apart.
pub(super) async fn watch(
    number: usize,
    site: String,
    config: ProbeConfig,
    hub: Hub,
    sights: mpsc::Sender<Sight>,
) {
    let client = Client::new(config.ca_file.clone());
    let mut judge = Judge::new(config.failures, config.successes);
    let mut down: Option<(Instant, Told)> = None;
    let mut ticks = interval(config.every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let answer = ask(&client, &config).await;
        let text = answer.as_ref().err().cloned().unwrap_or_default();
        match judge.take(answer.is_ok()) {
            Some(true) => {
                if let Some((since, _)) = down.take() {
                    let lasted = since.elapsed();
                    let site = site.clone();
                    hub.tell(Record::of(AlertNews::ProbeUp { site, lasted }));
                }
            }
            Some(false) => {
                let text = format!("{text}, {} times in a row", config.failures);
                hub.tell(Record::of(AlertNews::ProbeDown {
                    site: site.clone(),
                    text: text.clone(),
                }));
                let told = Told {
                    backend: None,
                    about: Some(site.clone()),
                    code: "probe_down",
                    text: format!("{site}: {text}"),
                    since: SystemTime::now(),
                };
                down = Some((Instant::now(), told));
            }
            None => continue,
        }
        let sight = Sight {
            number,
            site: site.clone(),
            down: down.as_ref().map(|(_, told)| told.clone()),
        };
        if sights.send(sight).await.is_err() {
            return;
        }
    }
}

/// Whether it answered as it should; else what came.
async fn ask(client: &Client, config: &ProbeConfig) -> Result<(), String> {
    let request = Request {
        method: Method::GET,
        headers: vec![("accept", "*/*".to_owned())],
        body: Vec::new(),
    };
    let answer = client.send(&config.url, request, config.timeout).await;
    let answer = answer.map_err(|error| error.to_string())?;
    let is_expected = |(from, to): &(u16, u16)| (*from..=*to).contains(&answer.status);
    if config.expect_status.iter().any(is_expected) {
        Ok(())
    } else {
        Err(format!("answered {}", answer.status))
    }
}

/// Counts in a row.
#[derive(Debug)]
struct Judge {
    failures: u32,
    successes: u32,
    in_a_row: u32,
    is_up: bool,
}

impl Judge {
    const fn new(failures: u32, successes: u32) -> Self {
        Self {
            failures,
            successes,
            in_a_row: 0,
            is_up: true,
        }
    }

    /// Takes one answer; whether it is up, if that is new.
    fn take(&mut self, is_good: bool) -> Option<bool> {
        if is_good == self.is_up {
            self.in_a_row = 0;
            return None;
        }
        self.in_a_row += 1;
        let needed = if self.is_up {
            self.failures
        } else {
            self.successes
        };
        if self.in_a_row < needed {
            return None;
        }
        self.in_a_row = 0;
        self.is_up = is_good;
        Some(is_good)
    }
}
