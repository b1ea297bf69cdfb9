//! Derivation as a whole, over simulated L1 chains.

mod breaks;
mod corpus;
mod forks;
mod l1_input;
mod round_trip;
mod rules;
mod sim;
mod spans;
