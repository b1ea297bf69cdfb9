//! `openledger datanet`: from a file on disk to an accepted cluster.
//!
//! [`create`] and what else an owner does; [`commit_and_reveal`], [`settle`] and [`fates`], a contributor's way;
//! [`review`] with its [`Votes`], a validator's part; [`status`].

mod access;
mod args;
mod command;
mod contribute;
mod fate;
mod owner;
mod review;
mod status;
mod votes;

pub use access::AllowList;
pub use args::DatanetArgs;
pub use contribute::{Offer, Revealed, commit_and_reveal, datanet_at, settle, space_of};
pub use fate::{Fate, fates};
pub use owner::{close, create, publish_version, set_allow_root, withdraw};
pub use review::{Goal, OpenReview, Outcome, ReviewStatus, Reviewed, open_reviews, review};
pub use status::{Access, ClusterStatus, DataType, DatanetStatus, status, version_root};
pub use votes::{SCORE_MAX, Vote, Voter, Votes};

pub(crate) use command::run;
