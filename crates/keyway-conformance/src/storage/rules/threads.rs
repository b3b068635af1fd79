//! Runs several callers at once.

use std::sync::{Arc, Barrier};
use std::thread;

use keyway_storage::Storage;

use super::{Broken, broken};

/// Runs `caller` on this many threads, which start together, and waits for all of them.
///
/// The calling thread keeps running its runtime, for engines that have work there.
pub(super) async fn together<T: Send + 'static>(
    store: &Arc<dyn Storage>,
    callers: usize,
    caller: impl AsyncFn(usize, Arc<dyn Storage>) -> Result<T, Broken> + Copy + Send + 'static,
) -> Result<Vec<T>, Broken> {
    let barrier = Arc::new(Barrier::new(callers));
    let mut answers = Vec::with_capacity(callers);
    for number in 0..callers {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let (store, barrier) = (Arc::clone(store), Arc::clone(&barrier));
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
            barrier.wait();
            let answer = match runtime {
                Ok(runtime) => runtime.block_on(caller(number, store)),
                Err(error) => Err(broken("a runtime to run on", error.to_string())),
            };
            // The receiver is gone if another caller failed first.
            let _ = sender.send(answer);
        });
        answers.push(receiver);
    }
    let mut results = Vec::with_capacity(callers);
    for (number, answer) in answers.into_iter().enumerate() {
        let gone = |_| broken("an answer", format!("caller {number} panicked"));
        results.push(answer.await.map_err(gone)??);
    }
    Ok(results)
}
