//! The two sections of a backend's reply that tell about servers: `show servers state` and
//! `show stat`. Pure; the process and the small replies are in `reply`.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};

use super::reply::{ReplyError, odd_answer};
use super::table::{Column, take_line, take_record};
use crate::scaler::event::{CheckRead, ServerRead};

/// `srv_check_state` bit of a server that has `check` (`CHK_ST_CONFIGURED` in HAProxy's source).
const CHECK_CONFIGURED: u32 = 2;

/// HAProxy's default `rise` and `fall`, for a server whose checks are paused: its `show stat` row
/// leaves the real ones empty then.
const DEFAULT_RISE: u32 = 2;
const DEFAULT_FALL: u32 = 3;

/// Types of rows in `show stat` (`management.txt` §9.1, field `type`).
const TYPE_BACKEND: &str = "1";
const TYPE_SERVER: &str = "2";

/// One row of `show servers state`.
pub(super) struct StateRow<'a> {
    pub(super) name: &'a str,
    address: Option<SocketAddr>,
    is_tls: bool,
    admin: u32,
    operational: u32,
    check_result: u32,
    check_health: u32,
    check_state: u32,
}

/// Takes the section of `show servers state` (`management.txt` §9.3): a version digit, a header,
/// one server a line, an empty line.
pub(super) fn take_states<'a>(
    rest: &mut &'a str,
    backend: &str,
) -> Result<Vec<StateRow<'a>>, ReplyError> {
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
    let mut rows = Vec::new();
    loop {
        let line = take_line(rest)?;
        if line.is_empty() {
            return Ok(rows);
        }
        let row: Vec<&str> = line.split(' ').collect();
        if backend_name.text(&row)? != backend {
            let text = format!("it lists servers of another backend than {backend}");
            return Err(ReplyError::Odd(text));
        }
        rows.push(StateRow {
            name: name.text(&row)?,
            address: socket_address(ip.text(&row)?, port.text(&row)?),
            // -1 stands for an explicit `no-ssl` (measured on 2.6.12).
            is_tls: tls.text(&row)? == "1",
            admin: admin.gauge(&row)?,
            operational: operational.gauge(&row)?,
            check_result: result.gauge(&row)?,
            check_health: health.gauge(&row)?,
            check_state: state.gauge(&row)?,
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
    pub(super) totals: Option<Totals>,
    pub(super) servers: BTreeMap<&'a str, StatRow>,
    /// Servers of the backend that another server, of any backend, follows.
    pub(super) tracked: BTreeSet<&'a str>,
}

/// The BACKEND row.
pub(super) struct Totals {
    pub(super) responses: u64,
    pub(super) sessions: u32,
    pub(super) queued: u32,
}

/// One server's row.
pub(super) struct StatRow {
    sessions: u32,
    queued: u32,
    rise_fall: Option<(u32, u32)>,
}

/// Takes the section of `show stat` (`management.txt` §9.1): `# pxname,…`, then one row a line.
pub(super) fn take_stats<'a>(rest: &mut &'a str, backend: &str) -> Result<Stats<'a>, ReplyError> {
    let Some(after) = rest.strip_prefix("# ") else {
        return Err(odd_answer(take_line(rest)?));
    };
    *rest = after;
    let mut fields = Vec::new();
    take_record(rest, &mut fields)?;
    let find = |name| Column::find(&fields, name);
    let [proxy, name, kind] = [find("pxname")?, find("svname")?, find("type")?];
    let [sessions, queued] = [find("scur")?, find("qcur")?];
    let [rise, fall] = [find("check_rise")?, find("check_fall")?];
    let tracked = find("tracked")?;
    let responses = [
        find("hrsp_1xx")?,
        find("hrsp_2xx")?,
        find("hrsp_3xx")?,
        find("hrsp_4xx")?,
        find("hrsp_5xx")?,
        find("hrsp_other")?,
    ];
    let mut stats = Stats {
        totals: None,
        servers: BTreeMap::new(),
        tracked: BTreeSet::new(),
    };
    while take_record(rest, &mut fields)? {
        let kind = kind.text(&fields)?;
        if kind == TYPE_SERVER {
            // Shown as `web/web1` in the row of the server that follows it (measured on 2.6.12).
            if let Some((of, followed)) = tracked.text(&fields)?.split_once('/')
                && of == backend
            {
                stats.tracked.insert(followed);
            }
        }
        if proxy.text(&fields)? != backend {
            continue;
        }
        let (sessions, queued) = (sessions.gauge(&fields)?, queued.gauge(&fields)?);
        if kind == TYPE_SERVER {
            let rise_fall = match (rise.number(&fields)?, fall.number(&fields)?) {
                (Some(_), Some(_)) => Some((rise.gauge(&fields)?, fall.gauge(&fields)?)),
                _ => None,
            };
            let row = StatRow {
                sessions,
                queued,
                rise_fall,
            };
            stats.servers.insert(name.text(&fields)?, row);
        } else if kind == TYPE_BACKEND {
            let mut sum = 0_u64;
            for class in responses {
                sum = sum.saturating_add(class.number(&fields)?.unwrap_or(0));
            }
            stats.totals = Some(Totals {
                responses: sum,
                sessions,
                queued,
            });
        }
    }
    Ok(stats)
}

/// One server from both of its rows.
pub(super) fn server(state: &StateRow<'_>, stat: &StatRow, is_tracked: bool) -> ServerRead {
    let check = (state.check_state & CHECK_CONFIGURED != 0).then(|| match stat.rise_fall {
        Some((rise, fall)) => CheckRead {
            result: state.check_result,
            health: state.check_health,
            rise: bounded(rise),
            fall: bounded(fall),
        },
        // Checks do not run (maint, `disable health`), so an old result proves nothing now.
        None => CheckRead {
            result: 0,
            health: state.check_health,
            rise: DEFAULT_RISE,
            fall: DEFAULT_FALL,
        },
    });
    ServerRead {
        name: state.name.to_owned(),
        address: state.address,
        is_tls: state.is_tls,
        admin: state.admin,
        operational: state.operational,
        check,
        sessions: stat.sessions,
        queued: stat.queued,
        is_tracked,
    }
}

/// Keeps `rise + fall` far from the end of `u32`.
fn bounded(count: u32) -> u32 {
    count.min(u32::MAX / 4)
}
