//! Faults that occur after a number of calls.

/// Lets some calls pass, and then fails one or all that follow.
#[derive(Debug)]
pub(super) struct Countdown<F> {
    /// How many calls still pass.
    pub(super) left: u64,
    /// Whether the calls after the first that failed pass again.
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
