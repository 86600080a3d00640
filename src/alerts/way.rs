//! One message through one channel, once: which way it goes, and what came of it. Trying again is
//! `courier`'s business.

use super::{email, exec, webhook};
use crate::config::{AlertConfig, Channel};
use crate::http_client::{Client, Resolver};
use crate::publish::alert::Notice;
use crate::words::os_words::host_name;

/// A channel, ready to send.
#[derive(Clone, Debug)]
pub(super) struct Way {
    channel: Channel,
    client: Client,
    /// For mail, which has no client of ours.
    resolver: Resolver,
    /// This machine's name.
    host: String,
}

/// Why a message did not arrive, as far as it is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    /// What was tried, and what came back; no secret.
    pub(super) text: String,
    /// The receiver says that it will never take it.
    pub(super) is_refused: bool,
}

impl Failure {
    pub(super) fn passing(text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            is_refused: false,
        }
    }
}

impl Way {
    pub(super) fn of(config: &AlertConfig) -> Self {
        let ca_file = match &config.channel {
            Channel::Webhook { ca_file, .. } => ca_file.clone(),
            Channel::Email(_) | Channel::Exec { .. } => None,
        };
        Self {
            channel: config.channel.clone(),
            client: Client::new(ca_file),
            resolver: Resolver::default(),
            host: short_host_name(),
        }
    }

    /// Sends it; what came back, in words.
    pub(super) async fn send(&self, notice: &Notice) -> Result<String, Failure> {
        match &self.channel {
            Channel::Webhook { url, preset, .. } => {
                webhook::send(&self.client, url, *preset, notice, &self.host).await
            }
            Channel::Email(config) => email::send(config, &self.resolver, notice, &self.host).await,
            Channel::Exec { command } => exec::send(command, notice, &self.host).await,
        }
    }

    /// Where it goes, without secrets.
    pub(super) fn shown(&self) -> String {
        match &self.channel {
            Channel::Webhook { url, .. } => format!("POST to {url}"),
            Channel::Email(mail) => {
                format!(
                    "mail to {} over {}:{}",
                    mail.to.join(", "),
                    mail.host,
                    mail.port
                )
            }
            Channel::Exec { command } => command.first().cloned().unwrap_or_default(),
        }
    }
}

/// The first part of this machine's name.
fn short_host_name() -> String {
    let name = host_name();
    name.split('.').next().unwrap_or("haproxy").to_owned()
}
