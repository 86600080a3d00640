//! The two sections of a backend's reply that tell about servers: `show servers state` and
//! `show stat`. Pure; the process and the small replies are in `reply`.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use super::reply::{ReplyError, odd_answer};
use super::table::{Column, take_line, take_record};
use crate::words::picture::{BackendRead, Balance, CheckRead, Crowded, ServerCounters, ServerRead};

/// `srv_check_state` bits of a server that has `check`, and of one whose checks run
/// (`CHK_ST_CONFIGURED`, `CHK_ST_ENABLED` in HAProxy's source).
const CHECK_CONFIGURED: u32 = 2;
const CHECK_ENABLED: u32 = 4;

/// HAProxy's default `rise` and `fall`, for a server whose checks are paused: its `show stat` row
/// leaves the real ones empty then.
const DEFAULT_RISE: u32 = 2;
const DEFAULT_FALL: u32 = 3;

/// Types of rows in `show stat` (`management.txt` §9.1, field `type`).
const TYPE_FRONTEND: &str = "0";
const TYPE_BACKEND: &str = "1";
const TYPE_SERVER: &str = "2";

/// HAProxy's rate wavers below its limit: all but one of so many parts of it count as reached.
const RATE_PARTS: u32 = 10;

/// Takes the section of `show servers state` (`management.txt` §9.3): a version digit, a header,
/// one server a line, an empty line. What it tells of the servers of the backends that are wanted.
pub(super) fn take_states<'a>(
    rest: &mut &'a str,
    wanted: &'a [String],
) -> Result<BTreeMap<&'a str, Vec<ServerRead>>, ReplyError> {
    let version = take_line(rest)?;
    if version.is_empty() || !version.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(odd_answer(version));
    }
    let header = take_line(rest)?;
    let Some(header) = header.strip_prefix("# ") else {
        return Err(odd_answer(header));
    };
    let header: Vec<&str> = header.split(' ').collect();
    let find = |name| Column::find(&header, name);
    let backend_name = find("be_name")?;
    let name = find("srv_name")?;
    let [ip, port] = [find("srv_addr")?, find("srv_port")?];
    let tls = find("srv_use_ssl")?;
    let [admin, operational] = [find("srv_admin_state")?, find("srv_op_state")?];
    let [result, health] = [find("srv_check_result")?, find("srv_check_health")?];
    let state = find("srv_check_state")?;
    let [user, initial] = [find("srv_uweight")?, find("srv_iweight")?];
    let wanted = wanted.iter().map(|name| (name.as_str(), Vec::new()));
    let mut rows: BTreeMap<&str, Vec<ServerRead>> = wanted.collect();
    loop {
        let line = take_line(rest)?;
        if line.is_empty() {
            return Ok(rows);
        }
        let row: Vec<&str> = line.split(' ').collect();
        let Some(rows) = rows.get_mut(backend_name.text(&row)?) else {
            continue;
        };
        let state = state.gauge(&row)?;
        let check = CheckRead {
            result: result.gauge(&row)?,
            health: health.gauge(&row)?,
            is_enabled: state & CHECK_ENABLED != 0,
            ..CheckRead::default()
        };
        rows.push(ServerRead {
            name: name.text(&row)?.to_owned(),
            address: socket_address(ip.text(&row)?, port.text(&row)?),
            // -1 stands for an explicit `no-ssl` (measured on 2.6.12).
            is_tls: tls.text(&row)? == "1",
            admin: admin.gauge(&row)?,
            operational: operational.gauge(&row)?,
            user_weight: user.gauge(&row)?,
            initial_weight: initial.gauge(&row)?,
            check: (state & CHECK_CONFIGURED != 0).then_some(check),
            ..ServerRead::default()
        });
    }
}

/// `None` for `-` (a Unix socket, a name not resolved), for port 0 (none given) and for the
/// unspecified address, which to HAProxy means "where the client wanted to go".
fn socket_address(ip: &str, port: &str) -> Option<SocketAddr> {
    let ip: IpAddr = ip.parse().ok()?;
    let port: u16 = port.parse().ok()?;
    (port != 0 && !ip.is_unspecified()).then_some(SocketAddr::new(ip, port))
}

/// What is needed of `show stat`.
pub(super) struct Stats<'a> {
    pub(super) backends: BTreeMap<&'a str, BackendStats<'a>>,
    /// Frontends whose connections are at their limit.
    pub(super) crowded: Vec<Crowded>,
}

