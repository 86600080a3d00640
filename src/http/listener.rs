//! Listens where the configuration says, and lets connections in: so many at once, the others are
//! told. A place that is taken is tried again.

use std::fs;
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::{TcpListener, UnixListener};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::Settings;
use super::answers::{App, Peer};
use super::connection;
use super::guard::Access;
use super::stream::{Kind, Stream};
use super::tokens::Tokens;
use crate::config::HttpConfig;
use crate::publish::record::{News, Record};
use crate::status::DaemonProblem;
use crate::words::listen::Listen;

/// Connections at the same time.
const CONNECTIONS_MAX: usize = 64;
/// Of those beyond, so many are told that there are too many.
const TOLD_MAX: usize = 64;
/// A place that cannot be listened on is tried again after this.
const RETRY_AFTER: Duration = Duration::from_secs(2);
/// Out of descriptors, most likely: the others get time to end.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves by the newest configuration until nobody gives one any more.
pub(super) async fn serve(mut settings: watch::Receiver<Settings>, app: App) {
    let mut bound: Option<Bound> = None;
    let mut gathering = JoinSet::new();
    let gatherer = app.clone();
    gathering.spawn(async move { gatherer.gather().await });
    loop {
        let Settings {
            http: config,
            events_file,
            places,
        } = settings.borrow_and_update().clone();
        if bound.as_ref().is_some_and(|it| it.listen != config.listen) {
            bound = None;
        }
        let before = app.tokens();
        let access = read_access(&config, before.as_deref(), &app);
        let tokens = access.tokens.clone();
        let may_listen = config.listen.remote_address().is_none() || tokens.is_some();
        app.set(access, events_file, places);
        if !may_listen {
            bound = None;
        }
        let are_same = match (&before, &tokens) {
            (None, None) => true,
            (Some(before), Some(tokens)) => tokens.are(before),
            (None, Some(_)) | (Some(_), None) => false,
        };
        if let Some(bound) = bound.as_mut().filter(|_| !are_same) {
            // Whoever is connected may have come in with a token that is none any more.
            bound.connections = JoinSet::new();
        }
        let work = async {
            if config.listen != Listen::Off && may_listen {
                let bound = match &mut bound {
                    Some(bound) => bound,
                    none => none.insert(bind(&config.listen, &app).await),
                };
                bound.accept_all(&app).await;
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            changed = settings.changed() => if changed.is_err() {
                return;
            },
            () = work => {}
        }
    }
}

/// Reads who may order. What is wrong with that is told, and nobody may.
fn read_access(config: &HttpConfig, before: Option<&Tokens>, app: &App) -> Access {
    if config.listen == Listen::Off {
        // What was wrong while it was on, or was found since the loop cleared it, is nobody's trouble.
        app.troubles.clear();
        return Access::default();
    }
    let file = config.token_file.as_deref();
    let tokens = file.map(|file| Tokens::read(file, before)).transpose();
    let problem = DaemonProblem::HttpToken;
    let tokens = match tokens {
        Ok(tokens) => {
            app.troubles.end(problem);
            tokens
        }
        Err(text) => {
            let what = match config.listen.remote_address() {
                Some(_) => "nothing is served over HTTP",
                None => "no orders are taken over HTTP",
            };
            let text = format!("{text}; until then {what}, and SIGHUP reads it again");
            app.troubles.set(&app.hub, problem, text);
            None
        }
    };
    Access {
        listen: config.listen.clone(),
        tokens: tokens.map(Arc::new),
    }
}

/// A place that is listened on, with who is connected. Ends all of them when dropped.
struct Bound {
    listen: Listen,
    listener: Listener,
    places: Arc<Semaphore>,
    told: Arc<Semaphore>,
    connections: JoinSet<()>,
    /// Removed at the end.
    socket: Option<PathBuf>,
}

enum Listener {
    Tcp(TcpListener),
    Unix(UnixListener),
}

/// Listens there, however long it takes to become possible.
async fn bind(listen: &Listen, app: &App) -> Bound {
    let problem = DaemonProblem::HttpNotListening;
    loop {
        let tried = match listen {
            Listen::Off => return std::future::pending().await,
            Listen::Tcp(address) => TcpListener::bind(address).await.map(Listener::Tcp),
            Listen::Unix(path) => bind_unix(path).map(Listener::Unix),
        };
        match tried {
            Ok(listener) => {
                app.troubles.end(problem);
                let listens = listen.to_string();
                app.hub.tell(Record::now(News::HttpListening(listens)));
                return Bound::new(listen, listener);
            }
            Err(error) => {
                let text = format!(
                    "cannot listen on {listen} for HTTP: {error}; it is tried again every {} s",
                    RETRY_AFTER.as_secs()
                );
                app.troubles.set(&app.hub, problem, text);
            }
        }
        sleep(RETRY_AFTER).await;
    }
}

/// In the place of a socket that nobody listens on any more.
fn bind_unix(path: &Path) -> io::Result<UnixListener> {
    if let Ok(found) = fs::symlink_metadata(path) {
        if !found.file_type().is_socket() {
            return Err(io::Error::other("a file that is no socket is there"));
        }
        if std::os::unix::net::UnixStream::connect(path).is_ok() {
            return Err(io::ErrorKind::AddrInUse.into());
        }
        fs::remove_file(path)?;
    }
    let listener = UnixListener::bind(path)?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o660))?;
    Ok(listener)
}

impl Bound {
    fn new(listen: &Listen, listener: Listener) -> Self {
        let socket = match listen {
            Listen::Unix(path) => Some(path.clone()),
            Listen::Off | Listen::Tcp(_) => None,
        };
        Self {
            listen: listen.clone(),
            listener,
            places: Arc::new(Semaphore::new(CONNECTIONS_MAX)),
            told: Arc::new(Semaphore::new(TOLD_MAX)),
            connections: JoinSet::new(),
            socket,
        }
    }

    async fn accept_all(&mut self, app: &App) {
        loop {
            tokio::select! {
                accepted = self.listener.accept() => match accepted {
                    Ok((stream, peer)) => self.let_in(stream, peer, app),
                    Err(_) => sleep(ACCEPT_PAUSE).await,
                },
                Some(_) = self.connections.join_next() => {}
            }
        }
    }

    fn let_in(&mut self, stream: Stream, peer: Peer, app: &App) {
        if let Ok(place) = Arc::clone(&self.places).try_acquire_owned() {
            let app = app.clone();
            self.connections.spawn(async move {
                let _counted = app.connected();
                connection::serve(stream, peer, app).await;
                drop(place);
            });
            return;
        }
        app.turned_away();
        if let Ok(place) = Arc::clone(&self.told).try_acquire_owned() {
            self.connections.spawn(async move {
                connection::turn_away(stream).await;
                drop(place);
            });
        }
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        if let Some(path) = &self.socket {
            let _ = fs::remove_file(path);
        }
    }
}

impl Listener {
    async fn accept(&self) -> io::Result<(Stream, Peer)> {
        match self {
            Self::Tcp(listener) => {
                let (stream, peer) = listener.accept().await?;
                // An event is a small write, and must not wait for the next one.
                stream.set_nodelay(true)?;
                Ok((Kind::Tcp(stream).into(), Peer::from(peer.ip())))
            }
            Self::Unix(listener) => {
                let (stream, _) = listener.accept().await?;
                let peer = Peer::unix(stream.peer_cred().ok().map(|it| it.uid()));
                Ok((Kind::Unix(stream).into(), peer))
            }
        }
    }
}
