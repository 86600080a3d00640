//! Asks the spares what a warm-up would ask them, each once, many at a time. What their answers mean is
//! judged elsewhere.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::facts::{Facts, SpareFacts};
use crate::config::BackendConfig;
use crate::scaler::settings::Spares;
use crate::warm_up::{Once, OnceAnswer, WarmUp};
use crate::words::picture::{BackendRead, ServerRead};

/// Nobody waits longer for one answer, whatever `timeout` of the warm-up says.
const ANSWER_MAX: Duration = Duration::from_secs(5);
/// Asked at the same time.
const AT_ONCE_MAX: usize = 64;
/// Asked in all: more than this and the answer would come late.
const ASKED_MAX: usize = 256;

/// A spare that can be asked.
struct Spare {
    backend: String,
    server: String,
    address: Option<SocketAddr>,
    is_tls: bool,
    warm_up: Arc<WarmUp>,
    limit: Duration,
    /// Paths that may be meant, where the configured one is not answered.
    paths: Vec<String>,
}

/// Those of our configuration that HAProxy has, in the order of their names; what speaks the PROXY protocol
/// first, or has no address, is not asked.
pub(super) async fn ask(facts: &Facts) -> Vec<SpareFacts> {
    let places = Arc::new(Semaphore::new(AT_ONCE_MAX));
    let mut asked = JoinSet::new();
    for spare in spares(facts).into_iter().take(ASKED_MAX) {
        let places = Arc::clone(&places);
        asked.spawn(async move {
            let _place = places.acquire().await.ok()?;
            spare.ask().await
        });
    }
    let mut answers: Vec<SpareFacts> = asked.join_all().await.into_iter().flatten().collect();
    answers.sort_by(|a, b| (&a.backend, &a.server).cmp(&(&b.backend, &b.server)));
    answers
}

fn spares(facts: &Facts) -> Vec<Spare> {
    let (Some(config), Some(said)) = (facts.config.loaded(), facts.socket.said()) else {
        return Vec::new();
    };
    let read = |name: &str| said.picture.backends.get(name);
    let backends = config.backends.iter();
    let backends = backends.filter_map(|(name, config)| Some((name, config, read(name)?)));
    backends
        .flat_map(|(name, config, read)| of_backend(facts, name, config, read))
        .collect()
}

fn of_backend(facts: &Facts, name: &str, config: &BackendConfig, read: &BackendRead) -> Vec<Spare> {
    let proxy = facts.cfg.as_ref().and_then(|it| it.backend(name));
    let warm_up = Arc::new(WarmUp::new(&config.warm_up, &config.warm_up_urls));
    let check_path = proxy.and_then(|it| it.settings.check_path.clone());
    let paths = check_path.into_iter().chain(["/".to_owned()]);
    let paths: Vec<String> = paths.filter(|it| *it != config.warm_up.path).collect();
    let can_be_asked = |server: &&ServerRead| {
        let has_url = config.warm_up_urls.contains_key(&server.name);
        let line = proxy.and_then(|it| it.server(&server.name));
        has_url || !line.is_some_and(crate::haproxy_cfg::Server::sends_proxy)
    };
    let servers = read.servers.iter();
    let servers = servers.filter(|it| is_spare(config, it));
    servers
        .filter(can_be_asked)
        .map(|server| Spare {
            backend: name.to_owned(),
            server: server.name.clone(),
            address: server.address,
            is_tls: server.is_tls,
            warm_up: Arc::clone(&warm_up),
            limit: config.warm_up.timeout.min(ANSWER_MAX),
            paths: if config.warm_up_urls.contains_key(&server.name) {
                Vec::new()
            } else {
                paths.clone()
            },
        })
        .collect()
}

fn is_spare(config: &BackendConfig, server: &ServerRead) -> bool {
    match &config.scaler.spares {
        Spares::Named(names) => names.contains(&server.name),
        Spares::Auto => {
            server.is_disabled_in_cfg() && !config.scaler.always_up.contains(&server.name)
        }
    }
}

impl Spare {
    async fn ask(&self) -> Option<SpareFacts> {
        let once = self.once(None).await?;
        let mut better_path = None;
        if matches!(once.answer, OnceAnswer::Status { .. }) {
            for path in &self.paths {
                let other = self.once(Some(path)).await?;
                if other.answer == OnceAnswer::Expected {
                    better_path = Some(path.clone());
                    break;
                }
            }
        }
        Some(SpareFacts {
            backend: self.backend.clone(),
            server: self.server.clone(),
            once,
            better_path,
        })
    }

    async fn once(&self, path: Option<&str>) -> Option<Once> {
        let (server, address) = (&self.server, self.address);
        self.warm_up
            .once(server, address, self.is_tls, path, self.limit)
            .await
    }
}
