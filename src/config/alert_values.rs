//! The values of `[[alert]]`, `[[probe]]` and `[heartbeat]`: words, URLs, addresses, lists. What they mean
//! together is in [`super::alert`].

use super::alert::{Kind, MailTls, On, Preset};
use super::diagnostic::{Code, quoted};
use super::reader::Reader;
use super::text::Mistake;
use super::values::{Entry, Parse, Word, not_one_of};
use crate::http_client::Url;
use crate::publish::record;
use crate::scaler::seen::{NoHelp, ProblemCode};

/// Longest name of a channel.
const NAME_BYTES_MAX: usize = 40;
/// Most words of a command, and most addresses of a mail.
const WORDS_MAX: usize = 64;

impl Word for Kind {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("webhook", Self::Webhook),
        ("email", Self::Email),
        ("exec", Self::Exec),
    ];
}

impl Word for Preset {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("slack", Self::Slack),
        ("mattermost", Self::Mattermost),
        ("discord", Self::Discord),
        ("ntfy", Self::Ntfy),
        ("alertmanager", Self::Alertmanager),
        ("json", Self::Json),
    ];
}

impl Word for MailTls {
    const WORDS: &'static [(&'static str, Self)] = &[
        ("starttls", Self::StartTls),
        ("tls", Self::Tls),
        ("none", Self::None),
    ];
}

impl Parse for Url {
    const KIND: &'static str = "an http or https URL";
    const IS_NONE_IF_EMPTY: bool = true;

    fn parse(given: &Entry<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        let text = given.text(reader)?;
        Self::parse(text)
            .map_err(|label| {
                // It may hold a secret, so it is not shown.
                let help = "for example \"https://chat.example.com/hooks/T012345\"";
                let mut mistake = given.bad(Code::BadText, label, help);
                mistake.title = format!("`{}` is no URL that can be used", given.key.name);
                reader.add(mistake);
            })
            .ok()
    }

    fn show(&self) -> String {
        quoted(&self.to_string())
    }
}

/// `smtp`.
impl Parse for (String, u16) {
    const KIND: &'static str = "`\"HOST:PORT\"`";

    fn parse(given: &Entry<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        let text = given.text(reader)?;
        let read = Url::parse(&format!("http://{text}")).ok();
        let read = read.filter(|url| url.authority() == text && text.contains(':'));
        if read.is_none() {
            let help = "write \"smtp.example.com:587\"; 587 with starttls, 465 with tls";
            reader.add(given.bad(Code::BadText, "no HOST:PORT", help));
        }
        read.map(|url| (url.host().to_owned(), url.port()))
    }

    fn show(&self) -> String {
        quoted(&format!("{}:{}", self.0, self.1))
    }
}

/// `to` and `command`.
impl Parse for Vec<String> {
    const KIND: &'static str = "a list of texts";

    fn parse(given: &Entry<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        let list = given.value.get_ref().as_array();
        let words = list.and_then(|list| {
            let words = list.iter().map(|word| word.get_ref().as_str());
            words
                .map(|word| {
                    word.filter(|it| !it.contains(char::is_control))
                        .map(str::to_owned)
                })
                .collect::<Option<Self>>()
        });
        let Some(words) = words else {
            reader.add(given.wrong("a list of texts"));
            return None;
        };
        let first = words.first().map_or("", String::as_str);
        let wrong = match given.key.name {
            _ if words.is_empty() => Some("empty"),
            _ if words.len() > WORDS_MAX => Some("too long"),
            "command" if !first.starts_with('/') => Some("the program needs its whole path"),
            "to" if !words.iter().all(|it| is_address(it)) => Some("not all are mail addresses"),
            _ => None,
        };
        if let Some(wrong) = wrong {
            let help = format!("for example `{} = {}`", given.key.name, given.key.shown());
            reader.add(given.bad(Code::BadText, wrong, help));
            return None;
        }
        Some(words)
    }

    fn show(&self) -> String {
        let words: Self = self.iter().map(|word| quoted(word)).collect();
        format!("[{}]", words.join(", "))
    }
}

/// `on`.
impl Parse for Vec<On> {
    const KIND: &'static str =
        "a list of `\"problem\"`, `\"change\"` and codes of docs/messages.md";

    fn parse(given: &Entry<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        let list = given
            .value
            .get_ref()
            .as_array()
            .filter(|list| !list.is_empty());
        let Some(list) = list else {
            reader.add(given.wrong("a list of classes and codes"));
            return None;
        };
        let mut on = Self::new();
        for element in list {
            let entry = Entry {
                key: given.key,
                value: element,
            };
            let word = entry.text(reader)?;
            match word {
                "problem" => on.push(On::Problem),
                "change" => on.push(On::Change),
                code if codes().any(|it| it == code) => on.push(On::Code(code.to_owned())),
                other => {
                    let words = ["problem", "change"].into_iter().chain(codes());
                    let words: Vec<_> = words.collect();
                    let mut mistake = not_one_of(&entry, other, words.iter().copied());
                    let (hint, _) = mistake.help.split_once("allowed:").unwrap_or_default();
                    mistake.help = format!(
                        "{hint}write \"problem\", \"change\", or a code of docs/messages.md"
                    );
                    reader.add(mistake);
                    return None;
                }
            }
        }
        Some(on)
    }

    fn show(&self) -> String {
        let words = self.iter().map(|on| match on {
            On::Problem => quoted("problem"),
            On::Change => quoted("change"),
            On::Code(code) => quoted(code),
        });
        format!("[{}]", words.collect::<Vec<_>>().join(", "))
    }
}

/// What an alert may be about, in one word.
fn codes() -> impl Iterator<Item = &'static str> {
    let helpless = NoHelp::ALL.into_iter();
    let helpless = helpless.flat_map(|why| [ProblemCode::Slow(why), ProblemCode::Short(why)]);
    let problems = helpless.chain(ProblemCode::OTHERS).map(ProblemCode::as_str);
    problems.chain(record::codes())
}

/// `name`: it stands in messages and in the state.
pub(super) fn name(text: &str) -> Result<(), Mistake> {
    let is_allowed = |it: char| it.is_ascii_alphanumeric() || "._- ".contains(it);
    if (1..=NAME_BYTES_MAX).contains(&text.len()) && text.chars().all(is_allowed) {
        return Ok(());
    }
    let help = "write up to 40 letters, digits, blanks, `.`, `_` and `-`";
    Err(Mistake::new("no such name", help))
}

/// `from`.
pub(super) fn address(text: &str) -> Result<(), Mistake> {
    if is_address(text) {
        return Ok(());
    }
    let help = "write \"haproxy@example.com\" or \"Name <haproxy@example.com>\"";
    Err(Mistake::new("no mail address", help))
}

fn is_address(text: &str) -> bool {
    text.parse::<lettre::message::Mailbox>().is_ok()
}
