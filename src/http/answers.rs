//! What is asked for, and what is answered. Who may ask is `guard`'s business, what an order does
//! `scaler`'s.

use std::fmt;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};
use std::time::{Duration, SystemTime};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::rejection::PathRejection;
use axum::extract::{DefaultBodyLimit, Path, State};
use axum::http::header::{
    ACCEPT, ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, WWW_AUTHENTICATE,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::{HeaderMap, HeaderValue, Request, StatusCode};
use axum::response::{IntoResponse, Json, Response};
use axum::routing::{get, post};
use tokio::sync::{Semaphore, watch};
use tokio::time::timeout;

use super::guard::Access;
use super::looks::{Looks, Sight};
use super::orders::Handed;
use super::pages::{Kind, Pages};
use super::tokens::Tokens;
use super::{READERS_MAX, Troubles, events, health, orders, page, view};
use crate::curve::Curves;
use crate::history::Places;
use crate::metrics::{self, Format, Seen};
use crate::publish::events::Events;
use crate::publish::hub::Hub;
use crate::status::Explained;

/// The longest body of a request: an order.
const BODY_BYTES_MAX: usize = 4096;
/// From the end of a request's headers to the beginning of its answer.
const ANSWER_LIMIT: Duration = Duration::from_secs(10);

/// Below it programs ask, and are answered in JSON.
const API: &str = "/api/";
/// Where orders are given.
pub(super) const ORDERS: &str = "/api/v1/orders";

/// What is served.
const INDEX: &str = "haproxy-autoscale\n\n\
    GET  /                a page for people\n\
    GET  /metrics         for Prometheus: classic text, or OpenMetrics by Accept\n\
    GET  /api/v1/status   what `haproxy-autoscale status --json` prints\n\
    GET  /api/v1/explain/BACKEND   what `haproxy-autoscale explain --json` prints\n\
    GET  /api/v1/events   what happens, as server-sent events; ?since=ID: from there on\n\
    GET  /api/v1/curve?backend=BACKEND   its last hour\n\
    GET  /api/v1/curves   the last hour of all backends in brief\n\
    GET  /api/v1/report   what `haproxy-autoscale report --json` prints\n\
    GET  /healthz         200, or 503 with the reason\n\
    POST /api/v1/orders   {\"order\":\"pause\",\"target\":\"web\",\"for\":\"1h\",\"reason\":\"…\"}, with a token\n";

/// What every connection shares.
#[derive(Clone)]
pub(super) struct App {
    pub(super) looks: Arc<Looks>,
    pub(super) hub: Hub,
    pub(super) troubles: Troubles,
    pub(super) events: Events,
    pub(super) curves: Curves,
    pub(super) sums: Arc<view::Sums>,
    /// The number of the newest event that is sent.
    gathered: watch::Sender<u64>,
    readers: Arc<Semaphore>,
    pages: Arc<Pages>,
    settings: Arc<RwLock<Served>>,
    tallies: Arc<Tallies>,
    /// All that only reads: by construction nothing else can be done there.
    router: Router,
    /// The one place that something is changed at.
    orders_router: Router,
}

/// By what is answered now.
#[derive(Clone, Debug, Default)]
struct Served {
    access: Access,
    events_file: Option<PathBuf>,
    places: Option<Places>,
}

/// What the server counts of itself.
#[derive(Debug, Default)]
struct Tallies {
    connections: AtomicUsize,
    streams: AtomicUsize,
    answers: [AtomicU64; 5],
    turned_away: AtomicU64,
}

/// Who is at the other end.
#[derive(Clone, Debug)]
pub(super) struct Peer(String);

impl From<IpAddr> for Peer {
    fn from(address: IpAddr) -> Self {
        Self(address.to_canonical().to_string())
    }
}

impl Peer {
    /// Of a Unix socket, by its user id when the kernel told.
    pub(super) fn unix(uid: Option<u32>) -> Self {
        Self(uid.map_or_else(|| "unix".to_owned(), |uid| format!("unix uid {uid}")))
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

/// Why there is no other answer.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    text: String,
}

impl Problem {
    pub(super) fn new(status: StatusCode, text: impl Into<String>) -> Self {
        Self {
            status,
            text: text.into(),
        }
    }
}

/// The text of an answer that is a [`Problem`], until it is known who asked for what.
#[derive(Clone, Debug)]
struct Complaint(String);

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        if self.status == StatusCode::UNAUTHORIZED {
            let scheme = HeaderValue::from_static("Bearer");
            response.headers_mut().insert(WWW_AUTHENTICATE, scheme);
        }
        response.extensions_mut().insert(Complaint(self.text));
        response
    }
}

