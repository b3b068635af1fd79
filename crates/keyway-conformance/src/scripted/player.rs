//! Calls that follow a script, until the plugin is killed.

use std::future::{pending, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::Poll;

use tokio::sync::watch;

use super::script::Act;
use super::{Fault, Script, Step, locked};

/// The errors of a contract that a script can return.
pub(crate) trait ScriptedError: Sized + Send {
    /// Returns the error for an external system that cannot be reached; nothing happened.
    fn unavailable() -> Self;
    /// Returns the error for a refusal by the plugin; nothing happened.
    fn refused() -> Self;
    /// Returns the error for a failed system; an effect may remain.
    fn failed() -> Self;
}

/// The player of a script. It decides how each call of a scripted plugin ends. Clones share the script, and are killed
/// together.
#[derive(Debug)]
pub(crate) struct Player<C, O> {
    script: Arc<Mutex<Script<C, O>>>,
    killed: Arc<watch::Sender<bool>>,
}

impl<C, O> Clone for Player<C, O> {
    fn clone(&self) -> Self {
        Self { script: Arc::clone(&self.script), killed: Arc::clone(&self.killed) }
    }
}

impl<C, O> Default for Player<C, O> {
    fn default() -> Self {
        Self { script: Arc::default(), killed: Arc::new(watch::Sender::new(false)) }
    }
}

impl<C: Ord + Copy, O: Clone> Player<C, O> {
    /// Creates a player that has the same script and is not killed.
    pub(crate) fn reopened(&self) -> Self {
        Self { script: Arc::clone(&self.script), ..Self::default() }
    }

    /// Ends all running calls, and makes all later calls fail.
    pub(crate) fn kill(&self) {
        self.killed.send_replace(true);
    }

    /// Adds steps for calls: for all objects, or only for one.
    pub(crate) fn add(&self, call: C, object: Option<&str>, steps: impl IntoIterator<Item = Step<O>>) {
        locked(&self.script).add(call, object, steps.into_iter());
    }

    /// Sets the step for every call for this object that no other step of the script covers.
    #[cfg(feature = "credentials")]
    pub(crate) fn always(&self, call: C, object: &str, step: Step<O>) {
        locked(&self.script).always(call, object, step);
    }

    /// Follows the script for one call. `given` converts a scripted outcome to an answer. It returns `None` if a call
    /// of this type cannot have the outcome; the call then does its `work`.
    pub(crate) async fn play<T, E: ScriptedError>(
        &self,
        call: C,
        object: Option<&str>,
        given: impl FnOnce(O) -> Option<T>,
        work: impl Future<Output = Result<T, E>> + Send,
    ) -> Result<T, E> {
        let mut killed = self.killed.subscribe();
        if *killed.borrow() {
            return Err(E::unavailable());
        }
        let step = locked(&self.script).next(call, object);
        let mut answer = pin!(async {
            if !step.delay.is_zero() {
                tokio::time::sleep(step.delay).await;
            }
            match step.act {
                Act::Work => work.await,
                Act::Outcome(outcome) => match given(outcome) {
                    Some(answer) => Ok(answer),
                    None => work.await,
                },
                Act::Fault(fault) => with_fault(fault, work).await,
            }
        });
        let mut end = pin!(async move { killed.wait_for(|killed| *killed).await.is_ok() });
        poll_fn(|context| match answer.as_mut().poll(context) {
            Poll::Ready(answer) => Poll::Ready(answer),
            Poll::Pending => end.as_mut().poll(context).map(|_| Err(E::failed())),
        })
        .await
    }
}

/// Carries out a call with a fault.
async fn with_fault<T, E: ScriptedError>(
    fault: Fault,
    work: impl Future<Output = Result<T, E>> + Send,
) -> Result<T, E> {
    match fault {
        Fault::Unavailable => Err(E::unavailable()),
        Fault::Refused => Err(E::refused()),
        Fault::LostRequest => Err(E::failed()),
        Fault::LostAnswer => work.await.and_then(|_| Err(E::failed())),
        Fault::Hangs => pending().await,
        Fault::HangsAfterwards => {
            work.await?;
            pending().await
        }
        Fault::Panics => panic!("the script panics"),
        Fault::PanicsAfterwards => {
            work.await?;
            panic!("the script panics after the effect")
        }
    }
}
