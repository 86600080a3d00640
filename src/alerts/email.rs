//! A message as a mail, by SMTP.

use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use lettre::Message;
use lettre::message::Mailbox;
use lettre::message::header::ContentType;
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, Certificate, TlsParameters};
use lettre::transport::smtp::commands::{Data, Mail, Rcpt};
use lettre::transport::smtp::extension::{ClientId, MailParameter};
use tokio::time::{Instant, timeout, timeout_at};

use super::way::{Failure, FailureKind};
use crate::config::{EmailConfig, MailTls};
use crate::http_client::{CONNECT_LIMIT, Resolver, certificates_of};
use crate::publish::alert::Notice;
use crate::words::files;

/// One step with the server: its greeting, TLS, the answer to a command.
const STEP_LIMIT: Duration = Duration::from_secs(30);
/// From the whole mail to the answer to it: while the server looks for spam it has not answered, and has
/// the mail all the same (RFC 5321, 4.5.3.2.6).
const TAKE_LIMIT: Duration = Duration::from_secs(5 * 60);
/// Goodbye.
const QUIT_LIMIT: Duration = Duration::from_secs(1);
/// Largest file with a password.
const PASSWORD_BYTES_MAX: usize = 4 * 1024;

/// To all recipients but those that `had` it already; adds those that have it now.
pub(super) async fn send(
    config: &EmailConfig,
    resolver: &Resolver,
    notice: &Notice,
    host: &str,
    had: &mut Vec<String>,
) -> Result<String, Failure> {
    let message = message(config, notice, host)?.formatted();
    let mut connection = open(config, resolver, host).await?;
    let sent = deliver(&mut connection, config, &message, had).await;
    let _ = timeout(QUIT_LIMIT, connection.quit()).await;
    sent
}

/// With the first of the server's addresses that answers; each has its share of the time.
async fn open(
    config: &EmailConfig,
    resolver: &Resolver,
    host: &str,
) -> Result<AsyncSmtpConnection, Failure> {
    let end = Instant::now() + CONNECT_LIMIT;
    let addresses = resolver.look_up(&config.host, config.port);
    let addresses = timeout_at(end, addresses).await.map_err(|_| {
        let limit = humantime::format_duration(CONNECT_LIMIT);
        Failure::passing(format!("{} was not looked up within {limit}", config.host))
    })?;
    let addresses = addresses.map_err(|error| Failure::passing(error.to_string()))?;
    let mut failure = Failure::passing("the server has no address");
    let mut left = u32::try_from(addresses.len()).unwrap_or(u32::MAX);
    for address in addresses {
        let share = end.saturating_duration_since(Instant::now()) / left.max(1);
        left = left.saturating_sub(1);
        match greet(config, address, share, host).await {
            Ok(connection) => return Ok(connection),
            Err((failed, is_answer)) => {
                failure = failed;
                if is_answer {
                    break;
                }
            }
        }
    }
    Err(failure)
}

/// Until mails may be sent; else why not, and whether the server has said so.
async fn greet(
    config: &EmailConfig,
    address: SocketAddr,
    connect_limit: Duration,
    host: &str,
) -> Result<AsyncSmtpConnection, (Failure, bool)> {
    let hello = ClientId::Domain(host.to_owned());
    let unready = |failure: Failure| (failure, true);
    let wrapper = match config.tls {
        MailTls::None | MailTls::StartTls => None,
        MailTls::Tls => Some(parameters(config).map_err(unready)?),
    };
    let limit = Some(connect_limit);
    let connecting = AsyncSmtpConnection::connect_tokio1(address, limit, &hello, wrapper, None);
    let mut connection = step(connecting).await?;
    if config.tls == MailTls::StartTls {
        let parameters = parameters(config).map_err(unready)?;
        step(connection.starttls(parameters, &hello)).await?;
    }
    if let Some((user, file)) = &config.login {
        let credentials = Credentials::new(user.clone(), password(file).map_err(unready)?);
        step(connection.auth(&[Mechanism::Plain, Mechanism::Login], &credentials)).await?;
    }
    Ok(connection)
}

/// One step, within its limit; whether the server has answered it.
async fn step<T>(work: impl Future<Output = Result<T, SmtpError>>) -> Result<T, (Failure, bool)> {
    match timeout(STEP_LIMIT, work).await {
        Ok(Ok(done)) => Ok(done),
        Ok(Err(error)) => {
            let is_code = error.is_permanent() || error.is_transient();
            let is_answer = is_code || error.is_response() || error.is_tls();
            Err((failed(&error), is_answer))
        }
        Err(_) => {
            let limit = humantime::format_duration(STEP_LIMIT);
            Err((Failure::passing(format!("no answer within {limit}")), false))
        }
    }
}

