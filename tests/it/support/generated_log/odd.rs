//! What lines there are: the plain request, and everything that stands between plain ones in a real
//! log. Their numbers are what HAProxy was seen to write in each case.

#![allow(clippy::wildcard_enum_match_arm)] // each function changes the few kinds that it names

use super::http::{Asked, Captures, Client, Http, Marks, push, push_bsd, push_start};
use super::names::{BACKENDS, STATUSES};
use super::{Generator, Made, MadeHalog, Request};

/// What a line was made to show.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs)] // each is told where it is made, below
pub enum Kind {
    Plain,
    NoServer,
    ServerTimeout,
    QueueTimeout,
    ServerQueueTimeout,
    ConnectFailed,
    ServerClosed,
    ClientGaveUp,
    BadRequest,
    RequestTimeout,
    Denied,
    Redirect,
    Tarpit,
    StatsPage,
    Prometheus,
    Cache,
    Logasap,
    Redispatched,
    MinusOneStatus,
    ZeroStatus,
    UnknownStatus,
    Websocket,
    Truncated,
    LongUri,
    CarriageReturn,
    Cookies,
    Ipv6,
    UnixClient,
    Https,
    EscapedCaptures,
    EmptyRequest,
    OwnMessage,
    FrontendError,
    Connect,
    Tcplog,
    Clf,
    OtherProgram,
    Impostor,
    Repeated,
    BadDate,
    Torn,
    Empty,
    Garbage,
    Hole,
}

impl Kind {
    /// All but the plain one.
    pub const ODD: [Self; 43] = [
        Self::NoServer,
        Self::ServerTimeout,
        Self::QueueTimeout,
        Self::ServerQueueTimeout,
        Self::ConnectFailed,
        Self::ServerClosed,
        Self::ClientGaveUp,
        Self::BadRequest,
        Self::RequestTimeout,
        Self::Denied,
        Self::Redirect,
        Self::Tarpit,
        Self::StatsPage,
        Self::Prometheus,
        Self::Cache,
        Self::Logasap,
        Self::Redispatched,
        Self::MinusOneStatus,
        Self::ZeroStatus,
        Self::UnknownStatus,
        Self::Websocket,
        Self::Truncated,
        Self::LongUri,
        Self::CarriageReturn,
        Self::Cookies,
        Self::Ipv6,
        Self::UnixClient,
        Self::Https,
        Self::EscapedCaptures,
        Self::EmptyRequest,
        Self::OwnMessage,
        Self::FrontendError,
        Self::Connect,
        Self::Tcplog,
        Self::Clf,
        Self::OtherProgram,
        Self::Impostor,
        Self::Repeated,
        Self::BadDate,
        Self::Torn,
        Self::Empty,
        Self::Garbage,
        Self::Hole,
    ];
}

/// HAProxy's `log … len 1024` less the newline.
const TRUNCATED_BYTES: usize = 1023;
/// Of a query, with `len 8192` and `tune.http.logurilen` as large.
const LONG_URI_BYTES: u64 = 7000;

/// HAProxy about itself.
const MESSAGES: [&str; 8] = [
    "Server web/web3 is UP/READY (leaving forced maintenance).",
    "Server web/web3 is going DOWN for maintenance. 5 active and 0 backup servers left. 2 sessions \
     active, 0 requeued, 0 remaining in queue.",
    "Server api-v2/api-b is DOWN, reason: Layer4 connection problem, info: \"Connection \
     refused\", check duration: 0ms. 2 active and 0 backup servers left. 0 sessions active, 0 \
     requeued, 0 remaining in queue.",
    "Health check for server web/web3 failed, reason: Layer7 wrong status, code: 503, info: \
     \"10.0.0.1:1 [01/Nov/2026:00:00:00.000] fe web/web1 0/0/0/9/9 200 1 - - ---- 1/1/1/1/0 0/0\", \
     check duration: 1ms, status: 0/2 DOWN.",
    "backend auth.internal:8443 has no server available!",
    "Proxy https_in started.",
    "SPOE: [hauth] <EVENT:on-frontend-http-request> sid=3 st=0 0/0/0/0 1/1 0/0 0/3",
    "[WARNING]  (31) : Server web/web2 is UP, reason: Layer4 check passed, check duration: 0ms.",
];
/// Other programs of the same machine, one that quotes a line of ours.
const OTHERS: [&str; 4] = [
    "sshd[812]: Accepted publickey for root from 10.0.0.7 port 51234 ssh2: ED25519 SHA256:q8Zk",
    "systemd[1]: Started session-42.scope - Session 42 of User root.",
    "kernel: [31536.112233] TCP: request_sock_TCP: Possible SYN flooding on port 443.",
    "app[77]: seen haproxy[1]: 10.0.0.1:1 [01/Nov/2026:00:00:00.000] fe web/web1 0/0/0/9/9 200 1",
];
/// What follows `FRONTEND/BIND: `; halog takes the first word for a server.
const FRONTEND_ERRORS: [(&str, &str); 3] = [
    ("SSL", " handshake failure"),
    ("Connection", " closed during SSL handshake"),
    ("Truncated", " PROXY protocol header received"),
];

