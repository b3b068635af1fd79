//! The decisions S1 to S8 about credential stores, implemented independently of the code under test.

pub mod candidates;
pub mod session;
pub mod settings;
