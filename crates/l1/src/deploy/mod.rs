//! Deployment of the rollup's contracts, and what is read back from them.
//!
//! A deployment has three parts. The first ([`Deployment::set_up`]) makes everything but the portal's
//! doors: after it no event that derivation reads comes from the deployment any more, so that the chain
//! can begin at any later L1 block and its genesis can be made. The second ([`Deployment::open`]) makes
//! the game and gives the anchor its first root, both of which follow from that genesis, and opens the
//! portal. So no deposit is older than the chain's first L1 block, and none can be lost. Then everything
//! is read back while the deployer can still mend or abandon it. The last ([`Deployment::hand_over`])
//! gives the code to its timelock, and reads everything back again.
//!
//! Every step has a nonce of its own, counted from the deployment's first: addresses are known before
//! anything is sent, and a run that was interrupted goes on where the account's nonce says. That a
//! transaction was sent proves nothing, though: whoever finds it on the L1 looks for its effect there.
//! `config.rs` is what is asked for, `plan.rs` the steps of which `step.rs` says what they are, `run.rs`
//! sends them, `evidence.rs` looks for their effects, `inspect.rs` and `roles.rs` read the contracts back.

mod artifact;
mod config;
mod error;
mod evidence;
mod inspect;
mod logs;
mod plan;
mod reading;
mod roles;
mod run;
mod step;

pub use config::{DeployConfig, GameClocks, TimelockConfig, VETO_GAME};
pub use error::DeployError;
pub use inspect::{Expectations, inspect};
pub use plan::GenesisAnchor;
pub use reading::{Reading, Standing, Value};
pub use run::{DeployOptions, Deployment, deploy_contracts};
