//! Tests the life of stores: created, opened, rotated, deleted, and interrupted at every point.

mod creation;
mod deletion;
mod forgetting;
#[path = "../support/ground.rs"]
mod ground;
mod life;
mod long;
mod quarantine;
mod rotation;
mod scripted;
#[path = "../support/mod.rs"]
mod support;
mod unprintable;
mod world;
