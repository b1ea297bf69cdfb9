//! Deployment of the rollup's contracts, and what is read back from them.
//!
//! A deployment has two parts. The first ([`Deployment::set_up`]) makes everything but the portal's
//! doors: after it no event that derivation reads comes from the deployment any more, so that the chain
//! can begin at any later L1 block and its genesis can be made. The second ([`Deployment::open`]) gives
//! the anchor its first root, which follows from that genesis, opens the portal, and hands the code over
//! to its timelock. So no deposit is older than the chain's first L1 block, and none can be lost.
//!
//! Every step has a nonce of its own, counted from the deployment's first: addresses are known before
//! anything is sent, and a run that was interrupted goes on where the account's nonce says. `config.rs`
//! is what is asked for, `plan.rs` the steps, `run.rs` sends them, `inspect.rs` reads the contracts back.

mod artifact;
mod config;
mod error;
mod inspect;
mod plan;
mod run;

pub use config::{DeployConfig, GameClocks, TimelockConfig, VETO_GAME};
pub use error::DeployError;
pub use inspect::{Expectations, Reading, Standing, Value, inspect};
pub use run::{DeployOptions, Deployment, deploy_contracts};
