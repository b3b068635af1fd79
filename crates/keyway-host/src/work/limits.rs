//! Limits of an engine for its plugins.

use std::time::Duration;

use super::retry::Retries;
use crate::plugin::Isolation;

/// Limits calls of plugins, and sets when an engine tries again. Every engine has its own limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Limits {
    /// How long a call of a plugin may take, 30 s by default.
    ///
    /// See decision W7.
    pub deadline: Duration,
    /// How long an operation that reports its progress may run without any progress, 60 s by default. Only `stores` has
    /// such operations: rotation and deletion.
    pub stall: Duration,
    /// How a call is kept away from the caller's task.
    pub isolation: Isolation,
    /// How long after its deadline a call still counts as running, so that no other host takes it
    /// over; 30 s by default.
    ///
    /// See decision R5.
    pub lease_grace: Duration,
    /// When to repeat work that failed or was cut short.
    pub retries: Retries,
    /// The immediate retries when the host revokes a credential that it did not hand out, and whose reference is not
    /// stored: at most 5 attempts within 30 s by default. Only `grants` uses them.
    pub cleanup_retries: Retries,
    /// The age of a plugin's description at which the host asks for a new one, 10 min by default (decision W4). Only
    /// `grants` uses it.
    pub describe_every: Duration,
    /// How long an order waits for its next call if the authority names no delay, 1 h by default (decision
    /// B7). Only `orders` uses it.
    pub check_every: Duration,
    /// How long before the expiry of a certificate the listeners are told, 14 days by default (decision B18). Only
    /// `orders` uses it.
    pub expiry_notice: Duration,
    /// The maximum age to which renewals may extend a lease, 8 h by default (decision S10). Only `sessions` uses it.
    pub longest_lease: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        let cleanup_retries = Retries::default()
            .with_first(Duration::from_millis(100))
            .with_longest(Duration::from_secs(5))
            .with_attempts(5)
            .with_within(Duration::from_secs(30));
        Self {
            deadline: Duration::from_secs(30),
            stall: Duration::from_secs(60),
            isolation: Isolation::Declared,
            lease_grace: Duration::from_secs(30),
            retries: Retries::default(),
            cleanup_retries,
            describe_every: Duration::from_secs(600),
            check_every: Duration::from_secs(3600),
            expiry_notice: Duration::from_secs(14 * 24 * 3600),
            longest_lease: Duration::from_secs(8 * 3600),
        }
    }
}

impl Limits {
    /// Sets how long a call of a plugin may take.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Sets how long an operation may run without progress.
    #[must_use]
    pub fn with_stall(mut self, stall: Duration) -> Self {
        self.stall = stall;
        self
    }

    /// Sets how a call is kept away from the caller's task.
    #[must_use]
    pub fn with_isolation(mut self, isolation: Isolation) -> Self {
        self.isolation = isolation;
        self
    }

    /// Sets how long after its deadline a call still counts as running.
    #[must_use]
    pub fn with_lease_grace(mut self, grace: Duration) -> Self {
        self.lease_grace = grace;
        self
    }

    /// Sets when to repeat failed work.
    #[must_use]
    pub fn with_retries(mut self, retries: Retries) -> Self {
        self.retries = retries;
        self
    }

    /// Sets the immediate retries of a revocation.
    #[must_use]
    pub fn with_cleanup_retries(mut self, retries: Retries) -> Self {
        self.cleanup_retries = retries;
        self
    }

    /// Sets how long an order waits if the authority names no delay.
    #[must_use]
    pub fn with_check_every(mut self, delay: Duration) -> Self {
        self.check_every = delay;
        self
    }

    /// Sets how long before the expiry of a certificate the listeners are told.
    #[must_use]
    pub fn with_expiry_notice(mut self, before: Duration) -> Self {
        self.expiry_notice = before;
        self
    }

    /// Sets the maximum age to which renewals may extend a lease.
    #[must_use]
    pub fn with_longest_lease(mut self, age: Duration) -> Self {
        self.longest_lease = age;
        self
    }

    /// Sets the age of a plugin's description at which the host asks for a new one.
    #[must_use]
    pub fn with_describe_every(mut self, age: Duration) -> Self {
        self.describe_every = age;
        self
    }
}
