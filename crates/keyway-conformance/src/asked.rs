//! Asks a plugin for the facts that the kit needs before it can run a rule.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::OnceLock;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use crate::suite::PANICKED;
use crate::{Broken, History, PluginSubject, TestedContract, Trial, broken};

/// A fact about a plugin, such as its capabilities. The plugin is asked once, on a thread of its own, because the kit
/// asks outside of every time limit, even to list its rules. If the plugin never answers, the thread is left behind.
pub(crate) struct Asked<T> {
    answer: OnceLock<Result<T, Broken>>,
    patience: Duration,
}

impl<T> Default for Asked<T> {
    fn default() -> Self {
        Self { answer: OnceLock::new(), patience: HOST_DEADLINE }
    }
}

/// The time that a host gives a call by default. The kit never demands an answer in a shorter time, unless a contract
/// does.
pub(crate) const HOST_DEADLINE: Duration = Duration::from_secs(30);

impl<T: Send + 'static> Asked<T> {
    /// Makes a fact for which the kit waits at most this time.
    #[cfg(all(test, feature = "issuers"))]
    pub(crate) fn within(patience: Duration) -> Self {
        Self { patience, ..Self::default() }
    }

    /// Returns the fact. The first call asks a copy of the subject without facts, and blocks until the answer.
    ///
    /// # Errors
    /// The reason why there is no answer: `ask` failed or panicked, or did not end in time.
    pub(crate) fn get<C: TestedContract>(
        &self,
        subject: &PluginSubject<C>,
        ask: fn(&Trial<'_, PluginSubject<C>>) -> Result<T, Broken>,
    ) -> Result<&T, &Broken> {
        let answer = self.answer.get_or_init(|| {
            let (subject, patience, (sender, receiver)) = (subject.without_facts(), self.patience, channel());
            thread::spawn(move || {
                let history = History::default();
                let trial = Trial::new(&subject, 1, patience, &history);
                // If the time is over, the receiver no longer exists.
                let _ = sender.send(catch_unwind(AssertUnwindSafe(|| ask(&trial))));
            });
            let observed = match receiver.recv_timeout(patience) {
                Ok(Ok(answer)) => return answer,
                Ok(Err(_)) => PANICKED.to_owned(),
                Err(RecvTimeoutError::Timeout) => format!("none within {patience:?}"),
                Err(RecvTimeoutError::Disconnected) => "its thread ended without one".to_owned(),
            };
            Err(broken("an answer when it is opened and asked what it is", observed))
        });
        answer.as_ref()
    }

    /// Returns the fact, without which no rule can run.
    ///
    /// # Panics
    /// If there is no answer. The suite reports the reason.
    pub(crate) fn must<C: TestedContract>(
        &self,
        subject: &PluginSubject<C>,
        ask: fn(&Trial<'_, PluginSubject<C>>) -> Result<T, Broken>,
    ) -> &T {
        match self.get(subject, ask) {
            Ok(answer) => answer,
            Err(Broken::Rule { expected, observed }) => panic!("expected {expected}, observed: {observed}"),
            Err(Broken::Missing { capability }) => panic!("{capability} is missing"),
        }
    }
}

impl<T> fmt::Debug for Asked<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Asked").finish_non_exhaustive()
    }
}
