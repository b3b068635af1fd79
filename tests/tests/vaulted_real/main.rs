//! Tests the credential store `vaulted`, and the targets that it rotates credentials at, in a whole host against a real
//! `sshd`: a login fails before, works with what a session has checked out, and fails with it when the session is over.
#![cfg(unix)]

mod certificates;
mod gateway;
mod keys;
mod login;
mod passwords;
mod target;
