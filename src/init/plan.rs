//! What was found, backend by backend: who is always up, who is or should be the spare, how it is warmed up.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::InitError;
use super::learn::{Learned, settings};
use crate::doctor::checks::proposed_spare;
use crate::doctor::facts::{Facts, Subject, source_text};
use crate::doctor::log_place::Layout;
use crate::haproxy_cfg::{Line, Server};
use crate::runtime_api::Address;
use crate::words::picture::BackendRead;

/// What is to be known of a spare that nobody marked.
pub const PROPOSED: &str =
    "PROPOSED: serves users now; in mode act it is taken out when it is quiet";

/// What the file is made of.
#[derive(Clone, Debug)]
pub struct Plan {
    pub socket: String,
    /// What is known of it.
    pub socket_note: String,
    pub source: String,
    pub source_note: String,
    /// Where it is not httplog.
    pub format: Option<String>,
    /// Where it is not haproxy.
    pub tag: Option<String>,
    pub backends: Vec<BackendPlan>,
}

#[derive(Clone, Debug)]
pub struct BackendPlan {
    pub name: String,
    pub always_up: Vec<String>,
    pub spares: Vec<String>,
    /// None is marked in haproxy.cfg: the last server is proposed.
    pub is_proposed: bool,
    /// The path of HAProxy's own checks, and the host that they ask for.
    pub check: Option<(String, Option<String>)>,
    /// Where that path is written: `` `option httpchk` in line 24 of haproxy.cfg ``.
    pub check_said: Option<String>,
    /// What no warm-up request can reach, in words.
    pub no_warm_up: Option<&'static str>,
    pub has_maxconn: bool,
    pub learned: Option<Learned>,
}

impl Plan {
    /// Of haproxy.cfg where it was found, else of what HAProxy itself says.
    ///
    /// # Errors
    /// There is neither, or no backend with two servers.
    pub fn of(facts: &Facts, learned: &BTreeMap<String, Learned>) -> Result<Self, InitError> {
        let said = facts.socket.said();
        let mut backends: Vec<BackendPlan> = match (&facts.cfg, said) {
            (Some(_), said) => {
                let mut found: Vec<_> = facts.subjects().iter().filter_map(of_subject).collect();
                let missing = facts.not_in_files();
                let read = said.into_iter().flat_map(|it| &it.picture.backends);
                let read = read.filter(|(name, _)| missing.contains(&name.as_str()));
                found.extend(read.filter_map(|(name, read)| of_read(name, read)));
                found
            }
            (None, Some(said)) => {
                let read = said.picture.backends.iter();
                read.filter_map(|(name, read)| of_read(name, read))
                    .collect()
            }
            (None, None) => return Err(InitError::NothingFound),
        };
        if backends.is_empty() {
            let text = if facts.cfg.is_some() && facts.not_in_files().is_empty() {
                "nothing to scale: no http backend has two servers, of which one could be a spare"
            } else {
                "nothing to scale by what HAProxy says: no backend with two servers has answered a request over \
                 HTTP yet. Name its files with --haproxy-cfg"
            };
            return Err(InitError::NothingToScale(text.to_owned()));
        }
        for backend in &mut backends {
            backend.learned = learned.get(&backend.name).cloned();
        }
        let log = settings(facts);
        let format = log.format.as_str().to_owned();
        Ok(Self {
            socket: socket(facts),
            socket_note: socket_note(facts),
            source: source_text(&facts.log.source),
            source_note: facts.log.why.clone(),
            format: Some(format).filter(|it| it != "httplog" && it != "httpslog"),
            tag: Some(log.tag).filter(|it| it != "haproxy"),
            backends,
        })
    }

    /// The same for people.
    pub fn told(&self) -> String {
        let mut told = format!(
            "socket   {} ({})\nlog      {} ({})\n",
            self.socket, self.socket_note, self.source, self.source_note
        );
        for backend in &self.backends {
            let _ = writeln!(
                told,
                "backend  {}: always up {}; {} {}",
                backend.name,
                backend.always_up.join(", "),
                if backend.is_proposed {
                    "as a spare, proposed:"
                } else {
                    "spare"
                },
                backend.spares.join(", ")
            );
            if backend.is_proposed {
                let _ = writeln!(told, "         {PROPOSED}");
            }
            if let [alone] = &backend.always_up[..] {
                let _ = writeln!(
                    told,
                    "         {alone} serves alone while the spare is away: if it dies, users meet errors until \
                     the spare is in"
                );
            }
            let _ = writeln!(told, "         {}", backend.warm_up());
            if let Some(learned) = &backend.learned {
                let _ = writeln!(
                    told,
                    "         {} requests in the log: half within {:.0} ms, 95 % within {:.0} ms",
                    learned.requests, learned.p50_ms, learned.p95_ms
                );
            }
            if backend.has_maxconn {
                told.push_str(
                    "         its servers have a maxconn, so a policy on `signal = \"queue_time\"` would see \
                     that they are full\n",
                );
            }
        }
        told
    }
}

