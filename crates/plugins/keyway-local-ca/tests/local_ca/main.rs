//! Tests the authority through its operations, over a storage that fails, and in TLS.

mod certificates;
mod chains;
mod foreign;
mod import;
mod interruptions;
mod many_writers;
mod records;
mod revocation;
mod support;
mod tls;
