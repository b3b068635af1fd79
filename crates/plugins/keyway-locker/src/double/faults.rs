//! Faults that a test switches on.

use std::collections::VecDeque;
use std::time::Duration;

use super::routes::Route;

/// A fault of the service or of the network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Answers with a status, without carrying the request out.
    Status {
        /// The status.
        code: u16,
        /// The body. The service sends a JSON object with `code` and `message`.
        body: String,
        /// The header `Retry-After`: seconds, a date, or a text that is neither.
        retry_after: Option<String>,
    },
    /// Waits, and then carries the request out.
    Slow(Duration),
    /// Closes the connection without carrying the request out.
    CutConnection,
    /// Carries the request out, and closes the connection without an answer.
    LoseAnswer,
    /// Carries the request out, and closes the connection in the middle of the body.
    CutBody,
    /// Carries the request out, and answers with success and a body that is not JSON.
    Garbage,
    /// Carries the request out, and answers with texts that are sealed with other keys.
    WrongCipher,
    /// Carries the request out, and answers with plaintext in place of sealed texts.
    Plaintext,
}

/// The faults that are switched on.
#[derive(Debug, Default)]
pub(super) struct Faults {
    once: VecDeque<(Option<Route>, Fault)>,
    always: Vec<(Option<Route>, Fault)>,
}

impl Faults {
    pub(super) fn once(&mut self, route: Option<Route>, fault: Fault) {
        self.once.push_back((route, fault));
    }

    pub(super) fn always(&mut self, route: Option<Route>, fault: Fault) {
        self.always.push((route, fault));
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Returns the fault for a request: the oldest one-time fault, or else the newest permanent one.
    pub(super) fn take(&mut self, route: Option<Route>) -> Option<Fault> {
        let is_for = |of: &Option<Route>| of.is_none() || *of == route;
        if let Some(place) = self.once.iter().position(|(of, _)| is_for(of)) {
            return self.once.remove(place).map(|(_, fault)| fault);
        }
        self.always.iter().rev().find(|(of, _)| is_for(of)).map(|(_, fault)| fault.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_for_once_comes_before_one_that_stays_and_is_used_up() {
        let mut faults = Faults::default();
        faults.always(None, Fault::Garbage);
        faults.once(Some(Route::Profile), Fault::CutBody);
        faults.once(None, Fault::Plaintext);
        assert_eq!(faults.take(Some(Route::Profile)), Some(Fault::CutBody));
        assert_eq!(faults.take(Some(Route::CreateSecret)), Some(Fault::Plaintext));
        assert_eq!(faults.take(Some(Route::Profile)), Some(Fault::Garbage));
        faults.clear();
        assert_eq!(faults.take(Some(Route::Profile)), None);
    }
}
