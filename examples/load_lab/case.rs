//! What a case is: a configuration of HAProxy and of the daemon, a load, what happens to servers, and
//! what must be seen. Data alone; nothing here runs.

/// One configuration under one load.
#[derive(Clone, Debug)]
pub struct Case {
    /// Its name on the command line.
    pub name: &'static str,
    /// What it shows, in a few words.
    pub about: &'static str,
    /// Part of `--quick`.
    pub quick: bool,
    /// The least version of HAProxy, as (major, minor).
    pub since: (u32, u32),
    /// HAProxy's side.
    pub haproxy: Haproxy,
    /// Keys of the daemon beside the lab's own: `grace`, `warm_up.path`, `haproxy.poll_interval`, with
    /// their TOML values; an empty value goes back to the product's default.
    pub daemon: &'static [(&'static str, &'static str)],
    /// What users do.
    pub load: Load,
    /// How servers are at first, as in `SERVERS`.
    pub servers: [Mood; 3],
    /// What happens meanwhile.
    pub acts: Vec<(When, Act)>,
    /// What must be seen.
    pub expect: Expect,
}

/// Fragments of haproxy.cfg; each line of a fragment goes to the section of that name.
#[derive(Clone, Debug)]
pub struct Haproxy {
    /// `global`.
    pub global: &'static str,
    /// `defaults`, behind the lab's own.
    pub defaults: &'static str,
    /// `frontend www`.
    pub frontend: &'static str,
    /// `backend web`; `option httpchk GET /health` stands there anyway.
    pub backend: &'static str,
    /// What stands behind each server's address, as in `SERVERS`; `{agent}` is its agent's port, a
    /// lone `-` leaves the server out. Spares get `disabled`.
    pub servers: [&'static str; 3],
    /// How lines travel.
    pub log: Log,
    /// `-W`, so that it can be reloaded.
    pub master: bool,
    /// Another `server` or section, behind everything.
    pub more: &'static str,
}

/// How HAProxy's lines reach the daemon.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Log {
    /// HAProxy writes to its standard output, which ends up in a file.
    File,
    /// Datagrams straight to the daemon.
    Udp,
}

/// Open loop: users come as they come, answered or not.
#[derive(Clone, Debug)]
pub struct Load {
    /// Requests per second, and for how many seconds; one after the other.
    pub curve: &'static [(f64, f64)],
    /// A user leaves after so many seconds.
    pub patience: f64,
    /// Who comes.
    pub clients: Clients,
    /// What is asked for; `?id=N` is put behind it.
    pub path: &'static str,
    /// A user who got no page asks again so often, at once.
    pub retries: u32,
}

/// Who comes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clients {
    /// Somebody new each time, with a connection of his own.
    New,
    /// One of so many, who keep the cookies that they get.
    Returning(usize),
    /// One of those who have an idle connection, if there are any.
    KeepAlive,
}

/// How a server is.
#[derive(Clone, Copy, Debug)]
pub struct Mood {
    /// Pages at a time; the rest waits inside.
    pub workers: usize,
    /// One page, milliseconds.
    pub page_ms: f64,
    /// Pages take so many times longer.
    pub slower: f64,
    /// The first pages of a cold server, and how many times longer they take.
    pub cold: (u32, f64),
    /// The status of pages.
    pub pages: u16,
    /// Pages with a 5xx need no worker and no time.
    pub fails_fast: bool,
    /// The status of `/health`.
    pub health: u16,
    /// The status of `/warm`.
    pub warm: u16,
    /// `/health` waits for a worker as pages do.
    pub health_waits: bool,
    /// Whether it is there at all.
    pub life: Life,
    /// What the agent says.
    pub agent: &'static str,
}

/// Whether a server is there at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Life {
    /// It answers.
    Well,
    /// It accepts and never answers.
    Hung,
    /// It refuses connections, and those that it had are closed.
    Dead,
}

/// 4 workers of 60 ms: 66 pages a second.
pub const WELL: Mood = Mood {
    workers: 4,
    page_ms: 60.0,
    slower: 1.0,
    cold: (0, 1.0),
    pages: 200,
    fails_fast: false,
    health: 200,
    warm: 200,
    health_waits: false,
    life: Life::Well,
    agent: "up 100%",
};

