//! Tests that Keyway and Convection's own plugins read each other's store files.

mod generic;
mod passdb;
mod shared;
