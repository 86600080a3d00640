//! The two table forms of HAProxy's replies, walked record by record: CSV of `show stat` and the
//! space-separated `show servers state`. Columns are found by the name in the header, never by
//! position: HAProxy 3.x puts new ones in the middle.

use super::reply::ReplyError;

/// Takes one line off the front of `rest`, without its newline.
///
/// # Errors
/// [`ReplyError::Cut`] when the text ends before a newline.
pub(super) fn take_line<'a>(rest: &mut &'a str) -> Result<&'a str, ReplyError> {
    let (line, after) = rest.split_once('\n').ok_or(ReplyError::Cut)?;
    *rest = after;
    Ok(line)
}

/// Takes one CSV record off the front of `rest` into `fields`; `false` at the empty line that ends
/// the table. Quoted fields (`last_chk`) may hold commas, newlines and doubled quotes; they are
/// given as they stand between the outer quotes.
///
/// # Errors
/// [`ReplyError::Cut`] when the text ends inside a record.
pub(super) fn take_record<'a>(
    rest: &mut &'a str,
    fields: &mut Vec<&'a str>,
) -> Result<bool, ReplyError> {
    fields.clear();
    if let Some(after) = rest.strip_prefix('\n') {
        *rest = after;
        return Ok(false);
    }
    loop {
        let (field, after) = match rest.strip_prefix('"') {
            Some(quoted) => take_quoted(quoted)?,
            None => rest.split_at(rest.find([',', '\n']).ok_or(ReplyError::Cut)?),
        };
        fields.push(field);
        if let Some(next) = after.strip_prefix(',') {
            *rest = next;
        } else if let Some(next) = after.strip_prefix('\n') {
            *rest = next;
            return Ok(true);
        } else if after.is_empty() {
            return Err(ReplyError::Cut);
        } else {
            let text = "a quoted field of show stat does not end where it should";
            return Err(ReplyError::Odd(text.to_owned()));
        }
    }
}

/// The field whose opening quote was just taken, and what follows its closing quote.
fn take_quoted(text: &str) -> Result<(&str, &str), ReplyError> {
    let mut from = 0;
    loop {
        let tail = text.get(from..).ok_or(ReplyError::Cut)?;
        let quote = from + tail.find('"').ok_or(ReplyError::Cut)?;
        let after = text.get(quote + 1..).ok_or(ReplyError::Cut)?;
        if after.starts_with('"') {
            from = quote + 2;
            continue;
        }
        return Ok((text.get(..quote).unwrap_or_default(), after));
    }
}

/// Where a named column is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Column {
    name: &'static str,
    at: usize,
}

impl Column {
    /// Finds `name` in the header.
    pub(super) fn find(header: &[&str], name: &'static str) -> Result<Self, ReplyError> {
        match header.iter().position(|column| *column == name) {
            Some(at) => Ok(Self { name, at }),
            None => Err(ReplyError::Odd(format!(
                "it has no column {name}; HAProxy 2.4 or later is needed"
            ))),
        }
    }

    /// This column of one row.
    pub(super) fn text<'a>(&self, row: &[&'a str]) -> Result<&'a str, ReplyError> {
        row.get(self.at)
            .copied()
            .ok_or_else(|| ReplyError::Odd(format!("a row has no column {}", self.name)))
    }

    /// This column of one row as a number; `None` when it is empty.
    pub(super) fn number(&self, row: &[&str]) -> Result<Option<u64>, ReplyError> {
        let text = self.text(row)?;
        if text.is_empty() {
            return Ok(None);
        }
        match text.parse() {
            Ok(number) => Ok(Some(number)),
            Err(_) => Err(ReplyError::Odd(format!(
                "column {} is not a number",
                self.name
            ))),
        }
    }

    /// As [`Column::number`], for gauges: what is beyond `u32` stays at its end.
    pub(super) fn given(&self, row: &[&str]) -> Result<Option<u32>, ReplyError> {
        let number = self.number(row)?;
        Ok(number.map(|number| u32::try_from(number).unwrap_or(u32::MAX)))
    }

    /// The same, where empty is 0.
    pub(super) fn gauge(&self, row: &[&str]) -> Result<u32, ReplyError> {
        Ok(self.given(row)?.unwrap_or(0))
    }
}