/// When something happens.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum When {
    /// So many seconds after the load begins.
    At(f64),
    /// So many seconds after HAProxy first shows this server ready.
    Ready(usize, f64),
    /// So many seconds after it shows it in maint again, once it was ready.
    Gone(usize, f64),
}

/// What happens.
#[derive(Clone, Copy, Debug)]
pub enum Act {
    /// A server changes.
    Mood(usize, Mood),
    /// All servers change, as with a slow database behind them.
    All(Mood),
    /// A command of somebody else on the admin socket; `{web2}` is that server's address.
    Command(&'static str),
    /// An operator's order to the daemon, and its exit code.
    Order(&'static [&'static str], i32),
    /// HAProxy is reloaded.
    Reload,
    /// Its `show servers state` is written to the server-state-file `states`.
    SaveState,
    /// So many long requests to this path, each for so many milliseconds.
    Long(usize, &'static str, u64),
}

/// How much a spare must get.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Share {
    /// At least half of its fair share within 2 s.
    Fair,
    /// HAProxy cannot send it any (or next to nothing): the daemon says so, and does not count it.
    Never,
    /// Nothing is asked.
    Any,
}

/// What must be seen, beside what must be seen in every case (see `verdict`).
#[derive(Clone, Debug)]
pub struct Expect {
    /// Users without a page, per cent.
    pub bad_percent: f64,
    /// What a spare gets.
    pub share: Share,
    /// Spares that must have been ready at some time.
    pub comes: &'static [usize],
    /// (server, since, within): ready within so many seconds after that moment.
    pub ready_within: &'static [(usize, f64, f64)],
    /// (server, seconds, requests): out again after so many seconds or requests, whichever is later.
    pub out_within: &'static [(usize, f64, usize)],
    /// (server, from, to): ready all that time.
    pub stays: &'static [(usize, f64, f64)],
    /// (from, to, ms): the median of users who came then.
    pub median: &'static [(f64, f64, f64)],
    /// Words of the daemon (log, notes and problems of `status`); alternatives are divided by `|`.
    pub said: &'static [&'static str],
    /// Words that would be untrue.
    pub unsaid: &'static [&'static str],
    /// Nobody who comes once the first spare is ready is without a page.
    pub safe_once_ready: bool,
    /// So many users may reach a spare before it is ready, until the daemon sees it.
    pub early: usize,
    /// No spare becomes ready after that second.
    pub none_after: Option<f64>,
    /// All spares are at rest at the end.
    pub rests: bool,
    /// Users who reach a server in maint are said, not prevented (persistence).
    pub reaches_maint: bool,
}

/// A plain case: round robin, checks each second, nothing odd. All others say what they change.
pub fn plain(name: &'static str, about: &'static str) -> Case {
    Case {
        name,
        about,
        quick: false,
        since: (2, 4),
        haproxy: Haproxy {
            global: "nbthread 1",
            defaults: "timeout queue 2s",
            frontend: "",
            backend: "balance roundrobin",
            servers: ["check inter 1s"; 3],
            log: Log::File,
            master: false,
            more: "",
        },
        daemon: &[],
        load: Load {
            curve: &[(95.0, 18.0), (8.0, 6.0)],
            patience: 30.0,
            clients: Clients::New,
            path: "/page",
            retries: 0,
        },
        servers: [WELL; 3],
        acts: Vec::new(),
        expect: Expect {
            bad_percent: 1.0,
            share: Share::Fair,
            comes: &[1],
            ready_within: &[],
            out_within: &[],
            stays: &[],
            median: &[],
            said: &[],
            unsaid: &[],
            safe_once_ready: false,
            early: 0,
            none_after: None,
            rests: false,
            reaches_maint: false,
        },
    }
}

impl Case {
    /// How long users come.
    pub fn seconds(&self) -> f64 {
        self.load.curve.iter().map(|(_, seconds)| seconds).sum()
    }
}
