//! Store files go both ways between Keyway and Convection's own plugins.

mod generic;
mod passdb;
mod shared;