/// Writes out why there is no other answer: as JSON to programs, which ask below `/api/`, else as text.
fn complained(mut response: Response, path: &str) -> Response {
    let complaint = response.extensions_mut().remove::<Complaint>();
    let text = match complaint {
        Some(Complaint(text)) => text,
        None if response.status() == StatusCode::METHOD_NOT_ALLOWED => {
            let allowed = response.headers().get(ALLOW);
            let allowed = allowed.and_then(|it| it.to_str().ok()).unwrap_or_default();
            format!("{path} takes {}", allowed.replace(',', ", "))
        }
        None => return response,
    };
    let (mut parts, _) = response.into_parts();
    parts.headers.remove(CONTENT_LENGTH);
    let body = if path.starts_with(API) {
        Json(serde_json::json!({ "error": text })).into_response()
    } else {
        plain(parts.status, text + "\n")
    };
    let (of_body, body) = body.into_parts();
    parts.headers.extend(of_body.headers);
    Response::from_parts(parts, body)
}

/// One connection, counted for as long as this lives.
pub(super) struct Counted(Arc<Tallies>, fn(&Tallies) -> &AtomicUsize);

impl Drop for Counted {
    fn drop(&mut self) {
        self.1(&self.0).fetch_sub(1, Ordering::Relaxed);
    }
}

impl App {
    pub(super) fn new(
        looks: Looks,
        hub: Hub,
        troubles: Troubles,
        events: Events,
        curves: Curves,
    ) -> Self {
        let mut app = Self {
            looks: Arc::new(looks),
            hub,
            troubles,
            gathered: watch::Sender::new(*events.newest().borrow()),
            events,
            curves,
            sums: Arc::default(),
            readers: Arc::new(Semaphore::new(READERS_MAX)),
            pages: Arc::default(),
            settings: Arc::default(),
            tallies: Arc::default(),
            router: Router::new(),
            orders_router: Router::new(),
        };
        app.orders_router = Router::new()
            .route(ORDERS, post(orders::take))
            .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
            .with_state(app.clone());
        app.router = Router::new()
            .route("/", get(page::index))
            .route("/page/{part}", get(page::part))
            .route("/metrics", get(show_metrics))
            .route("/healthz", get(health::show))
            .route("/api/v1/status", get(show_status))
            .route("/api/v1/explain", get(explain_all))
            .route("/api/v1/explain/{backend}", get(explain_one))
            .route("/api/v1/events", get(events::show))
            .route("/api/v1/overview", get(view::overview))
            .route("/api/v1/curve", get(view::curve))
            .route("/api/v1/curves", get(view::curves))
            .route("/api/v1/report", get(view::report))
            .fallback(nothing_there)
            .with_state(app.clone());
        app
    }

    /// Answers by that from now on.
    pub(super) fn set(&self, access: Access, events_file: Option<PathBuf>, places: Option<Places>) {
        *self
            .settings
            .write()
            .unwrap_or_else(PoisonError::into_inner) = Served {
            access,
            events_file,
            places,
        };
    }

    fn settings(&self) -> RwLockReadGuard<'_, Served> {
        self.settings.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Those that are known now.
    pub(super) fn tokens(&self) -> Option<Arc<Tokens>> {
        self.settings().access.tokens.clone()
    }

