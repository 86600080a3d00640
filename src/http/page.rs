//! The page at `/`: plain HTML, CSS and JavaScript of `page/`, which are in the binary. It has no data of
//! its own and asks for what `answers` serves; nothing of it comes from elsewhere, and nothing in it is
//! written by the daemon.

use axum::extract::Path;
use axum::extract::rejection::PathRejection;
use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH, REFERRER_POLICY,
    X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};

use super::answers::{Problem, nothing_there};

/// Nothing but what is served here may be loaded, and no text may become HTML or a script.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
                      img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
                      require-trusted-types-for 'script'";

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";
const IMAGE: &str = "image/svg+xml";

/// One part of the page.
struct Part {
    name: &'static str,
    kind: &'static str,
    text: &'static str,
    tag: u64,
}

/// A row for each part: its name is that of its file.
macro_rules! parts {
    ($($kind:ident $name:literal)*) => {
        &[$(Part {
            name: $name,
            kind: $kind,
            text: include_str!(concat!("page/", $name)),
            tag: tag(include_str!(concat!("page/", $name))),
        }),*]
    };
}

static PARTS: &[Part] = parts! {
    HTML "index.html"
    CSS "style.css"
    IMAGE "icon.svg"
    SCRIPT "main.js"
    SCRIPT "dom.js"
    SCRIPT "words.js"
    SCRIPT "connection.js"
    SCRIPT "backends.js"
    SCRIPT "chart.js"
    SCRIPT "curve.js"
    SCRIPT "detail.js"
    SCRIPT "events.js"
    SCRIPT "orders.js"
    SCRIPT "sparks.js"
    SCRIPT "today.js"
};

/// FNV-1a: another text has another tag. Nobody has to fear that it can be forged.
const fn tag(text: &str) -> u64 {
    let bytes = text.as_bytes();
    let (mut hash, mut at) = (0xcbf2_9ce4_8422_2325_u64, 0);
    while at < bytes.len() {
        #[allow(clippy::indexing_slicing)] // Below its length; a `const fn` has no iterator.
        let byte = bytes[at];
        hash = (hash ^ byte as u64).wrapping_mul(0x100_0000_01b3);
        at += 1;
    }
    hash
}

/// Never kept: after an upgrade it names the parts of that version.
pub(super) async fn index(headers: HeaderMap) -> Response {
    let mut response = serve("index.html", &headers).await;
    let no_store = HeaderValue::from_static("no-store");
    response.headers_mut().insert(CACHE_CONTROL, no_store);
    response
}

pub(super) async fn part(
    name: Result<Path<String>, PathRejection>,
    headers: HeaderMap,
) -> Response {
    let name = name.map(|Path(name)| name).unwrap_or_default();
    serve(&name, &headers).await
}

async fn serve(name: &str, headers: &HeaderMap) -> Response {
    let Some(part) = PARTS.iter().find(|part| part.name == name) else {
        return nothing_there().await.into_response();
    };
    let tag = format!("\"{:016x}\"", part.tag);
    let known = headers.get_all(IF_NONE_MATCH).iter();
    let known = known.filter_map(|it| it.to_str().ok());
    let is_known = known
        .flat_map(|it| it.split(','))
        .any(|it| it.trim().trim_start_matches("W/") == tag);
    let Ok(tag) = HeaderValue::from_str(&tag) else {
        let status = StatusCode::INTERNAL_SERVER_ERROR;
        return Problem::new(status, "the page cannot be served").into_response();
    };
    let mut response = if is_known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(CONTENT_TYPE, part.kind)], part.text).into_response()
    };
    let headers = response.headers_mut();
    headers.insert(ETAG, tag);
    for (name, value) in [
        // Asked for anew each time, and sent only when it is another one: after an upgrade no old
        // script meets a new page.
        (CACHE_CONTROL, "no-cache"),
        (CONTENT_SECURITY_POLICY, POLICY),
        (REFERRER_POLICY, "no-referrer"),
        (X_FRAME_OPTIONS, "DENY"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}
