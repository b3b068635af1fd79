//! Runs a future to its end on a runtime of its own.

use std::future::Future;
use std::io;

/// Runs a future to its end. Blocks; it must not be called inside of a tokio runtime.
///
/// Does not wait for the threads of plugin calls that are still running. A plugin that never returns would otherwise
/// keep the program from writing the answer that reports the end of its deadline.
pub(crate) fn run_to_end<T>(future: impl Future<Output = T>) -> io::Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    let done = runtime.block_on(future);
    runtime.shutdown_background();
    Ok(done)
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    #[test]
    fn a_plugin_call_that_never_ends_does_not_hold_the_answer() {
        let call = || {
            loop {
                thread::park();
            }
        };
        let answer = run_to_end(async {
            tokio::task::spawn_blocking(call);
            "timed out"
        });
        assert_eq!(answer.unwrap(), "timed out");
    }
}