impl Generator {
    pub(super) fn make(&mut self, kind: Kind) -> Made {
        match kind {
            Kind::OwnMessage => self.say(MESSAGES[self.made_index(MESSAGES.len())]),
            Kind::Connect => self.say("Connect from 10.0.1.2:33312 to 10.0.3.31:8012 (www/HTTP)"),
            Kind::Clf => self.say(
                "10.0.0.9 - - [31/Oct/2026:23:59:59 +0000] \"GET / HTTP/1.1\" 200 1234 \"\" \"\" \
                 51234 123 \"https_in\" \"web\" \"web1\" 0 0 0 9 9 ---- 1 1 1 1 0 0 0 \"\" \"\" \
                 \"\" \"\"",
            ),
            Kind::FrontendError => self.frontend_error(),
            Kind::Tcplog => self.tcplog(),
            Kind::OtherProgram => {
                self.other_program(OTHERS[self.made_index(OTHERS.len())]);
                Made::nothing()
            }
            Kind::Impostor => self.impostor(),
            Kind::Repeated => self.repeated(),
            Kind::BadDate => self.bad_date(),
            Kind::Torn => self.torn(),
            Kind::Empty => Made::nothing(),
            Kind::Garbage => self.garbage(),
            Kind::Hole => {
                self.text.resize(64, 0);
                self.http_line(Kind::Plain);
                Made::nothing()
            }
            _ => {
                let (request, _) = self.http_line(kind);
                if kind == Kind::Truncated {
                    self.text.truncate(TRUNCATED_BYTES);
                }
                if kind == Kind::CarriageReturn {
                    self.text.push(b'\r');
                }
                Made::request(request)
            }
        }
    }

    /// One of `len`, in turn.
    fn made_index(&self, len: usize) -> usize {
        usize::try_from(self.made).unwrap_or(0) % len
    }

    fn say(&mut self, words: &str) -> Made {
        self.write_text(&[words]);
        Made::nothing()
    }

    fn other_program(&mut self, words: &str) {
        push_bsd(&mut self.text, self.now_ms);
        push(&mut self.text, " lb1 ");
        push(&mut self.text, words);
    }

    /// A connection that never became a request.
    fn frontend_error(&mut self) -> Made {
        let (word, rest) = self.prng.pick(&FRONTEND_ERRORS);
        self.write_text(&[]);
        push_start(&mut self.text, &mut self.prng, Client::Ipv4, self.now_ms);
        push(&mut self.text, "https_in/1: ");
        let start = self.text.len();
        push(&mut self.text, word);
        let end = self.text.len();
        push(&mut self.text, rest);
        Made::only_halog(MadeHalog::Name(start, end))
    }

    /// `option tcplog`: three timers, and no status.
    fn tcplog(&mut self) -> Made {
        self.write_text(&[]);
        push_start(
            &mut self.text,
            &mut self.prng,
            Client::Ipv4,
            self.now_ms - 5000,
        );
        push(&mut self.text, "smtp_in ");
        let start = self.text.len();
        push(&mut self.text, self.prng.pick(&["smtp/mx1", "smtp/mx2"]));
        let end = self.text.len();
        push(&mut self.text, " 0/1/5007 2342 -- 12/3/2/1/0 0/0");
        Made::only_halog(MadeHalog::Name(start, end))
    }

    /// Another program's text in the exact shape of ours. halog does not look at the program.
    fn impostor(&mut self) -> Made {
        let http = self.http(Kind::Plain);
        self.other_program("app[77]: ");
        super::http::push_http(&mut self.text, &mut self.prng, self.now_ms, &http);
        Made::only_halog(MadeHalog::Request(http.request))
    }

    /// What rsyslog makes of equal messages with `RepeatedMsgReduction on`: proof of one request more.
    fn repeated(&mut self) -> Made {
        let http = self.http(Kind::Plain);
        self.write_text(&["message repeated 2 times: [ "]);
        super::http::push_http(&mut self.text, &mut self.prng, self.now_ms, &http);
        push(&mut self.text, "]");
        // No syslog daemon writes it behind a head that names no program, and nobody reads it there.
        Made {
            request: self.options.head.names_program().then_some(http.request),
            halog: MadeHalog::Missed,
        }
    }

