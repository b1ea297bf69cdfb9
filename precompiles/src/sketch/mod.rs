//! SKETCH, `0x…0A01`: sets of sketched gradients or embeddings, and the scores that they give.
//!
//! A set is opened for a subject, draws its seed, takes rows, and is sealed; then anyone scores queries
//! against it. Beside the sets stand the contributions of each registry's datanets: committed, revealed
//! and settled into clusters of near-duplicates, which the rows refer to.
//!
//! Invariants: a sealed set never changes; a cluster's number, once assigned, neither; scores are sums
//! of integers, the same in whatever order they are added. Start reading at [`influence()`], then at the
//! private module `set`.

mod contribution;
mod influence;
mod interface;
mod kernel;
pub mod limits;
mod minhash;
mod neighbours;
mod project;
mod row;
mod scoring;
mod set;
mod storage;

pub use contribution::{commit_id, commitment, space};
pub use influence::{
    CertifiedQuery, InfluenceScores, Residual, WitnessRejected, influence, lambda, residual,
    row_scores,
};
pub use interface::IAttrSketch;
pub use minhash::{
    EMPTY_SIGNATURE, Signature, band_slots, closest, matches, signature, signature_hash,
    signature_of_hashes,
};
pub use neighbours::{ClusterScores, dot_scores, knn_shapley};
pub use project::{COORDINATES_MAX, Projection, ProjectionError};
pub use row::{Row, record_len, rows};
pub use set::{draw, next_digest};
pub(crate) use storage::subject_and_seal;
pub use storage::{COMMITS_SLOT, SETS_SLOT, SPACES_SLOT};

use crate::{Context, Precompile, SKETCH, Stop};
use IAttrSketch as Sketch;
use alloc::vec::Vec;
use alloy_sol_types::SolCall;

/// SKETCH, for the table of precompiles.
pub(crate) const PRECOMPILE: Precompile = Precompile {
    address: SKETCH,
    pausable: &[
        Sketch::openSetCall::SELECTOR,
        Sketch::drawSeedCall::SELECTOR,
        Sketch::appendRowsCall::SELECTOR,
        Sketch::sealCall::SELECTOR,
        Sketch::scoreInfluenceCall::SELECTOR,
        Sketch::scoreDotCall::SELECTOR,
        Sketch::scoreKnnShapleyCall::SELECTOR,
        Sketch::commitContributionCall::SELECTOR,
        Sketch::revealCall::SELECTOR,
    ],
    run,
};

fn run(context: &mut Context<'_>, selector: [u8; 4], arguments: &[u8]) -> Result<Vec<u8>, Stop> {
    let function = match selector {
        Sketch::openSetCall::SELECTOR => set::open_set,
        Sketch::drawSeedCall::SELECTOR => set::draw_seed,
        Sketch::appendRowsCall::SELECTOR => set::append_rows,
        Sketch::sealCall::SELECTOR => set::seal,
        Sketch::headerCall::SELECTOR => set::header,
        Sketch::rowCall::SELECTOR => set::row,
        Sketch::scoreInfluenceCall::SELECTOR => scoring::score_influence,
        Sketch::residualCall::SELECTOR => scoring::witness_residual,
        Sketch::scoreDotCall::SELECTOR => scoring::score_dot,
        Sketch::scoreKnnShapleyCall::SELECTOR => scoring::score_knn_shapley,
        Sketch::rowDistanceCall::SELECTOR => set::row_distance,
        Sketch::commitContributionCall::SELECTOR => contribution::commit_contribution,
        Sketch::revealCall::SELECTOR => contribution::reveal,
        Sketch::settleCall::SELECTOR => contribution::settle,
        Sketch::clusterCountCall::SELECTOR => contribution::cluster_count,
        _ => return Err(Stop::bad_abi()),
    };
    function(context, arguments)
}
