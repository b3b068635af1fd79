//! Tests of the wire format that need both the host's and the plugin's side.

mod answers;
mod inputs;
mod round_trips;
mod table;
pub(crate) mod values;
