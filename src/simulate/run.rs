//! One run: a load, a backend, and who decides about its servers, in virtual time.

use super::control::Control;
use super::engine::{Backend, NEVER_NS};
use super::load::{Load, at_ns};
use super::measure::Tally;

/// Runs the load through the backend until its end; what is in flight then is finished and counted, and
/// nobody decides about servers any more.
///
/// Gives whether Little's law holds: the integral of the open requests is the sum of the response times.
/// It holds to the nanosecond, or the engine is wrong.
pub fn run(load: &Load, backend: &mut Backend, control: &mut Control, tally: &mut Tally) -> bool {
    let end_ns = load.end_ns();
    let mut stream = load.stream();
    let mut next = stream.next();
    let mut last_ns = 0;
    loop {
        let arrival_ns = at_ns(next.as_ref());
        let engine_ns = backend.next_ns();
        let due_ns = control.due_ns();
        if due_ns < end_ns && due_ns <= engine_ns.min(arrival_ns) {
            control.act(backend, tally);
            continue;
        }
        let answer = if engine_ns <= arrival_ns {
            if engine_ns == NEVER_NS {
                break;
            }
            last_ns = engine_ns;
            backend.step()
        } else {
            last_ns = arrival_ns;
            let answer = next.and_then(|arrival| backend.arrive(arrival));
            next = stream.next();
            answer
        };
        if let Some(answer) = answer {
            tally.answered(&answer);
            if answer.ended_ns < end_ns {
                control.answered(&answer, backend, tally);
            }
        }
    }
    tally.close();
    backend.open_request_ns(last_ns) == tally.response_ns
}
