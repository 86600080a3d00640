//! What HAProxy logs of a request that has ended, as the parser reads it.

use crate::simulate::engine::{Answer, MS_NS};
use crate::words::request::{Request, Tail};

/// As HAProxy logs it.
pub(super) fn line<'a>(answer: &Answer, backend: &'a str, server: &'a str) -> Request<'a> {
    let ms = |from_ns: u64, to_ns: u64| u32::try_from((to_ns - from_ns) / MS_NS).ok();
    let is_served = answer.server.is_some();
    let (termination, response_ms) = match answer.status {
        200 => (*b"----", ms(answer.dispatched_ns, answer.ended_ns)),
        503 => (*b"sQ--", None),
        _ => (*b"sH--", None),
    };
    Request {
        backend,
        server,
        request_ms: Some(0),
        queue_ms: ms(answer.arrived_ns, answer.dispatched_ns),
        connect_ms: is_served.then_some(0),
        response_ms,
        total_ms: ms(answer.arrived_ns, answer.ended_ns),
        status: Some(answer.status),
        tail: Some(Tail {
            termination,
            server_connections: 0,
            retries: 0,
            server_queue: 0,
            backend_queue: 0,
        }),
    }
}