impl BackendPlan {
    /// The path that a warm-up asks for; HAProxy's own default where nothing says one.
    pub fn path(&self) -> &str {
        self.check.as_ref().map_or("/", |it| &it.0)
    }

    /// What a warm-up asks for, and why that.
    fn warm_up(&self) -> String {
        if let Some(why) = self.no_warm_up {
            return format!("no warm-up requests: {why}");
        }
        let path = self.path();
        match &self.check_said {
            Some(said) => format!("a warm-up asks for {path}, as {said} does"),
            None => format!(
                "a warm-up asks for {path}, for want of a better one: haproxy.cfg names no path for its checks"
            ),
        }
    }
}

fn socket(facts: &Facts) -> String {
    match &facts.socket.address {
        Some(address @ Address::Unix(_)) => address.to_string(),
        Some(Address::Tcp(address)) => format!("tcp:{address}"),
        None => {
            let layout = Layout::of(facts.cfg.as_ref(), &facts.host);
            let line = layout.socket_line(&facts.host, &facts.socket_group());
            line.split_whitespace()
                .nth(2)
                .unwrap_or_default()
                .to_owned()
        }
    }
}

fn socket_note(facts: &Facts) -> String {
    match facts.socket.said() {
        Some(said) => format!("HAProxy {}, level {}", said.version, said.level),
        None if facts.socket.address.is_some() => "of haproxy.cfg; nobody answers yet".to_owned(),
        None => {
            "not in haproxy.cfg yet; in containers, on a volume that the daemon shares".to_owned()
        }
    }
}

fn of_subject(subject: &Subject<'_>) -> Option<BackendPlan> {
    let proxy = subject.proxy;
    let names = |servers: &[&Server]| servers.iter().map(|it| it.name.clone()).collect::<Vec<_>>();
    let marked: Vec<&Server> = proxy
        .servers
        .iter()
        .filter(|it| it.has("disabled"))
        .collect();
    let is_proposed = marked.is_empty();
    let spares = if is_proposed {
        let template = proxy.servers.iter().rfind(|it| it.template.is_some());
        vec![proposed_spare(subject).or(template)?]
    } else {
        marked
    };
    let is_other = |it: &&Server| !spares.iter().any(|spare| spare.name == it.name);
    let others: Vec<&Server> = proxy.servers.iter().filter(is_other).collect();
    let always_up: Vec<&Server> = others
        .iter()
        .copied()
        .filter(|it| !it.has("backup"))
        .collect();
    if always_up.is_empty() {
        return None;
    }
    let no_warm_up = if spares.iter().any(|it| it.sends_proxy()) {
        Some("its servers expect the PROXY protocol first, which a warm-up does not speak")
    } else if spares.iter().any(|it| it.is_unix()) {
        Some("its servers listen on Unix sockets, which no warm-up request reaches")
    } else {
        None
    };
    let settings = &proxy.settings;
    let path = settings.check_path.clone();
    Some(BackendPlan {
        name: proxy.name.clone(),
        always_up: names(&always_up),
        spares: names(&spares),
        is_proposed,
        check: path.map(|path| (path, settings.check_host.clone())),
        check_said: settings.check_line.as_ref().map(said),
        no_warm_up,
        has_maxconn: proxy
            .servers
            .iter()
            .any(|it| it.number("maxconn").is_some_and(|it| it > 0)),
        learned: None,
    })
}

/// The first two words of a line, and where it is.
fn said(line: &Line) -> String {
    let at = line.at.line;
    format!(
        "`{} {}` in line {at} of haproxy.cfg",
        line.word(0),
        line.word(1)
    )
}

/// Without haproxy.cfg: HAProxy says which servers were marked in it.
fn of_read(name: &str, read: &BackendRead) -> Option<BackendPlan> {
    let usable: Vec<_> = read.servers.iter().filter(|it| !it.is_backup).collect();
    // In `mode tcp` nothing is ever counted as a response.
    if usable.len() < 2 || read.responses == 0 {
        return None;
    }
    let is_proposed = !usable.iter().any(|it| it.is_disabled_in_cfg());
    let last = usable.last().map(|it| it.name.clone());
    let is_spare =
        |server: &str, is_marked: bool| is_marked || is_proposed && last.as_deref() == Some(server);
    let (spares, always_up): (Vec<_>, Vec<_>) = usable
        .iter()
        .partition(|it| is_spare(&it.name, it.is_disabled_in_cfg()));
    let names = |servers: Vec<&crate::words::picture::ServerRead>| {
        servers
            .into_iter()
            .map(|it| it.name.clone())
            .collect::<Vec<_>>()
    };
    if always_up.is_empty() {
        return None;
    }
    Some(BackendPlan {
        name: name.to_owned(),
        always_up: names(always_up),
        spares: names(spares),
        is_proposed,
        check: None,
        check_said: None,
        no_warm_up: None,
        has_maxconn: usable.iter().any(|it| it.maxconn.is_some()),
        learned: None,
    })
}
