//! What is sent: one line for each command, and no name that could be more than one.

use std::sync::{Arc, Mutex};

use haproxy_autoscale::runtime_api::{Address, Reader, Writer};
use haproxy_autoscale::sim::socket;
use haproxy_autoscale::words::names::ServerName;
use haproxy_autoscale::words::picture::{AdminState, ReadFailure, WriteFailure};
use tokio::net::UnixListener;

use super::SECOND;

#[tokio::test]
async fn a_name_that_could_smuggle_a_command_is_never_built_into_a_line() {
    let nowhere = || Address::Unix("/nonexistent/admin.sock".into());
    let (reader, writer) = (
        Reader::new(nowhere(), SECOND),
        Writer::new(nowhere(), SECOND),
    );
    for name in ["", "a b", "a;b", "a\nb", "a\\", "#2", "ä", "a/b", "$x"] {
        let read = reader.read(&[name.to_owned()]).await;
        // Asked for all backends, it does not name this one.
        assert!(matches!(read, Err(ReadFailure::Unreachable(_))), "{read:?}");
        let server = ServerName::new("web", name);
        for written in [
            writer.set_state(&server, AdminState::Maint).await,
            writer.set_maxconn(&server, 4).await,
            writer.end_maxconn(&server, true).await,
            writer.end_maxconn(&server, false).await,
            writer.set_weight(&server, 10).await,
        ] {
            let Err(WriteFailure::Refused(text)) = written else {
                panic!("{name:?}: {written:?}");
            };
            assert!(text.starts_with("not sent"), "{text}");
        }
    }
}

#[tokio::test]
async fn every_command_is_one_line_and_the_first_of_its_connection() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("admin.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let lines = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&lines);
    let task = tokio::spawn(socket::serve(listener, move |line| {
        seen.lock().unwrap().push(line.to_owned());
        Some("\n")
    }));
    let address = Address::Unix(path);
    let (reader, writer) = (
        Reader::new(address.clone(), SECOND),
        Writer::new(address, SECOND),
    );
    let server = ServerName::new("web.1", "a_b:443");
    let _ = reader.read(&["web".to_owned()]).await;
    let _ = reader.read(&["web".to_owned(), "api".to_owned()]).await;
    let _ = reader.version().await;
    let _ = reader.level().await;
    let _ = reader.backends().await;
    let _ = writer.set_state(&server, AdminState::Drain).await;
    let _ = writer.set_maxconn(&server, 40).await;
    let _ = writer.end_maxconn(&server, true).await;
    let _ = writer.set_weight(&server, 10).await;
    task.abort();
    assert_eq!(
        *lines.lock().unwrap(),
        [
            "show info;show servers state web;show stat -1 7 -1",
            "show info;show servers state;show stat -1 7 -1",
            "show info",
            "show cli level",
            "show backend",
            "set server web.1/a_b:443 state drain",
            "set maxconn server web.1/a_b:443 40",
            "set maxconn server web.1/a_b:443 1000000;set maxconn server web.1/a_b:443 0",
            "set server web.1/a_b:443 weight 10",
        ]
    );
}
