//! Faults that occur after a number of calls.

/// A fault that lets some calls succeed first. After them, either only the next call fails or all later calls fail.
#[derive(Debug)]
pub(super) struct Countdown<F> {
    /// The number of calls that still succeed.
    pub(super) left: u64,
    /// Whether only one call fails, so that later calls succeed again.
    pub(super) once: bool,
    pub(super) fault: F,
}

impl<F: Clone> Countdown<F> {
    /// Counts a call. Returns the fault if this call must fail.
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