    /// Where all events are that are kept.
    pub(super) fn events_file(&self) -> Option<PathBuf> {
        self.settings().events_file.clone()
    }

    /// Where the loop is asked what it has not told yet.
    pub(super) fn places(&self) -> Option<Places> {
        self.settings().places.clone()
    }

    pub(super) fn pages(&self) -> &Pages {
        &self.pages
    }

    pub(super) async fn answer(&self, mut request: Request<Body>, peer: Peer) -> Response {
        let checked = self.settings().access.check(&request);
        let path = request.uri().path().to_owned();
        let response = match checked {
            Err(problem) => problem.into_response(),
            Ok(holder) => {
                let extensions = request.extensions_mut();
                extensions.insert(peer);
                if let Some(holder) = holder {
                    extensions.insert(holder);
                }
                self.route(request).await
            }
        };
        let mut response = complained(response, &path);
        let class = usize::from(response.status().as_u16() / 100);
        if let Some(count) = self.tallies.answers.get(class.wrapping_sub(1)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        let headers = response.headers_mut();
        let nosniff = HeaderValue::from_static("nosniff");
        headers.insert(X_CONTENT_TYPE_OPTIONS, nosniff);
        let no_store = HeaderValue::from_static("no-store");
        headers.entry(CACHE_CONTROL).or_insert(no_store);
        response
    }

    async fn route(&self, mut request: Request<Body>) -> Response {
        let handed = Handed::default();
        request.extensions_mut().insert(handed.clone());
        let mut router = if request.uri().path() == ORDERS {
            self.orders_router.clone()
        } else {
            self.router.clone()
        };
        let answered = tower_service::Service::call(&mut router, request);
        match timeout(ANSWER_LIMIT, answered).await {
            Ok(Ok(response)) => response,
            Ok(Err(never)) => match never {},
            Err(_) if handed.is_so() => orders::unanswered(),
            Err(_) => Problem::new(
                StatusCode::REQUEST_TIMEOUT,
                "the request took too long to arrive",
            )
            .into_response(),
        }
    }

    pub(super) fn connected(&self) -> Counted {
        self.count(|tallies| &tallies.connections)
    }

    fn count(&self, which: fn(&Tallies) -> &AtomicUsize) -> Counted {
        which(&self.tallies).fetch_add(1, Ordering::Relaxed);
        Counted(Arc::clone(&self.tallies), which)
    }

    /// Gathers events for those who listen, until the daemon ends.
    pub(super) async fn gather(&self) {
        events::gather(self.events.clone(), self.gathered.clone()).await;
    }

    pub(super) fn gathered(&self) -> watch::Receiver<u64> {
        self.gathered.subscribe()
    }

    /// Those who may read files of events now.
    pub(super) fn readers(&self) -> Arc<Semaphore> {
        Arc::clone(&self.readers)
    }

    /// One who is sent events, if there is room.
    pub(super) fn streams(&self, max: usize) -> Option<Counted> {
        // All of it is in one thread: nobody comes in between.
        let is_free = self.tallies.streams.load(Ordering::Relaxed) < max;
        is_free.then(|| self.count(|tallies| &tallies.streams))
    }

    pub(super) fn turned_away(&self) {
        self.tallies.turned_away.fetch_add(1, Ordering::Relaxed);
    }

    fn served(&self) -> metrics::Served {
        let tallies = &self.tallies;
        let mut answers = [0; 5];
        for (to, from) in answers.iter_mut().zip(&tallies.answers) {
            *to = from.load(Ordering::Relaxed);
        }
        metrics::Served {
            connections: tallies.connections.load(Ordering::Relaxed),
            streams: tallies.streams.load(Ordering::Relaxed),
            answers,
            turned_away: tallies.turned_away.load(Ordering::Relaxed),
        }
    }
}

async fn show_metrics(State(app): State<App>, headers: HeaderMap) -> Result<Response, Problem> {
    let seen = match app.looks.look().await {
        Sight::Fresh(seen) => seen,
        Sight::Stale(..) => return Err(no_look()),
    };
    let format = format_of(&headers);
    let page = app.pages.page(&seen, Kind::Metrics(format), || {
        metrics::text(&seen, app.served(), format).map_err(|_| cannot_write("the metrics"))
    })?;
    Ok(([(CONTENT_TYPE, format.content_type())], page).into_response())
}

async fn show_status(State(app): State<App>) -> Result<Response, Problem> {
    let Sight::Fresh(seen) = app.looks.look().await else {
        return Err(no_look());
    };
    let page = app.pages.page(&seen, Kind::Status, || {
        Ok(seen.report.promised_json(SystemTime::now()) + "\n")
    })?;
    Ok(json(page))
}

async fn explain_all(State(app): State<App>) -> Result<Response, Problem> {
    let Sight::Fresh(seen) = app.looks.look().await else {
        return Err(no_look());
    };
    let page = app.pages.page(&seen, Kind::Explained, || {
        let all = explained(&app, &seen, None);
        serde_json::to_string(&all).map_err(|_| cannot_write("the reasons"))
    })?;
    Ok(json(page))
}

pub(super) fn json(page: Bytes) -> Response {
    ([(CONTENT_TYPE, "application/json")], page).into_response()
}

pub(super) fn cannot_write(what: &str) -> Problem {
    let status = StatusCode::INTERNAL_SERVER_ERROR;
    Problem::new(status, format!("{what} cannot be written"))
}

async fn explain_one(
    State(app): State<App>,
    backend: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let backend = backend.ok().map(|Path(backend)| backend);
    let backend = backend.unwrap_or_default();
    let Sight::Fresh(seen) = app.looks.look().await else {
        return Err(no_look());
    };
    let explained = explained(&app, &seen, Some(&backend));
    let Some(one) = explained.first() else {
        let text = "no backend of that name is looked after";
        return Err(Problem::new(StatusCode::NOT_FOUND, text));
    };
    Ok(Json(one).into_response())
}

fn explained(app: &App, seen: &Seen, backend: Option<&str>) -> Vec<Explained> {
    let last = |backend: &str| app.events.last_of(backend);
    seen.report.explain(backend, SystemTime::now(), last)
}

/// Old numbers would look like a daemon that works.
pub(super) fn no_look() -> Problem {
    let status = StatusCode::SERVICE_UNAVAILABLE;
    Problem::new(
        status,
        "the daemon's loop does not answer; /healthz says more",
    )
}

pub(super) async fn nothing_there() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        format!("there is nothing here\n\n{INDEX}"),
    )
}

/// `OpenMetrics` if it is asked for at least as eagerly as plain text, as Prometheus does.
fn format_of(headers: &HeaderMap) -> Format {
    let accepts = headers.get_all(ACCEPT).iter();
    let accepts = accepts.filter_map(|it| it.to_str().ok());
    let (mut open, mut plain) = (0.0, 0.0);
    for range in accepts.flat_map(|it| it.split(',')) {
        let mut parts = range.split(';').map(str::trim);
        let kind = parts.next().unwrap_or_default().to_ascii_lowercase();
        let weight = parts.find_map(|it| it.strip_prefix("q=")?.parse::<f64>().ok());
        let weight = weight.unwrap_or(1.0);
        match kind.as_str() {
            "application/openmetrics-text" => open = f64::max(open, weight),
            "text/plain" | "text/*" => plain = f64::max(plain, weight),
            _ => {}
        }
    }
    if open > 0.0 && open >= plain {
        Format::OpenMetrics
    } else {
        Format::Classic
    }
}

pub(super) fn plain(status: StatusCode, text: String) -> Response {
    let kind = [(CONTENT_TYPE, "text/plain; charset=utf-8")];
    (status, kind, text).into_response()
}
