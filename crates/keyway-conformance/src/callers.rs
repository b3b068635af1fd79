//! Runs concurrent calls on threads of their own.

use std::sync::{Arc, Barrier};
use std::thread;

use tokio::sync::oneshot;

use crate::runtime::runtime;
use crate::{Broken, broken};

/// Runs each call on a thread of its own, starts all at the same time, and waits for all of them. The caller's thread
/// keeps serving its own runtime, because some subjects run tasks on that runtime.
pub(crate) async fn begun_together<T: Send + 'static, F: Future<Output = T>>(
    calls: Vec<impl FnOnce() -> F + Send + 'static>,
) -> Vec<Result<T, Broken>> {
    let (together, mut answers) = (Arc::new(Barrier::new(calls.len())), Vec::new());
    for call in calls {
        let (sender, receiver) = oneshot::channel();
        let together = Arc::clone(&together);
        thread::spawn(move || {
            let runtime = runtime();
            together.wait();
            // The send fails if the rule's time has run out.
            let _ = sender.send(runtime.map(|runtime| runtime.block_on(call())));
        });
        answers.push(receiver);
    }
    let mut done = Vec::new();
    for (number, answer) in answers.into_iter().enumerate() {
        let panicked = |_| Err(broken("an answer", format!("caller {number} panicked")));
        done.push(answer.await.unwrap_or_else(panicked));
    }
    done
}
