//! What a warm-up tells on its way.

use std::collections::BTreeMap;

use haproxy_autoscale::config::WarmUpConfig;
use haproxy_autoscale::warm_up::WarmUp;
use haproxy_autoscale::words::proof::{WarmUpFailure, WarmUpTrouble};

use super::{LONG, OK, Server, config, name};

const BUSY: &str = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n";

#[tokio::test]
async fn what_goes_wrong_is_told_at_once_and_so_is_its_end() {
    let answers = [BUSY, BUSY, OK];
    let server = Server::answering(&answers).await;
    let told = std::cell::RefCell::new(Vec::new());
    let tell = |trouble: Option<WarmUpTrouble>| told.borrow_mut().push(trouble);
    let config = WarmUpConfig {
        requests: 2,
        ..config()
    };
    let warm_up = WarmUp::new(&config, &BTreeMap::new());
    let outcome = warm_up
        .run(&name(), Some(server.address), false, LONG, LONG, tell)
        .await;
    assert!(outcome.is_ok(), "{outcome:?}");
    let told = told.into_inner();
    // The second failure comes within a second of the first one.
    let Some([Some(trouble), None]) = told.get(..) else {
        panic!("{told:?}");
    };
    assert_eq!(trouble.attempts, 1);
    assert!(matches!(
        trouble.why,
        WarmUpFailure::Status { status: 503, .. }
    ));
}