/// One mail to all whom the server takes it for: one that it refuses keeps it from nobody else.
async fn deliver(
    connection: &mut AsyncSmtpConnection,
    config: &EmailConfig,
    message: &[u8],
    had: &mut Vec<String>,
) -> Result<String, Failure> {
    let from = mailbox(&config.from)?.email;
    let is_plain = config.from.is_ascii() && config.to.iter().all(|to| to.is_ascii());
    let options = if is_plain {
        Vec::new()
    } else {
        vec![MailParameter::SmtpUtfEight]
    };
    let begun = step(connection.command(Mail::new(Some(from), options))).await;
    begun.map_err(|(failure, _)| failure)?;
    let (mut taken, mut refused) = (Vec::new(), Vec::new());
    for to in config.to.iter().filter(|to| !had.contains(to)) {
        let address = mailbox(to)?.email;
        match step(connection.command(Rcpt::new(address, Vec::new()))).await {
            Ok(_) => taken.push(to.clone()),
            Err((failure, true)) => refused.push(Failure {
                text: format!("not for {to}: {}", failure.text),
                kind: failure.kind,
            }),
            Err((failure, false)) => return Err(failure),
        }
    }
    if taken.is_empty() {
        return Err(together(refused, !had.is_empty()));
    }
    let ready = step(connection.command(Data)).await;
    ready.map_err(|(failure, _)| failure)?;
    let answer = hand_over(connection, message).await?;
    had.append(&mut taken);
    if refused.is_empty() {
        return Ok(answer);
    }
    Err(together(refused, true))
}

/// The mail itself, which the server may have when it does not say so.
async fn hand_over(
    connection: &mut AsyncSmtpConnection,
    message: &[u8],
) -> Result<String, Failure> {
    match timeout(TAKE_LIMIT, connection.message(message)).await {
        Ok(Ok(answer)) => {
            let words: Vec<_> = answer.message().collect();
            Ok(format!("answered {}: {}", answer.code(), words.join(" ")))
        }
        Ok(Err(error)) if error.is_permanent() || error.is_transient() => Err(failed(&error)),
        Ok(Err(error)) => Err(Failure {
            text: explained(&error),
            kind: FailureKind::Unanswered,
        }),
        Err(_) => Err(Failure {
            text: format!(
                "no answer within {}",
                humantime::format_duration(TAKE_LIMIT)
            ),
            kind: FailureKind::Unanswered,
        }),
    }
}

/// What the server said of those that it did not take the mail for.
fn together(refused: Vec<Failure>, is_sent_to_others: bool) -> Failure {
    let is_final = refused.iter().all(|it| it.kind == FailureKind::Refused);
    let texts: Vec<_> = refused.into_iter().map(|it| it.text).collect();
    Failure {
        text: texts.join("; "),
        kind: match (is_final, is_sent_to_others) {
            (false, _) => FailureKind::Passing,
            (true, false) => FailureKind::Refused,
            (true, true) => FailureKind::Partial,
        },
    }
}

fn failed(error: &SmtpError) -> Failure {
    Failure {
        text: explained(error),
        kind: if error.is_permanent() {
            FailureKind::Refused
        } else {
            FailureKind::Passing
        },
    }
}

fn mailbox(text: &str) -> Result<Mailbox, Failure> {
    let parsed = text.parse::<Mailbox>();
    parsed.map_err(|error| Failure::passing(format!("{text} is no mail address: {error}")))
}

/// lettre's own words, and those of what caused it.
fn explained(error: &SmtpError) -> String {
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
    let title = notice.title(host);
    let mut builder = Message::builder()
        .from(mailbox(&config.from)?)
        .subject(title)
        // Whoever gets it twice can tell that it is the same.
        .date(notice.at)
        .message_id(Some(format!("<{}@{host}>", notice.id)))
        .header(ContentType::TEXT_PLAIN);
    for to in &config.to {
        builder = builder.to(mailbox(to)?);
    }
    let body = format!("{}\n\n-- \nhaproxy-autoscale on {host}\n", notice.body());
    builder
        .body(body)
        .map_err(|error| Failure::passing(format!("cannot write the mail: {error}")))
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
