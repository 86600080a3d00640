//! A message as a mail, by SMTP.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::{AsyncSmtpTransport, AsyncTransport as _, Message, Tokio1Executor};
use tokio::time::timeout;

use super::way::Failure;
use crate::config::{EmailConfig, MailTls};
use crate::http_client::{CONNECT_LIMIT, Resolver, certificates_of};
use crate::publish::alert::Notice;
use crate::words::files;

/// One step with the server.
const STEP_LIMIT: Duration = Duration::from_secs(10);
/// All steps together.
const LIMIT: Duration = Duration::from_secs(30);
/// Largest file with a password.
const PASSWORD_BYTES_MAX: usize = 4 * 1024;

pub(super) async fn send(
    config: &EmailConfig,
    resolver: &Resolver,
    notice: &Notice,
    host: &str,
) -> Result<String, Failure> {
    let message = message(config, notice, host)?;
    let address = resolver.look_up(&config.host, config.port);
    let address = timeout(CONNECT_LIMIT, address).await.map_err(|_| {
        let limit = humantime::format_duration(CONNECT_LIMIT);
        Failure::passing(format!("{} was not looked up within {limit}", config.host))
    })?;
    let addresses = address.map_err(|error| Failure::passing(error.to_string()))?;
    match timeout(LIMIT, send_to(config, &addresses, message, host)).await {
        Err(_) => Err(Failure::passing(format!(
            "not done after {}",
            humantime::format_duration(LIMIT)
        ))),
        Ok(sent) => sent,
    }
}

/// To the first of the server's addresses that answers at all.
async fn send_to(
    config: &EmailConfig,
    addresses: &[SocketAddr],
    message: Message,
    host: &str,
) -> Result<String, Failure> {
    let mut failure = Failure::passing("the server has no address");
    for address in addresses {
        let transport = transport(config, *address, host)?;
        match transport.send(message.clone()).await {
            Ok(answer) => {
                let words: Vec<_> = answer.message().collect();
                return Ok(format!("answered {}: {}", answer.code(), words.join(" ")));
            }
            Err(error) => {
                failure = Failure {
                    text: explained(&error),
                    is_refused: error.is_permanent(),
                };
                if error.is_response() || error.is_permanent() || error.is_tls() {
                    break;
                }
            }
        }
    }
    Err(failure)
}

/// lettre's own words, and those of what caused it.
fn explained(error: &lettre::transport::smtp::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(inner) = cause {
        let inner_text = inner.to_string();
        if !text.contains(&inner_text) {
            text = format!("{text}: {inner_text}");
        }
        cause = inner.source();
    }
    text
}

fn message(config: &EmailConfig, notice: &Notice, host: &str) -> Result<Message, Failure> {
    let mailbox = |text: &str| {
        let parsed = text.parse::<Mailbox>();
        parsed.map_err(|error| Failure::passing(format!("{text} is no mail address: {error}")))
    };
    let title = notice.title(host);
    let mut builder = Message::builder()
        .from(mailbox(&config.from)?)
        .subject(title)
        .message_id(None)
        .header(ContentType::TEXT_PLAIN);
    for to in &config.to {
        builder = builder.to(mailbox(to)?);
    }
    let body = format!("{}\n\n-- \nhaproxy-autoscale on {host}\n", notice.body());
    builder
        .body(body)
        .map_err(|error| Failure::passing(format!("cannot write the mail: {error}")))
}

fn transport(
    config: &EmailConfig,
    address: SocketAddr,
    host: &str,
) -> Result<AsyncSmtpTransport<Tokio1Executor>, Failure> {
    let tls = match config.tls {
        MailTls::None => Tls::None,
        MailTls::StartTls => Tls::Required(parameters(config)?),
        MailTls::Tls => Tls::Wrapper(parameters(config)?),
    };
    let mut builder =
        AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(address.ip().to_string())
            .port(address.port())
            .tls(tls)
            .hello_name(ClientId::Domain(host.to_owned()))
            .timeout(Some(STEP_LIMIT));
    if let Some((user, file)) = &config.login {
        builder = builder.credentials(Credentials::new(user.clone(), password(file)?));
    }
    Ok(builder.build())
}

fn parameters(config: &EmailConfig) -> Result<TlsParameters, Failure> {
    let mut builder = TlsParameters::builder(config.host.clone());
    if let Some(file) = &config.ca_file {
        for certificate in certificates_of(file).map_err(Failure::passing)? {
            let certificate = Certificate::from_der(certificate.to_vec());
            builder = builder.add_root_certificate(
                certificate.map_err(|error| Failure::passing(explained(&error)))?,
            );
        }
    }
    builder
        .build_rustls()
        .map_err(|error| Failure::passing(explained(&error)))
}

/// Read for each mail: it may be changed at any time.
fn password(file: &Path) -> Result<String, Failure> {
    let text = files::secret(file, PASSWORD_BYTES_MAX).map_err(|error| {
        let file = file.display();
        Failure::passing(format!("cannot use password_file {file}: {error}"))
    })?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}
