//! A log of which nothing, or nearly nothing, can be read: what its lines look like, and which key to
//! set. Only said, never done: what is read is what the configuration says.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::LazyLock;

use super::format::LogFormat;
use super::head;
use super::line::Parser;
use super::reject::Reject;

/// What is shown of a line.
const SHOWN_CHARS: usize = 120;
/// What is kept of a line; HAProxy's own end at 1024 bytes unless `len` says otherwise.
const KEPT_BYTES: usize = 4096;
/// Lines of other programs that are looked at for HAProxy under another name.
const TRIES_MAX: u32 = 200;
/// Of ten lines, so many with the same reason are nearly all.
const NEARLY_ALL: u64 = 9;
/// Reasons that are named.
const REASONS_MAX: usize = 3;
/// Formats that are tried on a line that cannot be read in the one that is set.
const TRIED_WORDS: [&str; 2] = ["httplog", "clf"];

static TRIED_FORMATS: LazyLock<Vec<(&str, LogFormat)>> = LazyLock::new(|| {
    let compiled = |word| Some((word, LogFormat::compile(word).ok()?));
    TRIED_WORDS.into_iter().filter_map(compiled).collect()
});

/// Lines by what became of them.
#[derive(Clone, Debug, Default)]
pub struct Tally {
    lines: u64,
    rejected: BTreeMap<Reject, u64>,
    samples: Samples,
}

impl Tally {
    /// Counts one line: that it was read, or why not.
    #[inline]
    pub fn count(&mut self, read: Result<(), Reject>) {
        self.lines += 1;
        if let Err(reason) = read {
            *self.rejected.entry(reason).or_default() += 1;
        }
    }

    /// Keeps a line that was refused, if it is the first for that reason. `place` is in bytes, lines
    /// or blocks of the log; a smaller one is earlier.
    #[cold]
    pub fn sample(&mut self, parser: &Parser, place: u64, reason: Reject, line: &[u8]) {
        self.samples.take(parser, place, reason, line);
    }

    /// Adds what another reader of the same log saw, whose places count from `from`.
    pub fn merge(&mut self, other: &Self, from: u64) {
        self.lines += other.lines;
        for (reason, count) in &other.rejected {
            *self.rejected.entry(*reason).or_default() += count;
        }
        self.samples.merge(&other.samples, from);
    }

    pub const fn lines(&self) -> u64 {
        self.lines
    }

    /// Those that were read.
    pub fn requests(&self) -> u64 {
        self.lines - self.rejected.values().sum::<u64>()
    }

    /// HAProxy's messages about itself: neither requests nor lines that could not be read.
    pub fn messages(&self) -> u64 {
        let messages = self.rejected.iter().filter(|(it, _)| it.is_message());
        messages.map(|(_, count)| count).sum()
    }

    /// Those that should have been read and were not, by reason; reasons that did not occur are
    /// absent.
    pub fn rejected(&self) -> impl Iterator<Item = (Reject, u64)> {
        let all = self.rejected.iter().map(|(it, count)| (*it, *count));
        all.filter(|(reason, _)| !reason.is_message())
    }

    /// How many those are.
    pub fn refused(&self) -> u64 {
        self.rejected().map(|(_, count)| count).sum()
    }

    /// There were lines, and not one of them could be read.
    pub fn is_nothing_read(&self) -> bool {
        self.requests() == 0 && self.refused() > 0
    }

    /// The most frequent reasons, in words: `not_httplog 12, connect 3`.
    pub fn reasons(&self) -> String {
        let named = self.by_count().into_iter().take(REASONS_MAX);
        let named: Vec<_> = named.map(|(it, count)| format!("{it} {count}")).collect();
        named.join(", ")
    }

    fn by_count(&self) -> Vec<(Reject, u64)> {
        let mut reasons: Vec<_> = self.rejected().collect();
        reasons.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        reasons
    }

