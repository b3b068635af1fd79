//! Defines the fixture that a rule runs in.

use std::future::ready;
use std::pin::Pin;

use crate::{Broken, Trial};

/// The fixture of a rule: prepares what the suite's rules need, and cleans up after them.
pub(crate) trait Fixture<'a>: Sized + Send {
    /// The type of the subjects of the suite.
    type Subject: ?Sized + 'static;

    /// Makes a fresh fixture for one rule.
    fn new(trial: &'a Trial<'a, Self::Subject>) -> Result<Self, Broken>;

    /// Removes everything that the rule left outside the process. The default does nothing, for suites whose rules
    /// leave nothing.
    fn clean_up(&mut self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(ready(()))
    }
}