/// The rows of one backend.
#[derive(Default)]
pub(super) struct BackendStats<'a> {
    pub(super) totals: Option<Totals>,
    pub(super) servers: BTreeMap<&'a str, StatRow>,
    /// Servers that another server, of any backend, follows.
    pub(super) tracked: BTreeSet<&'a str>,
}

/// The BACKEND row.
pub(super) struct Totals {
    /// Without its servers.
    pub(super) read: BackendRead,
    is_down: bool,
    /// `act`: servers that are no backups and can take traffic.
    active: u32,
}

/// One server's row.
pub(super) struct StatRow {
    /// What it alone tells.
    read: ServerRead,
    rise_fall: Option<(u32, u32)>,
}

/// The columns of `show stat` that are read, by their names in it.
macro_rules! columns {
    ($($column:ident = $name:literal,)*) => {
        struct Columns {
            $($column: Column,)*
            /// `hrsp_*`, the 5xx ones included.
            responses: [Column; 6],
            /// Shown to operators and above only.
            balance: Option<Column>,
            cookie: Option<Column>,
            agent: Option<Column>,
        }

        impl Columns {
            fn find(header: &[&str]) -> Result<Self, ReplyError> {
                let find = |name| Column::find(header, name);
                Ok(Self {
                    $($column: find($name)?,)*
                    responses: [
                        find("hrsp_1xx")?,
                        find("hrsp_2xx")?,
                        find("hrsp_3xx")?,
                        find("hrsp_4xx")?,
                        find("hrsp_5xx")?,
                        find("hrsp_other")?,
                    ],
                    balance: find("algo").ok(),
                    cookie: find("cookie").ok(),
                    agent: find("agent_status").ok(),
                })
            }
        }
    };
}

columns! {
    proxy = "pxname",
    name = "svname",
    kind = "type",
    sessions = "scur",
    limit = "slim",
    total = "stot",
    queued = "qcur",
    rate = "rate",
    rate_limit = "rate_lim",
    rise = "check_rise",
    fall = "check_fall",
    tracked = "tracked",
    status = "status",
    weight = "weight",
    active = "act",
    backup = "bck",
    throttle = "throttle",
    connect_errors = "econ",
    response_errors = "eresp",
    server_errors = "hrsp_5xx",
}

impl Columns {
    fn responses(&self, row: &[&str]) -> Result<u64, ReplyError> {
        let mut sum = 0_u64;
        for class in &self.responses {
            sum = sum.saturating_add(class.number(row)?.unwrap_or(0));
        }
        Ok(sum)
    }

    fn server(&self, row: &[&str]) -> Result<StatRow, ReplyError> {
        let count = |column: &Column| Ok(column.number(row)?.unwrap_or(0));
        let errors = count(&self.connect_errors)?.saturating_add(count(&self.response_errors)?);
        let (rise, fall) = (self.rise.given(row)?, self.fall.given(row)?);
        let read = ServerRead {
            sessions: self.sessions.gauge(row)?,
            queued: self.queued.gauge(row)?,
            weight: self.weight.gauge(row)?,
            is_backup: self.backup.gauge(row)? > 0,
            throttle: self.throttle.given(row)?,
            maxconn: self.limit.given(row)?.filter(|limit| *limit > 0),
            is_by_agent: self.status.text(row)?.contains("(agent)"),
            tracks_another: !self.tracked.text(row)?.is_empty(),
            has_agent: !text_of(self.agent.as_ref(), row)?.is_empty(),
            counters: Some(ServerCounters {
                taken: count(&self.total)?,
                ended: self.responses(row)?.saturating_add(errors),
                failed: count(&self.server_errors)?.saturating_add(errors),
            }),
            ..ServerRead::default()
        };
        let rise_fall = rise.zip(fall);
        Ok(StatRow { read, rise_fall })
    }

    fn totals(&self, row: &[&str]) -> Result<Totals, ReplyError> {
        let read = BackendRead {
            responses: self.responses(row)?,
            sessions: self.sessions.gauge(row)?,
            queued: self.queued.gauge(row)?,
            arrived: self.total.number(row)?.unwrap_or(0),
            balance: balance(text_of(self.balance.as_ref(), row)?),
            has_cookie: !text_of(self.cookie.as_ref(), row)?.is_empty(),
            servers: Vec::new(),
        };
        Ok(Totals {
            read,
            is_down: self.status.text(row)?.starts_with("DOWN"),
            active: self.active.gauge(row)?,
        })
    }