    /// Says what is wrong where no line was read, or nearly all were refused for one reason.
    pub fn advice(&self, parser: &Parser) -> Option<Advice> {
        let (requests, samples) = (self.requests(), &self.samples);
        let all = requests + self.refused();
        let (main, count) = *self.by_count().first()?;
        let is_nearly_all = count.saturating_mul(10) >= all.saturating_mul(NEARLY_ALL);
        // Other programs may well write most of a file.
        let is_odd =
            !main.is_ordinary() || (main == Reject::OtherProgram && samples.stranger.is_some());
        if requests > 0 && !(is_nearly_all && is_odd) {
            return None;
        }
        let how_many = if requests == 0 { "none" } else { "few" };
        let stranger = samples.stranger.as_ref();
        let stranger = stranger.filter(|_| main == Reject::OtherProgram);
        let (_, line) = stranger.or_else(|| samples.first.get(&main))?;
        let setting = Setting::of(parser, line);
        Some(Advice {
            what: format!(
                "{how_many} of the {all} lines can be read ({})",
                self.reasons()
            ),
            first: shown(line),
            way_out: setting
                .as_ref()
                .map_or_else(|| without_setting(main, parser, line), Setting::text),
            option: setting.as_ref().map(Setting::options),
            tag: setting.as_ref().and_then(|it| it.tag.clone()),
            format: setting.as_ref().and_then(|it| it.format),
        })
    }
}

/// The first refused line for each reason.
#[derive(Clone, Debug, Default)]
struct Samples {
    /// With its place in the log; a smaller one is earlier.
    first: BTreeMap<Reject, (u64, Vec<u8>)>,
    /// The first line of another program that would be a request if HAProxy were called so.
    stranger: Option<(u64, Vec<u8>)>,
    tries: u32,
}

impl Samples {
    /// See [`Tally::sample`].
    fn take(&mut self, parser: &Parser, place: u64, reason: Reject, line: &[u8]) {
        if self.first.get(&reason).is_none_or(|(at, _)| *at > place) {
            self.first.insert(reason, (place, kept(line)));
        }
        if reason == Reject::OtherProgram && self.stranger.is_none() && self.tries < TRIES_MAX {
            self.tries += 1;
            if Setting::of(parser, line).is_some_and(|setting| setting.tag.is_some()) {
                self.stranger = Some((place, kept(line)));
            }
        }
    }

    /// See [`Tally::merge`].
    fn merge(&mut self, other: &Self, from: u64) {
        for (reason, (place, line)) in &other.first {
            let place = place.saturating_add(from);
            if self.first.get(reason).is_none_or(|(at, _)| *at > place) {
                self.first.insert(*reason, (place, line.clone()));
            }
        }
        if let Some((place, line)) = &other.stranger {
            let place = place.saturating_add(from);
            if self.stranger.as_ref().is_none_or(|(at, _)| *at > place) {
                self.stranger = Some((place, line.clone()));
            }
        }
    }
}

fn kept(line: &[u8]) -> Vec<u8> {
    line.get(..KEPT_BYTES).unwrap_or(line).to_vec()
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Advice {
    what: String,
    first: String,
    /// What the lines look like, and the keys to set.
    pub way_out: String,
    option: Option<String>,
    /// The name of the program that writes them, if it has to be set.
    pub tag: Option<String>,
    /// The word for their format, if it has to be set.
    pub format: Option<&'static str>,
}

impl Advice {
    /// For the command line: also which options do the same.
    pub fn with_options(&self) -> String {
        let option = self.option.as_ref();
        let option = option.map_or(String::new(), |it| format!("; or give {it}"));
        format!("{self}{option}")
    }

    /// The first of the lines, shortened.
    pub fn first(&self) -> &str {
        &self.first
    }
}

impl fmt::Display for Advice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            what,
            first,
            way_out,
            ..
        } = self;
        write!(formatter, "{what}, the first of them `{first}`: {way_out}")
    }
}

/// What would make a line readable.
struct Setting {
    tag: Option<String>,
    format: Option<&'static str>,
}

