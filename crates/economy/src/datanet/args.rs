//! The flags.

use super::{DataType, SCORE_MAX, Score};
use crate::document::DocumentHash;
use alloy_primitives::{Address, B256, Bytes, U256};
use clap::{Args, Subcommand};
use openledger_attribution::{contributions::CHUNK_LOG2, stream::Kind};
use openledger_client::{NodeArgs, OpenAmount, SenderArgs};
use std::path::PathBuf;

/// Flags of `openledger datanet`.
#[derive(Debug, Clone, Args)]
pub struct DatanetArgs {
    #[command(subcommand)]
    pub(super) command: DatanetCommand,
}

#[derive(Debug, Clone, Subcommand)]
pub(super) enum DatanetCommand {
    /// Create a Datanet, with its bond
    Create(Box<CreateArgs>),
    /// Contribute files: commit, reveal, settle
    Contribute(Box<ContributeArgs>),
    /// Review clusters as a validator, or list what is to be reviewed
    Validate(ValidateArgs),
    /// Say what a Datanet has come to, or list all
    Status(StatusArgs),
    /// Publish a version
    Version(VersionArgs),
    /// Replace the allow-list
    Allow(AllowArgs),
    /// Appeal to governance against what a cluster's review came to, with a bond
    Appeal(AppealArgs),
    /// Withdraw a cluster: it earns nothing from the next epoch on
    Withdraw(WithdrawArgs),
    /// Close a Datanet for contributions, and take its bond back once nothing in it is pending
    Close(CloseArgs),
    /// Give an address's place, with its claims and clusters, to another one, for good
    Rotate(RotateArgs),
}

#[derive(Debug, Clone, Args)]
#[command(after_help = "\
A licence is 32 bytes in hexadecimal, @FILE for the hash of a file, or a text that is hashed, as in `--licence MIT`. What \
a Datanet is created with it keeps; the list of who may contribute can be replaced.")]
pub(super) struct CreateArgs {
    /// What the contributions are
    #[arg(long = "type", value_name = "TYPE", value_enum)]
    pub(super) data_type: DataType,
    /// Its licence
    #[arg(long, value_name = "LICENCE")]
    pub(super) licence: DocumentHash,
    /// A licence, beside its own, that adapters trained on it may have; may be repeated
    #[arg(long = "adapter-licence", value_name = "LICENCE")]
    pub(super) adapter_licences: Vec<DocumentHash>,
    /// The owner's share of what its clusters earn, basis points
    #[arg(long, value_name = "BPS", default_value_t = 0)]
    pub(super) owner_bps: u16,
    /// OPEN for each contribution [default: the least that the registry takes]
    #[arg(long, value_name = "OPEN")]
    pub(super) contribution_bond: Option<OpenAmount>,
    /// File with the addresses that may contribute, one a line [default: everybody may]
    #[arg(long, value_name = "FILE")]
    pub(super) allow_list: Option<PathBuf>,
    /// Contract that says who may contribute
    #[arg(long, value_name = "ADDRESS", conflicts_with = "allow_list")]
    pub(super) checker: Option<Address>,
    /// A validator who reviews; may be repeated [default: panels are drawn by stake]
    #[arg(long = "reviewer", value_name = "ADDRESS")]
    pub(super) reviewers: Vec<Address>,
    /// Where its description is
    #[arg(long, value_name = "URI", default_value = "")]
    pub(super) uri: String,
    #[command(flatten)]
    pub(super) sender: SenderArgs,
    /// Print the result as JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Contributions are revealed two blocks after they are committed to, and settled 51 blocks after that. The journal holds what \
was sent and the salts: after an interruption the same command goes on with it. Don't use the account elsewhere meanwhile.")]
pub(super) struct ContributeArgs {
    #[command(flatten)]
    pub(super) datanet: DatanetArg,
    /// The files
    #[arg(value_name = "FILE", required = true)]
    pub(super) files: Vec<PathBuf>,
    /// What they are, if the Datanet's type doesn't say it: text, table, rows (a table without a header), image or tokens
    #[arg(long, value_name = "KIND")]
    pub(super) kind: Option<Kind>,
    /// What the files' names are appended to for the URIs that are published
    #[arg(long, value_name = "URI", default_value = "")]
    pub(super) uri_base: String,
    /// The Datanet's allow-list, which the proof is computed from
    #[arg(long, value_name = "FILE")]
    pub(super) allow_list: Option<PathBuf>,
    /// What the Datanet's access rule asks for, if it isn't an allow-list
    #[arg(long, value_name = "BYTES", conflicts_with = "allow_list")]
    pub(super) permission: Option<Bytes>,
    /// Chunks of the data root have 2^N bytes
    #[arg(
        long,
        value_name = "N",
        default_value_t = 16,
        value_parser = clap::value_parser!(u8).range(CHUNK_LOG2)
    )]
    pub(super) chunk_log2: u8,
    /// Don't wait until clusters are assigned
    #[arg(long)]
    pub(super) no_settle: bool,
    /// What was sent [default: contributions-HASH.journal here, named after what is contributed]
    #[arg(long, value_name = "FILE")]
    pub(super) journal: Option<PathBuf>,
    #[command(flatten)]
    pub(super) sender: SenderArgs,
    /// Print the result as JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Without scores it lists what is to be reviewed. With them it draws panels, commits, reveals and counts, until each cluster \
