//! Tests the credential store `vaulted`, and the targets at which it rotates credentials, in a whole host against a
//! real `sshd`. A login fails before the check-out, works with the credential that the session has checked out, and
//! fails with that credential after the session.
#![cfg(unix)]

mod certificates;
mod gateway;
mod keys;
mod login;
mod passwords;
mod target;
