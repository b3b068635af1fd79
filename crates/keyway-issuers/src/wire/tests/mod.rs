//! Tests of the wire that need both sides.

mod answers;
mod inputs;
mod round_trips;
mod table;
pub(crate) mod values;
