//! Paid inference against a node: requests with escrow, a channel of 300 calls whose worker is killed again and again, and an agent
//! that breaks its policy.

mod agent;
mod channel;
mod requests;
mod world;