    fn crowded(&self, row: &[&str]) -> Result<Option<Crowded>, ReplyError> {
        let name = self.proxy.text(row)?;
        let (open, limit) = (self.sessions.gauge(row)?, self.limit.gauge(row)?);
        if limit > 0 && open >= limit {
            let name = name.to_owned();
            return Ok(Some(Crowded::Frontend { name, limit }));
        }
        let (rate, limit) = (self.rate.gauge(row)?, self.rate_limit.gauge(row)?);
        let is_crowded =
            limit > 0 && rate.saturating_mul(RATE_PARTS) >= limit.saturating_mul(RATE_PARTS - 1);
        let name = name.to_owned();
        Ok(is_crowded.then_some(Crowded::Rate { name, limit }))
    }
}

/// Nothing where the column is not shown.
fn text_of<'a>(column: Option<&Column>, row: &[&'a str]) -> Result<&'a str, ReplyError> {
    column.map_or(Ok(""), |column| column.text(row))
}

/// HAProxy's names of its algorithms (`backend_lb_algo_str` in its source).
fn balance(algorithm: &str) -> Balance {
    match algorithm {
        "roundrobin" | "static-rr" => Balance::InTurn,
        "leastconn" | "random" => Balance::ByLoad,
        "first" => Balance::First,
        "source" | "uri" | "url_param" | "hdr" | "rdp-cookie" | "hash" => Balance::ByHash,
        _ => Balance::Unknown,
    }
}

/// Takes the section of `show stat` (`management.txt` §9.1): `# pxname,…`, then one row a line. What is
/// wanted of it: the rows of those backends, and frontends that are full.
pub(super) fn take_stats<'a>(
    rest: &mut &'a str,
    wanted: &'a [String],
) -> Result<Stats<'a>, ReplyError> {
    let Some(after) = rest.strip_prefix("# ") else {
        return Err(odd_answer(take_line(rest)?));
    };
    *rest = after;
    let mut fields = Vec::new();
    take_record(rest, &mut fields)?;
    let columns = Columns::find(&fields)?;
    let wanted = wanted.iter();
    let mut stats = Stats {
        backends: wanted
            .map(|name| (name.as_str(), BackendStats::default()))
            .collect(),
        crowded: Vec::new(),
    };
    while take_record(rest, &mut fields)? {
        let kind = columns.kind.text(&fields)?;
        if kind == TYPE_FRONTEND {
            stats.crowded.extend(columns.crowded(&fields)?);
            continue;
        }
        if kind == TYPE_SERVER {
            // Shown as `web/web1` in the row of the server that follows it (measured on 2.6.12).
            if let Some((of, followed)) = columns.tracked.text(&fields)?.split_once('/')
                && let Some(backend) = stats.backends.get_mut(of)
            {
                backend.tracked.insert(followed);
            }
        }
        let Some(backend) = stats.backends.get_mut(columns.proxy.text(&fields)?) else {
            continue;
        };
        if kind == TYPE_SERVER {
            let row = columns.server(&fields)?;
            backend.servers.insert(columns.name.text(&fields)?, row);
        } else if kind == TYPE_BACKEND {
            backend.totals = Some(columns.totals(&fields)?);
        }
    }
    Ok(stats)
}

/// One server from both of its rows.
pub(super) fn server(state: ServerRead, stat: &StatRow, is_tracked: bool) -> ServerRead {
    let check = state.check.map(|check| match stat.rise_fall {
        Some((rise, fall)) => CheckRead {
            rise: bounded(rise),
            fall: bounded(fall),
            ..check
        },
        // Checks do not run (maint, `disable health`), so an old result proves nothing now.
        None => CheckRead {
            result: 0,
            rise: DEFAULT_RISE,
            fall: DEFAULT_FALL,
            ..check
        },
    });
    ServerRead {
        name: state.name,
        address: state.address,
        is_tls: state.is_tls,
        admin: state.admin,
        operational: state.operational,
        user_weight: state.user_weight,
        initial_weight: state.initial_weight,
        check,
        is_tracked,
        ..stat.read.clone()
    }
}

/// Marks the servers that get nothing whatever their own rows say. Beside an active server no
/// backup gets anything; without one only the first does (`option allbackups` cannot be seen here,
/// and one counted too few is the safe side); a backend that is DOWN has none that does.
pub(super) fn pass_over(servers: &mut [ServerRead], totals: &Totals) {
    let mut has_backup = false;
    for server in servers {
        let is_behind = server.is_backup && (totals.active > 0 || has_backup);
        server.is_passed_over = totals.is_down || is_behind;
        has_backup |= server.is_backup && server.is_in_balance();
    }
}

/// Keeps `rise + fall` far from the end of `u32`.
fn bounded(count: u32) -> u32 {
    count.min(u32::MAX / 4)
}
