//! Checks the laws that every machine must obey. The tests of each engine use this module.

use super::limits::Limits;
use super::workflow::{Standing, Workflow};

/// The maximum number of commands that may follow from one event.
const MOST_COMMANDS: usize = 6;

/// Follows an event to its end and returns the final state. `answer` returns the event that follows from a command.
///
/// # Panics
/// Panics if commands follow each other without end, or if a command is given without a stored record that a restart
/// would find. Only a command that undoes an effect needs no record.
pub(crate) fn follow<W: Workflow>(
    limits: &Limits,
    mut state: Option<W::State>,
    mut standing: Standing,
    mut event: W::Event,
    is_undo: impl Fn(&W::Command) -> bool,
    mut answer: impl FnMut(&W::Command, Option<&W::State>) -> W::Event,
) -> Option<W::State> {
    for _ in 0..=MOST_COMMANDS {
        let Ok(step) = (W::STEP)(limits, state.as_ref(), standing, event) else { return state };
        let Some(command) = step.command else { return step.state };
        assert!(step.state.is_some() || is_undo(&command), "a command is given without a stored record");
        event = answer(&command, step.state.as_ref());
        (state, standing) = (step.state, Standing::Ours);
    }
    panic!("an event leads to more than {MOST_COMMANDS} commands");
}
