//! Changes and checks credentials by executables.
//!
//! Each executable gets one JSON object on standard input, and answers with one word on standard output and exit status
//! 0.

mod changer;
mod order;
mod prober;
mod run;

pub use changer::CommandChanger;
pub use prober::CommandProber;

#[cfg(test)]
mod tests;
