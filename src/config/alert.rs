//! `[[alert]]`, `[[probe]]` and `[heartbeat]`: whom alerts reach, which URLs are watched, and where the
//! sign of life goes. Sending lives in `crate::alerts`.

use std::path::PathBuf;
use std::time::Duration;

use super::diagnostic::{Code, Diagnostic, Label, quoted};
use super::draft::Draft;
use super::key::Section;
use super::keys;
use super::reader::{Reader, Table};
use crate::http_client::Url;

/// Most channels, and most probes.
const TABLES_MAX: usize = 32;

/// One `[[alert]]`: a channel that alerts go through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertConfig {
    /// What messages call it.
    pub name: String,
    pub channel: Channel,
    /// What is told.
    pub on: Vec<On>,
    /// The same incident is told at most once in this time.
    pub every: Duration,
}

/// The way of an alert.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Channel {
    Webhook {
        url: Url,
        preset: Preset,
        ca_file: Option<PathBuf>,
    },
    Email(EmailConfig),
    /// A command that gets the event as JSON.
    Exec {
        command: Vec<String>,
    },
}

/// `kind = "email"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmailConfig {
    pub host: String,
    pub port: u16,
    pub tls: MailTls,
    pub from: String,
    pub to: Vec<String>,
    /// With its password, in a file that others cannot read.
    pub login: Option<(String, PathBuf)>,
    pub ca_file: Option<PathBuf>,
}

/// `kind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Webhook,
    Email,
    Exec,
}

/// What a webhook's receiver expects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Preset {
    Slack,
    Mattermost,
    Discord,
    Ntfy,
    Alertmanager,
    #[default]
    Json,
}

/// How a mail server is spoken to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum MailTls {
    /// It begins in the clear and must change to TLS.
    #[default]
    StartTls,
    /// TLS from the first byte.
    Tls,
    /// Never.
    None,
}

/// What an alert is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum On {
    /// Whatever keeps the daemon or a backend from working.
    Problem,
    /// Whatever was changed, by the daemon or by an operator.
    Change,
    /// An event or a problem of this code.
    Code(String),
}

/// One `[[probe]]`: a URL that is asked for over and over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeConfig {
    pub url: Url,
    pub every: Duration,
    /// Of one request.
    pub timeout: Duration,
    pub expect_status: Vec<(u16, u16)>,
    /// In a row: it is down.
    pub failures: u32,
    /// In a row: it is up again.
    pub successes: u32,
    pub ca_file: Option<PathBuf>,
}

/// `[heartbeat]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HeartbeatConfig {
    /// `None`: nobody waits for it.
    pub url: Option<Url>,
    pub every: Duration,
    pub ca_file: Option<PathBuf>,
}

impl Default for HeartbeatConfig {
    fn default() -> Self {
        Self {
            url: None,
            every: Duration::from_secs(60),
            ca_file: None,
        }
    }
}

/// What one `[[alert]]` or `[[probe]]` has said so far.
#[derive(Clone, Debug)]
pub(super) struct AlertDraft {
    pub kind: Option<Kind>,
    pub name: Option<String>,
    pub url: Option<Url>,
    pub preset: Preset,
    pub on: Vec<On>,
    pub every: Duration,
    pub ca_file: Option<PathBuf>,
    pub smtp: Option<(String, u16)>,
    pub tls: MailTls,
    pub from: Option<String>,
    pub to: Option<Vec<String>>,
    pub username: Option<String>,
    pub password_file: Option<PathBuf>,
    pub command: Option<Vec<String>>,
}

impl Default for AlertDraft {
    fn default() -> Self {
        Self {
            kind: None,
            name: None,
            url: None,
            preset: Preset::default(),
            on: vec![On::Problem, On::Change],
            every: Duration::from_secs(10 * 60),
            ca_file: None,
            smtp: None,
            tls: MailTls::default(),
            from: None,
            to: None,
            username: None,
            password_file: None,
            command: None,
        }
    }
}

