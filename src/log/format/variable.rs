//! Environment variables in a format: those that HAProxy sets itself stand for known texts.
//!
//! HAProxy predefines one for each of its standard formats while it reads its configuration, so that a
//! field can be added to a stock line (`src/haproxy.c`, 2.6 to 3.5-dev). All others have values that
//! only its environment knows.

use super::error::{Fault, FormatError, shortened};
use super::text::Glyph;

/// `option httplog` of 1.7 to 3.5-dev.
const HTTP: &str = "%ci:%cp [%tr] %ft %b/%s %TR/%Tw/%Tc/%Tr/%Ta %ST %B %CC %CS %tsc \
    %ac/%fc/%bc/%sc/%rc %sq/%bq %hr %hs %{+Q}r";
/// `option httpslog` is that, and this behind it.
const TLS: &str = " %[fc_err]/%[ssl_fc_err,hex]/%[ssl_c_err]/%[ssl_c_ca_err]/%[ssl_fc_is_resumed] \
    %[ssl_fc_sni]/%sslv/%sslc";
/// `option httplog clf`.
pub(super) const CLF: &str = "%{+Q}o %{-Q}ci - - [%trg] %r %ST %B \"\" \"\" %cp %ms %ft %b %s \
    %TR %Tw %Tc %Tr %Ta %tsc %ac %fc %bc %sc %rc %sq %bq %CC %CS %hrl %hsl";
/// `option tcplog`.
const TCP: &str = "%ci:%cp [%t] %ft %b/%s %Tw/%Tc/%Tt %B %ts %ac/%fc/%bc/%sc/%rc %sq/%bq";
/// `option tcplog clf`, 3.1 and later.
const TCP_CLF: &str = "%{+Q}o %{-Q}ci - - [%T] \"TCP \" 000 %B \"\" \"\" %cp %ms %ft %b %s \
    %Th %Tw %Tc %Tt %U %ts-- %ac %fc %bc %sc %rc %sq %bq \"\" \"\" ";

/// What follows a `$`.
pub(super) struct Variable<'a> {
    name: String,
    /// Its first character, and its last.
    place: (Glyph, Glyph),
    /// What stands behind it.
    pub(super) rest: &'a [Glyph],
}

impl<'a> Variable<'a> {
    /// `${NAME}`, `${NAME-default}` or `$NAME`, if `text` begins with one.
    pub(super) fn at(text: &'a [Glyph]) -> Option<Self> {
        let (dollar, behind) = text.split_first().filter(|(it, _)| it.letter == '$')?;
        let is_braced = behind.first().is_some_and(|it| it.letter == '{');
        let named = behind.get(usize::from(is_braced)..)?;
        let is_name = |glyph: &&Glyph| glyph.letter.is_ascii_alphanumeric() || glyph.letter == '_';
        let name: String = named
            .iter()
            .take_while(is_name)
            .map(|it| it.letter)
            .collect();
        let begins = name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '_');
        let mut length = name.len();
        if is_braced {
            length = named.iter().position(|it| it.letter == '}')? + 1;
        }
        let (last, rest) = (named.get(..length)?.last()?, named.get(length..)?);
        begins.then(|| Self {
            name,
            place: (dollar.clone(), last.clone()),
            rest,
        })
    }

    /// What HAProxy puts in its place.
    pub(super) fn value(&self) -> Option<String> {
        Some(match self.name.as_str() {
            "HAPROXY_HTTP_LOG_FMT" => HTTP.to_owned(),
            "HAPROXY_HTTPS_LOG_FMT" => format!("{HTTP}{TLS}"),
            "HAPROXY_HTTP_CLF_LOG_FMT" => CLF.to_owned(),
            "HAPROXY_TCP_LOG_FMT" => TCP.to_owned(),
            "HAPROXY_TCP_CLF_LOG_FMT" => TCP_CLF.to_owned(),
            _ => return None,
        })
    }

    /// The value's characters, each in the place of the whole variable; or why there is none.
    pub(super) fn expand(&self) -> Result<Vec<Glyph>, FormatError> {
        let (first, last) = &self.place;
        let range = first.range.start..last.range.end;
        let Some(value) = self.value() else {
            return Err(FormatError::new(
                Fault::Syntax,
                format!(
                    "the log format has the environment variable {}",
                    shortened(&self.name)
                ),
                range,
                "HAProxy puts its value here, which is not known to us",
                "write its value in its place; if the lines begin as those of `option httplog` do, \
                 format = \"httplog\" reads them, whatever follows",
            ));
        };
        let glyph = |letter| Glyph {
            letter,
            range: range.clone(),
        };
        Ok(value.chars().map(glyph).collect())
    }

    /// HAProxy puts nothing in its place here.
    pub(super) fn in_single_quotes(&self) -> FormatError {
        let (first, last) = &self.place;
        FormatError::new(
            Fault::Syntax,
            format!("the log format has {} in single quotes", self.name),
            first.range.start..last.range.end,
            "HAProxy writes these letters into the log, not their value",
            "put the format into double quotes, here and in haproxy.cfg",
        )
    }
}
