//! The parts that all scripted plugins share: the script, the stored state (the books), and calls that follow the
//! script.

mod player;
mod script;
mod shelf;

// Imports for the files of this folder.
use crate::lock::locked;
pub(crate) use player::{Player, ScriptedError};
use script::Script;
pub use script::{Fault, Step};
pub(crate) use shelf::Shelf;

/// Returns the effects that occur more than once in a list. Each of them is returned once.
pub(crate) fn doubled<T: Ord + Clone>(mut effects: Vec<T>) -> Vec<T> {
    effects.sort();
    let mut doubled: Vec<_> =
        effects.windows(2).filter(|pair| pair[0] == pair[1]).map(|pair| pair[0].clone()).collect();
    doubled.dedup();
    doubled
}
