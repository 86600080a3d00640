//! The rows of the list: each backend with its servers below it, filtered and sorted.

use crate::status::{BackendStatus, ServerStatus, Status};

/// What the rows stand in order of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Sort {
    #[default]
    Configured,
    Name,
    /// Those with a problem first, then those that are not well.
    WorstFirst,
}

impl Sort {
    pub(super) const fn next(self) -> Self {
        match self {
            Self::Configured => Self::Name,
            Self::Name => Self::WorstFirst,
            Self::WorstFirst => Self::Configured,
        }
    }

    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Configured => "as configured",
            Self::Name => "by name",
            Self::WorstFirst => "worst first",
        }
    }
}

/// One row: a backend, or a server of it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row<'status> {
    pub(super) backend: &'status BackendStatus,
    pub(super) server: Option<&'status ServerStatus>,
}

/// Which row it is, whatever stands around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) backend: String,
    pub(super) server: Option<String>,
}

impl Row<'_> {
    pub(super) fn key(&self) -> Key {
        Key {
            backend: self.backend.name.clone(),
            server: self.server.map(|server| server.name.clone()),
        }
    }

    pub(super) fn is(&self, key: &Key) -> bool {
        self.backend.name == key.backend
            && self.server.map(|server| server.name.as_str()) == key.server.as_deref()
    }
}

/// The rows of that status: of `only` that backend if there is one, those with `filter` in a name, state or
/// stage. A server brings its backend's row with it.
pub(super) fn rows<'status>(
    status: &'status Status,
    only: Option<&str>,
    filter: &str,
    sort: Sort,
) -> Vec<Row<'status>> {
    let filter = filter.to_lowercase();
    let has = |text: &str| text.to_lowercase().contains(&filter);
    let mut backends: Vec<_> = status.backends.iter().collect();
    backends.retain(|backend| only.is_none_or(|name| name == backend.name));
    match sort {
        Sort::Configured => {}
        Sort::Name => backends.sort_by(|a, b| a.name.cmp(&b.name)),
        Sort::WorstFirst => {
            backends.sort_by_key(|backend| (backend.problems().is_empty(), backend.state == "ok"));
        }
    }
    let mut rows = Vec::new();
    for backend in backends {
        let whole = has(&backend.name) || has(&backend.state);
        let servers: Vec<_> = backend
            .servers
            .iter()
            .filter(|server| whole || has(&server.name) || has(&server.stage))
            .map(|server| Row {
                backend,
                server: Some(server),
            })
            .collect();
        if whole || !servers.is_empty() {
            rows.push(Row {
                backend,
                server: None,
            });
            rows.extend(servers);
        }
    }
    rows
}