/// What one `[[probe]]` has said so far.
#[derive(Clone, Debug)]
pub(super) struct ProbeDraft {
    pub url: Option<Url>,
    pub every: Duration,
    pub timeout: Duration,
    pub expect_status: Vec<(u16, u16)>,
    pub failures: u32,
    pub successes: u32,
    pub ca_file: Option<PathBuf>,
}

impl Default for ProbeDraft {
    fn default() -> Self {
        Self {
            url: None,
            every: Duration::from_secs(60),
            timeout: Duration::from_secs(10),
            expect_status: vec![(200, 399)],
            failures: 3,
            successes: 1,
            ca_file: None,
        }
    }
}

/// Every `[[alert]]`, whose names differ.
pub(super) fn alerts(top: &Table<'_>, reader: &mut Reader<'_>) -> Vec<AlertConfig> {
    let mut alerts: Vec<AlertConfig> = Vec::new();
    each(
        top,
        "alert",
        &keys::ALERT,
        reader,
        |table, draft, number, reader| {
            let Some(alert) = alert(table, draft.alert, number, reader) else {
                return;
            };
            if alerts.iter().any(|other| other.name == alert.name) {
                let place = table.place("name").unwrap_or_else(|| table.span());
                reader.add(Diagnostic::new(
                    Code::NamedTwice,
                    format!("two [[alert]] are called {}", quoted(&alert.name)),
                    Label::new(place, "the second one"),
                    "give each a `name` of its own",
                ));
            }
            alerts.push(alert);
        },
    );
    alerts
}

fn alert(
    table: &Table<'_>,
    draft: AlertDraft,
    number: usize,
    reader: &mut Reader<'_>,
) -> Option<AlertConfig> {
    let Some(kind) = draft.kind else {
        if !table.has("kind") {
            reader.add(missing(
                table,
                "kind",
                "write `kind = \"webhook\"`, \"email\" or \"exec\"",
            ));
        }
        return None;
    };
    reject_foreign(table, kind, reader);
    let channel = match kind {
        Kind::Webhook => {
            let url = needed(table, "url", draft.url, "the URL that is posted to", reader);
            url.map(|url| Channel::Webhook {
                url,
                preset: draft.preset,
                ca_file: draft.ca_file,
            })
        }
        Kind::Email => email(table, draft.clone(), reader),
        Kind::Exec => {
            let command = needed(
                table,
                "command",
                draft.command,
                "the program to run",
                reader,
            );
            command.map(|command| Channel::Exec { command })
        }
    };
    let named = draft
        .name
        .unwrap_or_else(|| format!("{}-{number}", kind.as_str()));
    Some(AlertConfig {
        name: named,
        channel: channel?,
        on: draft.on,
        every: draft.every,
    })
}

fn email(table: &Table<'_>, draft: AlertDraft, reader: &mut Reader<'_>) -> Option<Channel> {
    let smtp = needed(
        table,
        "smtp",
        draft.smtp,
        "HOST:PORT of the mail server",
        reader,
    );
    let from = needed(table, "from", draft.from, "the sender's address", reader);
    let to = needed(table, "to", draft.to, "who gets the mail", reader);
    let login = match (draft.username, draft.password_file) {
        (Some(username), Some(file)) => Some((username, file)),
        (None, None) => None,
        (Some(_), None) => {
            if !table.has("password_file") {
                reader.add(missing(
                    table,
                    "password_file",
                    "write the file with the password of `username`",
                ));
            }
            None
        }
        (None, Some(_)) => {
            if !table.has("username") {
                reader.add(missing(table, "username", "write whose password that is"));
            }
            None
        }
    };
    if login.is_some() && draft.tls == MailTls::None {
        reader.add(Diagnostic::new(
            Code::PlainPassword,
            "`password_file` with `tls = \"none\"`",
            Label::new(
                table.place("tls").unwrap_or_else(|| table.span()),
                "the password is sent in the clear",
            ),
            "write `tls = \"starttls\"` or \"tls\", or leave username and password_file out",
        ));
    }
    let (host, port) = smtp?;
    Some(Channel::Email(EmailConfig {
        host,
        port,
        tls: draft.tls,
        from: from?,
        to: to?,
        login,
        ca_file: draft.ca_file,
    }))
}

