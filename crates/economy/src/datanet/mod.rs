//! `openledger datanet`: from a file on disk to an accepted cluster.
//!
//! [`create`] and what else an owner does; [`commit_and_reveal`], [`settle`] and [`fates`], a contributor's way;
//! [`review`] with its [`Votes`](crate::votes::Votes), a validator's part; [`appeal`]; [`status`].

mod access;
mod appeal;
mod args;
mod commands;
mod contribute;
mod fate;
mod outcome;
mod owner;
mod review;
mod score;
mod status;

pub use access::AllowList;
pub use appeal::appeal;
pub use args::DatanetArgs;
pub use contribute::{Offer, Revealed, commit_and_reveal, datanet_at, settle, space_of};
pub use fate::{Fate, fates};
pub use outcome::{Outcome, ReviewStatus};
pub use owner::{close, create, publish_version, set_allow_root, withdraw};
pub use review::{Goal, OpenReview, Reviewed, open_reviews, review};
pub use score::{BadScore, SCORE_MAX, Score};
pub use status::{Access, ClusterStatus, DataType, DatanetStatus, status, version_root};

pub(crate) use args::ClusterArgs;
pub(crate) use commands::run;
pub(crate) use review::contents_of;