    /// A day that does not exist, so no HAProxy wrote it. halog looks at one digit of it.
    fn bad_date(&mut self) -> Made {
        let (request, marks) = self.http_line(Kind::Plain);
        let bracket = self.text[marks.body..]
            .iter()
            .position(|&byte| byte == b'[');
        let day = marks.body + bracket.map_or(0, |at| at + 1);
        self.text[day..day + 2].copy_from_slice(b"39");
        Made::only_halog(MadeHalog::Request(request))
    }

    /// A line that breaks off, as `log … len 80` or a full disk leaves it behind, most often about
    /// the fields that count.
    fn torn(&mut self) -> Made {
        let (request, marks) = self.http_line(Kind::Plain);
        let (from, to) = (marks.server - 8, marks.bytes + 4);
        let end = from + self.prng.index(to - from);
        self.text.truncate(end);
        let halog = if end <= marks.server {
            MadeHalog::Right
        } else if end <= marks.last_timer {
            // Four timers are no request, but the row exists by then.
            MadeHalog::Name(marks.server, end.min(marks.server_end))
        } else if end <= marks.status {
            MadeHalog::Timers(request)
        } else if end <= marks.bytes {
            MadeHalog::Request(request)
        } else {
            return Made::request(request);
        };
        Made::only_halog(halog)
    }

    /// Bytes of any kind but newlines.
    fn garbage(&mut self) -> Made {
        let len = 1 + self.prng.below(400);
        for _ in 0..len {
            let byte = self.prng.bits().to_le_bytes()[0];
            self.text.push(if byte == b'\n' { b'?' } else { byte });
        }
        Made::nothing()
    }

    fn http_line(&mut self, kind: Kind) -> (Request, Marks) {
        let http = self.http(kind);
        let marks = self.write_http(&http);
        (http.request, marks)
    }

    /// An HTTP line of this kind. Those that are no HTTP lines themselves are made around a plain one.
    fn http(&mut self, kind: Kind) -> Http {
        let mut http = self.plain();
        self.change_request(kind, &mut http);
        self.change_shape(kind, &mut http);
        http
    }

    fn plain(&mut self) -> Http {
        let prng = &mut self.prng;
        let backend = prng.pick(&BACKENDS);
        let server = prng.index(backend.servers.len());
        let request_ms = if prng.chance(0.8) {
            0
        } else {
            prng.log_normal(3.0, 1.0)
        };
        let (queue_ms, queues) = if prng.chance(0.97) {
            (0, "0/0")
        } else {
            (prng.log_normal(40.0, 1.2), "3/17")
        };
        // Mostly a connection that is there already.
        let connect_ms = if prng.chance(0.8) {
            0
        } else {
            prng.log_normal(2.0, 0.8)
        };
        // No server is quite like the next.
        let median_ms = backend.median_ms * (1.0 + server as f64 / 4.0);
        let response_ms = prng.log_normal(median_ms, 0.9);
        let data_ms = if prng.chance(0.7) {
            0
        } else {
            prng.log_normal(5.0, 1.0)
        };
        let has_captures = prng.chance(0.25);
        Http {
            request: Request {
                backend: backend.name,
                server: backend.servers[server],
                request_ms,
                queue_ms,
                connect_ms,
                response_ms,
                total_ms: request_ms + queue_ms + connect_ms + response_ms + data_ms,
                status: prng.pick(&STATUSES),
            },
            frontend: backend.frontend,
            client: Client::Ipv4,
            is_logasap: false,
            bytes: 90 + prng.log_normal(4000.0, 1.5),
            cookies: "- -",
            termination: "----",
            retries: "0",
            queues,
            captures: if has_captures {
                Captures::UserAgent
            } else {
                Captures::None
            },
            asked: Asked::Usual,
            tail: "",
        }
    }

