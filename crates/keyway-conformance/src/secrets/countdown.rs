//! Makes faults that occur after a number of calls.

/// Lets some calls pass, and then fails the next one or all further calls.
#[derive(Debug)]
pub(super) struct Countdown<F> {
    /// How many calls still pass.
    pub(super) left: u64,
    /// Whether only one call fails, and later calls pass again.
    pub(super) once: bool,
    pub(super) fault: F,
}

impl<F: Clone> Countdown<F> {
    /// Counts a call, and returns the fault if the call is to fail.
    pub(super) fn strike(plan: &mut Option<Self>) -> Option<F> {
        let countdown = plan.as_mut()?;
        if countdown.left > 0 {
            countdown.left -= 1;
            return None;
        }
        let (fault, once) = (countdown.fault.clone(), countdown.once);
        if once {
            *plan = None;
        }
        Some(fault)
    }
}
