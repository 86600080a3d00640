//! `[http]`: what `listen` may be, and that others must not read or order without a token. Serving
//! lives in `crate::http`.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::HttpConfig;
use super::diagnostic::{Code, Diagnostic, Label, Span, quoted};
use super::reader::Reader;
use super::text::{self, Mistake};
use super::values::{Entry, Parse};
use crate::words::listen::Listen;

const HELP: &str = "write \"127.0.0.1:9478\", \"[::1]:9478\", \"unix:/run/haproxy-autoscale/http.sock\", \
                    or \"\" to listen nowhere";

impl Parse for Listen {
    const KIND: &'static str = "`\"\"`, `\"ADDRESS:PORT\"` or `\"unix:PATH\"`";

    fn parse(given: &Entry<'_>, reader: &mut Reader<'_>) -> Option<Self> {
        given.parsed(listen, reader)
    }

    fn show(&self) -> String {
        quoted(&self.to_string())
    }
}

fn listen(text: &str) -> Result<Listen, Mistake> {
    if text.is_empty() {
        return Ok(Listen::Off);
    }
    if let Some(path) = text.strip_prefix("unix:") {
        text::socket_path(path, HELP)?;
        return Ok(Listen::Unix(PathBuf::from(path)));
    }
    match text.parse::<SocketAddr>() {
        Ok(address) if address.port() > 0 => Ok(Listen::Tcp(address)),
        Ok(_) => Err(Mistake::new("port 0 is no port to find it on", HELP)),
        Err(_) => Err(Mistake::new("neither ADDRESS:PORT nor unix:PATH", HELP)),
    }
}

/// A listener that others can reach needs `token_file`; `span` is where `listen` stands.
pub(super) fn check(http: &HttpConfig, span: Span, reader: &mut Reader<'_>) {
    let Some(address) = http.listen.remote_address() else {
        return;
    };
    if http.token_file.is_some() {
        return;
    }
    reader.add(Diagnostic::new(
        Code::HttpWithoutToken,
        format!("`listen` under [http] is beyond this host: {address}"),
        Label::new(span, "everybody who reaches this port could read it"),
        format!(
            "write `token_file = \"/etc/haproxy-autoscale/token\"`, or listen on \"127.0.0.1:{}\"",
            address.port()
        ),
    ));
}