    /// What it says.
    fn change_request(&mut self, kind: Kind, http: &mut Http) {
        let frontend = http.frontend.trim_end_matches('~');
        let (waited, took) = (http.request.queue_ms, 1 + http.request.response_ms);
        // Server, unless it is the one that was chosen; timers; status; termination flags.
        let (server, timers, status, termination) = match kind {
            Kind::NoServer => ("<NOSRV>", [0, -1, -1, -1, 0], 503, "SC--"),
            Kind::ServerTimeout => ("", [0, waited, 0, -1, 30_001], 504, "sH--"),
            Kind::QueueTimeout => ("<NOSRV>", [0, 5001, -1, -1, 5001], 503, "sQ--"),
            Kind::ServerQueueTimeout => ("", [0, 5000, -1, -1, 5000], 503, "sQVN"),
            Kind::ConnectFailed => ("", [0, waited, -1, -1, 3003], 503, "SC--"),
            Kind::ServerClosed => ("", [0, waited, 1, -1, took], 502, "SH--"),
            Kind::ClientGaveUp => ("", [0, waited, 1, -1, took], 400, "CH--"),
            Kind::BadRequest => ("<NOSRV>", [-1, -1, -1, -1, 0], 400, "PR--"),
            Kind::RequestTimeout => ("<NOSRV>", [-1, -1, -1, -1, 10_001], 408, "cR--"),
            Kind::Denied => ("<NOSRV>", [0, -1, -1, -1, 0], 403, "PR--"),
            Kind::Redirect => ("<NOSRV>", [0, -1, -1, -1, 0], 302, "LR--"),
            Kind::Tarpit => ("<NOSRV>", [-1, 302, -1, -1, 301], 500, "PT--"),
            Kind::StatsPage => ("<STATS>", [0, 0, 0, 0, 0], 200, "LR--"),
            Kind::Prometheus => ("<PROMEX>", [0, 0, 0, 0, 0], 200, "LR--"),
            Kind::Cache => ("<CACHE>", [0, 0, 0, 0, 0], 200, "LR--"),
            Kind::MinusOneStatus => ("<NOSRV>", [-1, -1, -1, -1, took], -1, "CR--"),
            Kind::ZeroStatus => ("<NOSRV>", [-1, -1, -1, -1, took], 0, "CR--"),
            Kind::UnknownStatus => (
                "",
                [0, 0, 0, took, took],
                self.prng.pick(&[600, 999]),
                "----",
            ),
            Kind::Websocket => ("", [0, 0, 2, took, took + 3_600_000], 101, "----"),
            _ => return,
        };
        let [request_ms, queue_ms, connect_ms, response_ms, total_ms] = timers;
        let is_in_frontend = matches!(
            kind,
            Kind::BadRequest
                | Kind::RequestTimeout
                | Kind::Denied
                | Kind::Redirect
                | Kind::Tarpit
                | Kind::StatsPage
                | Kind::Prometheus
                | Kind::MinusOneStatus
                | Kind::ZeroStatus
        );
        let chosen = http.request;
        http.request = Request {
            backend: if is_in_frontend {
                frontend
            } else {
                chosen.backend
            },
            server: if server.is_empty() {
                chosen.server
            } else {
                server
            },
            request_ms,
            queue_ms,
            connect_ms,
            response_ms,
            total_ms,
            status,
        };
        http.termination = termination;
    }

    /// How it says it.
    fn change_shape(&mut self, kind: Kind, http: &mut Http) {
        let bad_request = Asked::Text("\"<BADREQ>\"");
        match kind {
            Kind::BadRequest | Kind::RequestTimeout | Kind::MinusOneStatus => {
                (http.captures, http.asked) = (Captures::None, bad_request);
            }
            Kind::ZeroStatus | Kind::EmptyRequest => http.asked = Asked::Text("\"\""),
            Kind::QueueTimeout | Kind::ServerQueueTimeout => http.queues = "0/31",
            Kind::ConnectFailed => http.retries = "3",
            Kind::Redispatched => http.retries = "+1",
            Kind::Logasap => http.is_logasap = true,
            Kind::LongUri => {
                http.asked = Asked::Long(
                    self.prng
                        .index(usize::try_from(LONG_URI_BYTES).unwrap_or(0)),
                );
            }
            Kind::Truncated => http.asked = Asked::Long(TRUNCATED_BYTES),
            Kind::Cookies => http.cookies = "SESS=a b\"c {d} 0/0/0/1/1 JSESSIONID=web2~8f\u{e9}",
            Kind::Ipv6 => http.client = Client::Ipv6,
            Kind::UnixClient => http.client = Client::Text(self.prng.pick(&["unix:3", "-:22222"])),
            Kind::Https => {
                (http.frontend, http.asked) = (
                    "https_in~",
                    Asked::Text("\"GET https://www.example.org/h2 HTTP/2.0\""),
                );
                http.tail =
                    " 0/0000000000000000/0/0/0 www.example.org/TLSv1.3/TLS_AES_256_GCM_SHA384";
            }
            Kind::EscapedCaptures => {
                http.captures = Captures::Text(
                    "{a #22q#22 #7Bb#7Cc#7D #23d \\ #C3#A9#09tab|web/web1 0/0/0/1/1 200 1} {|} ",
                );
            }
            _ => {}
        }
    }
}
