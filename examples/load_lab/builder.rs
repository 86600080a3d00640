//! How cases are written down: `plain(…)` and what is different, one word after the other.

use crate::case::{Act, Case, Clients, Log, Mood, Share, When};

impl Case {
    /// Part of `--quick`.
    pub fn quick(mut self) -> Self {
        self.quick = true;
        self
    }

    /// For this version of HAProxy and later ones.
    pub fn since(mut self, major: u32, minor: u32) -> Self {
        self.since = (major, minor);
        self
    }

    /// Lines of `global`.
    pub fn global(mut self, lines: &'static str) -> Self {
        self.haproxy.global = lines;
        self
    }

    /// Lines of `defaults`.
    pub fn defaults(mut self, lines: &'static str) -> Self {
        self.haproxy.defaults = lines;
        self
    }

    /// Lines of the frontend.
    pub fn frontend(mut self, lines: &'static str) -> Self {
        self.haproxy.frontend = lines;
        self
    }

    /// Lines of the backend before its servers; health is asked for besides.
    pub fn backend(mut self, lines: &'static str) -> Self {
        self.haproxy.backend = lines;
        self
    }

    /// The same words behind each server's address.
    pub fn each(self, words: &'static str) -> Self {
        self.servers([words; 3])
    }

    /// Words behind the servers' addresses.
    pub fn servers(mut self, words: [&'static str; 3]) -> Self {
        self.haproxy.servers = words;
        self
    }

    /// Behind everything in haproxy.cfg.
    pub fn more(mut self, text: &'static str) -> Self {
        self.haproxy.more = text;
        self
    }

    /// How lines travel.
    pub fn log(mut self, log: Log) -> Self {
        self.haproxy.log = log;
        self
    }

    /// With a master process, so that it can be reloaded.
    pub fn master(mut self) -> Self {
        self.haproxy.master = true;
        self
    }

    /// Keys of the daemon, see [`Case::daemon`].
    pub fn told(mut self, keys: &'static [(&'static str, &'static str)]) -> Self {
        self.daemon = keys;
        self
    }

    /// Requests a second, and for how many seconds.
    pub fn users(mut self, curve: &'static [(f64, f64)]) -> Self {
        self.load.curve = curve;
        self
    }

    /// They leave after so many seconds.
    pub fn patience(mut self, seconds: f64) -> Self {
        self.load.patience = seconds;
        self
    }

    /// Who comes.
    pub fn clients(mut self, clients: Clients) -> Self {
        self.load.clients = clients;
        self
    }

    /// What they ask for.
    pub fn path(mut self, path: &'static str) -> Self {
        self.load.path = path;
        self
    }

    /// How often they ask again.
    pub fn retries(mut self, retries: u32) -> Self {
        self.load.retries = retries;
        self
    }

    /// One server is so from the start.
    pub fn mood(mut self, server: usize, mood: Mood) -> Self {
        self.servers[server] = mood;
        self
    }

    /// All servers are so from the start.
    pub fn moods(mut self, mood: Mood) -> Self {
        self.servers = [mood; 3];
        self
    }

    /// What their agents say.
    pub fn agents(mut self, said: [&'static str; 3]) -> Self {
        for (mood, agent) in self.servers.iter_mut().zip(said) {
            mood.agent = agent;
        }
        self
    }

    /// Something happens.
    pub fn act(mut self, when: When, act: Act) -> Self {
        self.acts.push((when, act));
        self
    }

    /// At most so many per cent of users without a page.
    pub fn bad(mut self, percent: f64) -> Self {
        self.expect.bad_percent = percent;
        self
    }

    /// What a newcomer gets.
    pub fn share(mut self, share: Share) -> Self {
        self.expect.share = share;
        self
    }

    /// Who must have been ready.
    pub fn comes(mut self, servers: &'static [usize]) -> Self {
        self.expect.comes = servers;
        self
    }

    /// (server, since, within), see [`crate::case::Expect`].
    pub fn ready_within(mut self, all: &'static [(usize, f64, f64)]) -> Self {
        self.expect.ready_within = all;
        self
    }

    /// (server, seconds, requests).
    pub fn out_within(mut self, all: &'static [(usize, f64, usize)]) -> Self {
        self.expect.out_within = all;
        self
    }

    /// (server, from, to).
    pub fn stays(mut self, all: &'static [(usize, f64, f64)]) -> Self {
        self.expect.stays = all;
        self
    }

    /// (from, to, ms).
    pub fn median(mut self, all: &'static [(f64, f64, f64)]) -> Self {
        self.expect.median = all;
        self
    }

    /// Words that the daemon must say.
    pub fn says(mut self, words: &'static [&'static str]) -> Self {
        self.expect.said = words;
        self
    }

    /// Words that would be untrue.
    pub fn never_says(mut self, words: &'static [&'static str]) -> Self {
        self.expect.unsaid = words;
        self
    }

    /// Whether nobody who comes once the first spare is ready may be without a page.
    pub fn safe_once_ready(mut self, is_safe: bool) -> Self {
        self.expect.safe_once_ready = is_safe;
        self
    }

    /// So many users may reach a spare before it is ready: a rule of HAProxy's sends them there.
    pub fn early(mut self, users: usize) -> Self {
        self.expect.early = users;
        self
    }

    /// No spare becomes ready after that second.
    pub fn none_after(mut self, second: f64) -> Self {
        self.expect.none_after = Some(second);
        self
    }

    /// All spares are at rest at the end.
    pub fn rests(mut self) -> Self {
        self.expect.rests = true;
        self
    }

    /// Users reach a server in maint, which is said.
    pub fn reaches_maint(mut self) -> Self {
        self.expect.reaches_maint = true;
        self
    }

    /// The whole way in and out, and (nearly) nobody without a page.
    pub fn whole_way(self) -> Self {
        self.users(&[(95.0, 18.0), (8.0, 16.0)]).bad(0.3).rests()
    }
}
