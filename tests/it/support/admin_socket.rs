//! A pretend admin socket (`sim::socket`) beside a test.

use std::os::unix::net::UnixListener;
use std::path::Path;

use haproxy_autoscale::sim::socket;

/// Answers there until the test's process ends; a line for which there is `None` gets no answer.
pub fn serve<A>(path: &Path, answer: A)
where
    A: Fn(&str) -> Option<String> + Send + Sync + 'static,
{
    // Under its name there is never a socket that nobody listens on yet.
    let unnamed = path.with_extension("new");
    let listener = UnixListener::bind(&unnamed).unwrap();
    listener.set_nonblocking(true).unwrap();
    std::fs::rename(&unnamed, path).unwrap();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let listener = tokio::net::UnixListener::from_std(listener).unwrap();
            socket::serve(listener, answer).await;
        });
    });
}