/// The value, or that the key is missing, if it was not given at all.
fn needed<T>(
    table: &Table<'_>,
    key: &str,
    value: Option<T>,
    what: &str,
    reader: &mut Reader<'_>,
) -> Option<T> {
    if value.is_none() && !table.has(key) {
        reader.add(missing(table, key, &format!("write `{key}`: {what}")));
    }
    value
}

fn missing(table: &Table<'_>, key: &str, help: &str) -> Diagnostic {
    Diagnostic::new(
        Code::Missing,
        format!("`{key}` is missing in {}", table.name()),
        Label::new(table.span(), "in this table"),
        help,
    )
}

fn too_many(table: &Table<'_>, key: &str) -> Diagnostic {
    Diagnostic::new(
        Code::OutOfRange,
        format!("more than {TABLES_MAX} tables [[{key}]]"),
        Label::new(table.span(), "this one is too many"),
        "one channel may have several receivers: leave some of them out",
    )
}

/// Keys of another kind would do nothing.
fn reject_foreign(table: &Table<'_>, kind: Kind, reader: &mut Reader<'_>) {
    let own = |key: &str| match key {
        "url" | "preset" => Some(Kind::Webhook),
        "smtp" | "tls" | "from" | "to" | "username" | "password_file" => Some(Kind::Email),
        "command" => Some(Kind::Exec),
        _ => None,
    };
    for key in keys::ALERT.keys() {
        let is_useless_ca = key.name == "ca_file" && kind == Kind::Exec;
        let other = own(key.name).filter(|of| *of != kind);
        let Some(place) = table.place(key.name) else {
            continue;
        };
        if other.is_none() && !is_useless_ca {
            continue;
        }
        let kinds = other.map_or("webhook and email", Kind::as_str);
        reader.add(Diagnostic::new(
            Code::WithoutEffect,
            format!(
                "`{}` means nothing with `kind = \"{}\"`",
                key.name,
                kind.as_str()
            ),
            Label::new(place, "without effect"),
            format!("it belongs to kind {kinds}: remove it"),
        ));
    }
}

/// Every `[[probe]]`.
pub(super) fn probes(top: &Table<'_>, reader: &mut Reader<'_>) -> Vec<ProbeConfig> {
    let mut probes = Vec::new();
    each(
        top,
        "probe",
        &keys::PROBE,
        reader,
        |table, draft, _, reader| {
            let draft = draft.probe;
            let Some(url) = needed(table, "url", draft.url, "the URL to ask for", reader) else {
                return;
            };
            probes.push(ProbeConfig {
                url,
                every: draft.every,
                timeout: draft.timeout,
                expect_status: draft.expect_status,
                failures: draft.failures,
                successes: draft.successes,
                ca_file: draft.ca_file,
            });
        },
    );
    probes
}

/// Hands `take` each table of that name as it is written, with its number from 1 on.
fn each<'file>(
    top: &Table<'file>,
    name: &str,
    section: &'static Section,
    reader: &mut Reader<'_>,
    mut take: impl FnMut(&Table<'file>, Draft, usize, &mut Reader<'_>),
) {
    let tables = top.tables(name, section, reader).unwrap_or_default();
    for (index, table) in tables.iter().enumerate() {
        if index == TABLES_MAX {
            reader.add(too_many(table, name));
            break;
        }
        let mut draft = Draft::default();
        table.fill(&mut draft, reader);
        take(table, draft, index + 1, reader);
    }
}

impl Kind {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Webhook => "webhook",
            Self::Email => "email",
            Self::Exec => "exec",
        }
    }
}
