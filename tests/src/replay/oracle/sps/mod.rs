//! The decisions of credential stores S1 to S8, implemented independently of the code under test.

pub mod candidates;
pub mod session;
pub mod settings;
