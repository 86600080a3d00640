//! The site that the log is of: frontends, backends, servers, and what its users ask for.

/// The backend with the most requests.
pub const BUSIEST_BACKEND: &str = "web";

/// A backend.
#[derive(Clone, Copy)]
pub(super) struct Backend {
    pub(super) frontend: &'static str,
    pub(super) name: &'static str,
    /// The median of Tr, milliseconds.
    pub(super) median_ms: f64,
    pub(super) servers: &'static [&'static str],
}

/// As often as they stand here.
pub(super) const BACKENDS: [Backend; 10] = [WEB, WEB, WEB, WEB, WEB, API, API, API, STATIC, AUTH];

const WEB: Backend = Backend {
    frontend: "https_in~",
    name: BUSIEST_BACKEND,
    median_ms: 60.0,
    servers: &["web1", "web2", "web3", "web4", "web5", "web6"],
};
const API: Backend = Backend {
    frontend: "https_in~",
    name: "api-v2",
    median_ms: 15.0,
    servers: &["api-a", "api-b", "api-c"],
};
const STATIC: Backend = Backend {
    frontend: "http_in",
    name: "static",
    median_ms: 1.0,
    servers: &["cdn1", "cdn2"],
};
const AUTH: Backend = Backend {
    frontend: "https_in~",
    name: "auth.internal:8443",
    median_ms: 140.0,
    servers: &["auth_1", "auth_2"],
};

pub(super) const METHODS: [&str; 8] = ["GET", "GET", "GET", "GET", "GET", "POST", "HEAD", "PUT"];
pub(super) const PATHS: [&str; 10] = [
    "/?",
    "/index.html?ref=",
    "/products/garden/wheelbarrows?page=",
    "/assets/css/main.5f2a9c1e.css?v=",
    "/assets/js/vendor.bundle.min.js?",
    "/api/v2/customers/search?limit=50&offset=",
    "/api/v2/orders/",
    "/images/2026/10/header-large@2x.webp?",
    "/login?return=%2Faccount%2Forders%2F",
    "/favicon.ico?v=",
];
pub(super) const USER_AGENTS: [&str; 5] = [
    "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) \
     Chrome/141.0.0.0 Safari/537.36",
    "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like \
     Gecko) Version/18.6 Mobile/15E148 Safari/604.1",
    "curl/8.14.1",
    "python-requests/2.32.4",
];
/// Frequent ones more than once.
pub(super) const STATUSES: [i16; 24] = [
    200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 200, 304, 304, 201, 204,
    206, 302, 404, 404, 500,
];
