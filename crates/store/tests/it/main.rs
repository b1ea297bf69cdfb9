//! Whole stores against in-memory models.

mod chain;
mod crash;
mod history;
mod journal;
mod logs;
mod model;
mod open;
mod size;
mod verify;
