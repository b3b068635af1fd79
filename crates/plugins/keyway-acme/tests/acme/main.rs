//! Tests the plugin against the server for tests, with its faults switched on.

mod accounts;
mod cancellation;
mod faults;
mod gateway;
mod life;
mod orders;
mod recovery;
mod responder;
mod rotation;
mod shared_proofs;
mod support;
