//! The fixture that a rule runs in.

use std::future::ready;
use std::pin::Pin;

use crate::{Broken, Trial};

/// Prepares what the rules of a suite need, and clears up behind them.
pub(crate) trait Fixture<'a>: Sized + Send {
    /// The type of the subjects of the suite.
    type Subject: ?Sized + 'static;

    /// Makes a fresh fixture for one rule.
    fn new(trial: &'a Trial<'a, Self::Subject>) -> Result<Self, Broken>;

    /// Removes what the rule left outside. A suite whose rules leave nothing keeps the default.
    fn clean_up(&mut self) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(ready(()))
    }
}