has its outcome. Whoever is drawn by stake and doesn't reveal loses 1 % of it: keep the file of votes until all is revealed.")]
pub(super) struct ValidateArgs {
    #[command(flatten)]
    pub(super) datanet: DatanetArg,
    /// A cluster and its score, 0 to 100; may be repeated
    #[arg(long = "score", value_name = "CLUSTER:SCORE", value_parser = scored)]
    pub(super) scores: Vec<(u32, Score)>,
    /// Score of every other cluster that is to be reviewed
    #[arg(long, value_name = "SCORE")]
    pub(super) score_all: Option<Score>,
    /// Where votes and their salts are kept
    #[arg(long, value_name = "FILE", default_value = "votes.json")]
    pub(super) votes: PathBuf,
    /// Go on until the time for appeals is over, and finish the reviews
    #[arg(long)]
    pub(super) finish: bool,
    #[command(flatten)]
    pub(super) sender: SenderArgs,
    /// Print the result as JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Clone, Args)]
pub(super) struct StatusArgs {
    /// The Datanet's number [default: all of them, briefly]
    #[arg(value_name = "DATANET")]
    pub(super) datanet: Option<U256>,
    /// How many of its clusters are shown, the last ones
    #[arg(long, value_name = "N", default_value_t = 100)]
    pub(super) clusters: u32,
    #[command(flatten)]
    pub(super) node: NodeArgs,
    /// Print JSON
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Clone, Args)]
pub(super) struct VersionArgs {
    #[command(flatten)]
    pub(super) datanet: DatanetArg,
    /// Root over the version's data roots [default: over those of the accepted clusters that aren't withdrawn]
    #[arg(long, value_name = "BYTES32")]
    pub(super) root: Option<B256>,
    /// Where the version is described
    #[arg(long, value_name = "URI", default_value = "")]
    pub(super) uri: String,
    #[command(flatten)]
    pub(super) sender: SenderArgs,
}

#[derive(Debug, Clone, Args)]
pub(super) struct AllowArgs {
    #[command(flatten)]
    pub(super) datanet: DatanetArg,
    /// File with the addresses that may contribute, one a line
    #[arg(value_name = "FILE")]
    pub(super) allow_list: PathBuf,
    #[command(flatten)]
    pub(super) sender: SenderArgs,
}

#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Once a cluster, within the window after the outcome of its review. Governance decides until a deadline: if the outcome changes, \
or nobody decides, the bond goes back; else it is burnt. `openledger governance appeal` proposes a decision.")]
pub(super) struct AppealArgs {
    #[command(flatten)]
    pub(super) which: ClusterArgs,
    /// Where the reasons are
    #[arg(long, value_name = "URI")]
    pub(super) uri: String,
    #[command(flatten)]
    pub(super) sender: SenderArgs,
}

#[derive(Debug, Clone, Args)]
pub(super) struct WithdrawArgs {
    #[command(flatten)]
    pub(super) which: ClusterArgs,
    #[command(flatten)]
    pub(super) sender: SenderArgs,
}

#[derive(Debug, Clone, Args)]
pub(super) struct CloseArgs {
    #[command(flatten)]
    pub(super) datanet: DatanetArg,
    #[command(flatten)]
    pub(super) sender: SenderArgs,
}

#[derive(Debug, Clone, Args)]
#[command(after_help = "\
Both sign: the account that gives its place by --key-file, OPENLEDGER_KEY or --account, the one that takes it by --to-key-file or \
--to-account. It can't be undone, and who takes a place must never have given or taken one.")]
pub(super) struct RotateArgs {
    /// File with the private key of who takes the place
    #[arg(long, value_name = "FILE", required_unless_present = "to_account")]
    pub(super) to_key_file: Option<PathBuf>,
    /// Account of a local chain that takes the place
    #[arg(long, value_name = "N", conflicts_with = "to_key_file")]
    pub(super) to_account: Option<u32>,
    #[command(flatten)]
    pub(super) sender: SenderArgs,
}

/// Which Datanet.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct DatanetArg {
    /// The Datanet's number
    #[arg(id = "datanet", value_name = "DATANET")]
    pub(crate) number: U256,
}

/// Which cluster.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct ClusterArgs {
    #[command(flatten)]
    pub(crate) datanet: DatanetArg,
    /// The cluster
    #[arg(value_name = "CLUSTER")]
    pub(crate) cluster: u32,
}

/// What is no score of a cluster.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("not CLUSTER:SCORE with a score of 0 to {SCORE_MAX}")]
struct BadScored;

fn scored(text: &str) -> Result<(u32, Score), BadScored> {
    let (cluster, score) = text.split_once(':').ok_or(BadScored)?;
    match (cluster.parse(), score.parse()) {
        (Ok(cluster), Ok(score)) => Ok((cluster, score)),
        _ => Err(BadScored),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scores_are_named_with_their_clusters() {
        assert_eq!(scored("3:80").unwrap(), (3, Score::new(80).unwrap()));
        for wrong in ["3", "3:101", ":5", "3:", "-1:5", "3:300"] {
            assert!(scored(wrong).is_err(), "{wrong}");
        }
        for wrong in ["101", "x", ""] {
            assert!(wrong.parse::<Score>().is_err(), "{wrong}");
        }
    }
}
