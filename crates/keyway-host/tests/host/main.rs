//! Tests the host as a whole: its name, its loop, its lanes, and its keys.

mod failing_storage;
#[path = "../support/ground.rs"]
mod ground;
mod isolation;
mod keys;
mod lanes;
mod name;
mod planted;
mod run;
#[path = "../grants/world.rs"]
#[expect(dead_code, reason = "these tests use a part of it")]
mod world;
