//! Changes and checks credentials by executables.
//!
//! Both get one JSON object on standard input, and answer with one word on standard output and exit status 0.

mod changer;
mod order;
mod prober;
mod run;

pub use changer::CommandChanger;
pub use prober::CommandProber;

#[cfg(test)]
mod tests;