impl Setting {
    /// Tried on the line: what is not proven is not said.
    fn of(parser: &Parser, line: &[u8]) -> Option<Self> {
        let named = head::programs(line).filter(|name| *name != parser.tag());
        let tags = std::iter::once(None).chain(named.map(Some));
        tags.take(8).find_map(|tag| {
            let name = tag.unwrap_or(parser.tag());
            let configured = Parser::new(parser.format(), name);
            let is_read = |parser: &Parser| parser.parse(line).is_ok();
            let setting = |format| Self {
                tag: tag.map(str::to_owned),
                format,
            };
            if is_read(&configured) {
                return tag.map(|_| setting(None));
            }
            let mut formats = TRIED_FORMATS.iter();
            let word = formats.find(|(_, format)| is_read(&Parser::new(format, name)));
            let word = word.map(|(word, _)| *word);
            match (word, tag) {
                (Some(word), _) => Some(setting(Some(word))),
                // HAProxy's, and still no request.
                (None, Some(_)) => configured
                    .parse(line)
                    .is_err_and(Reject::is_haproxys)
                    .then(|| setting(None)),
                (None, None) => None,
            }
        })
    }

    fn text(&self) -> String {
        match (&self.tag, self.format) {
            (Some(tag), None) => {
                format!("they are from `{tag}`; set tag = \"{tag}\" under [log]")
            }
            (Some(tag), Some(format)) => format!(
                "they are from `{tag}`, and {format}; set tag = \"{tag}\" and format = \"{format}\" \
                 under [log]"
            ),
            (None, Some(format)) => {
                format!("these lines are {format}; set format = \"{format}\" under [log]")
            }
            (None, None) => String::new(),
        }
    }

    fn options(&self) -> String {
        let tag = self.tag.as_ref().map(|tag| format!("--tag {tag}"));
        let format = self.format.map(|format| format!("--format {format}"));
        let options: Vec<_> = [tag, format].into_iter().flatten().collect();
        options.join(" ")
    }
}

/// Where no key would do it alone.
fn without_setting(reason: Reject, parser: &Parser, line: &[u8]) -> String {
    let is_json = head::text_of(line, parser.tag().as_bytes()).starts_with(b"{");
    match reason {
        Reject::OtherProgram => format!(
            "none is from `{}`; set tag under [log] to the name that HAProxy has in this log, as \
             `log-tag` of haproxy.cfg says",
            parser.tag()
        ),
        Reject::Tcplog => "they are `option tcplog`, which has no requests in it; write `mode http` and \
             `option httplog` into the frontend"
            .to_owned(),
        Reject::Connect => "HAProxy writes so without a log format; write `option httplog` into the \
             frontend or the defaults"
            .to_owned(),
        Reject::Clf => "they are CLF; write `option httplog clf` into haproxy.cfg and set \
             format = \"clf\" under [log], or use `option httplog`"
            .to_owned(),
        Reject::NotHttplog | Reject::NotFormat | Reject::UnknownHead if is_json => {
            "they are JSON; set format under [log] to the text behind `log-format` in haproxy.cfg"
                .to_owned()
        }
        Reject::NotHttplog => "they are in a format of their own; set format under [log] to the text \
             behind `log-format` in haproxy.cfg"
            .to_owned(),
        Reject::NotFormat => "they are in another format than the one under [log]; compare it with the \
             text behind `log-format` in haproxy.cfg, and with the frontend that writes this log"
            .to_owned(),
        Reject::UnknownHead => "what they begin with is no head that is known, and no request; let the \
             syslog daemon write date, host and `haproxy[PID]: ` before the text, or set format under \
             [log] to the text behind `log-format` in haproxy.cfg"
            .to_owned(),
        Reject::TooLong => "they are longer than max_line_bytes under [log]".to_owned(),
        Reject::FrontendError => "they are connections that never became a request".to_owned(),
        Reject::Empty
        | Reject::Partial
        | Reject::Nul
        | Reject::HaproxyMessage
        | Reject::BadDate
        | Reject::BadNumber => "see `parse --rejects` for each of them".to_owned(),
    }
}

/// The beginning of a line, printable.
pub fn shown(line: &[u8]) -> String {
    let text = String::from_utf8_lossy(line);
    let mut letters = text
        .chars()
        .map(|letter| if letter.is_control() { '·' } else { letter });
    let mut shown: String = letters.by_ref().take(SHOWN_CHARS).collect();
    if letters.next().is_some() {
        shown.push('…');
    }
    shown
}
