//! What an epoch's settlement comes to: who is paid what for what, and where the chain says otherwise.

use alloy_primitives::{Address, B256, U256};
use serde::Serialize;
use std::fmt;

/// How far the settlement of (epoch, adapter) is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Progress {
    /// It hasn't ended, or its seed isn't drawn.
    Running,
    /// Proposals are taken.
    Open,
    /// One stands.
    Proposed,
    /// Clusters are being paid.
    Paying,
    /// It is settled.
    Settled,
    /// It is settled without scores: what contributors would earn is carried.
    Carried,
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Running => "not over",
            Self::Open => "open for proposals",
            Self::Proposed => "proposed",
            Self::Paying => "being paid",
            Self::Settled => "settled",
            Self::Carried => "settled without scores",
        })
    }
}

/// What somebody is paid for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase", tag = "for")]
pub enum Purpose {
    /// The model of the adapter's base.
    Model {
        /// The base.
        base: u64,
    },
    /// The adapter or an ancestor.
    Adapter {
        /// Which.
        id: u64,
    },
    /// Having proposed.
    Proposer,
    /// Stake.
    Stakers,
    /// A cluster, for what its data did.
    Cluster {
        /// By which sketch set.
        set: u64,
        /// Which.
        cluster: u32,
    },
    /// The Datanet that a cluster is of.
    Datanet {
        /// By which sketch set.
        set: u64,
        /// Which cluster.
        cluster: u32,
    },
    /// Not paid: it joins later epochs.
    Carried,
    /// Not paid for too long: it is divided among Datanets.
    Residue,
    /// A Datanet's part of an earlier residue.
    DatanetResidue {
        /// The Datanet's space.
        space: B256,
    },
}

impl fmt::Display for Purpose {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Model { base } => write!(f, "model of base {base}"),
            Self::Adapter { id } => write!(f, "adapter {id}"),
            Self::Proposer => f.write_str("proposal"),
            Self::Stakers => f.write_str("stake"),
            Self::Cluster { set, cluster } => write!(f, "cluster {cluster} by set {set}"),
            Self::Datanet { set, cluster } => {
                write!(f, "Datanet of cluster {cluster} by set {set}")
            }
            Self::Carried => f.write_str("carried to later epochs"),
            Self::Residue => f.write_str("to be divided among Datanets"),
            Self::DatanetResidue { space } => write!(f, "Datanet {space}, of a residue"),
        }
    }
}

/// Whether the chain paid what is computed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum Agreement {
    /// It isn't due yet: as things stand it will be paid.
    Expected,
    /// It did.
    Paid,
    /// It paid something else.
    Differs,
}

/// A sum that an epoch comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Line {
    /// Who has it; none for what nobody has yet.
    pub payee: Option<Address>,
    /// What for.
    #[serde(flatten)]
    pub purpose: Purpose,
    /// Wei, as computed.
    #[serde(serialize_with = "decimal")]
    pub wei: U256,
    /// The transaction that paid it.
    pub transaction: Option<B256>,
    /// Whether the chain agrees.
    pub agreement: Agreement,
}

/// A sketch set's result, as proposed and as computed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SetReport {
    /// The sketch set.
    pub set: u64,
    /// Hash of the result that was proposed.
    pub proposed: B256,
    /// Hash of the one that is computed; none if the scores are wrong.
    pub computed: Option<B256>,
    /// Clusters with their shares of 10¹⁸ and signed sums, as computed.
    pub clusters: Vec<ClusterReport>,
}

/// A cluster's part in a result.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ClusterReport {
    /// Which.
    pub cluster: u32,
    /// Its share of 10¹⁸.
    pub share: u64,
    /// Its signed sum over the draws, as decimal text.
    #[serde(serialize_with = "text")]
    pub sum: i128,
}

/// An epoch of an adapter, settled again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct EpochReport {
    /// The epoch.
    pub epoch: u64,
    /// The adapter.
    pub adapter: u64,
    /// How far the chain is.
    pub progress: Progress,
    /// What was paid for the adapter, wei, without platform fees.
    #[serde(serialize_with = "text")]
    pub fees: u128,
    /// Who made the proposal that counts.
    pub proposer: Option<Address>,
    /// By which transaction.
    pub proposal: Option<B256>,
    /// Draws that it shows.
    pub shown: usize,
    /// Draws that count without a score since a jury rejected their sketch.
    pub void: usize,
    /// Results.
    pub sets: Vec<SetReport>,
    /// The contributors' pool, wei.
    #[serde(serialize_with = "text")]
    pub pool: u128,
    /// Everything that the epoch comes to.
    pub lines: Vec<Line>,
    /// What the chain says otherwise, in words; empty if it agrees.
    pub differences: Vec<String>,
}

impl EpochReport {
    /// Sum of what goes to payees, wei.
    pub fn paid(&self) -> U256 {
        let payees = self.lines.iter().filter(|line| line.payee.is_some());
        payees.map(|line| line.wei).sum()
    }

    /// Prints it as a table.
    pub fn print(&self) {
        println!(
            "epoch {} of adapter {}: {}; {} wei of prices",
            self.epoch, self.adapter, self.progress, self.fees
        );
        if let (Some(proposer), Some(transaction)) = (self.proposer, self.proposal) {
            println!(
                "proposed by {proposer} in {transaction}: {} draws shown, {} void",
                self.shown, self.void
            );
        }
        for set in &self.sets {
            let verdict = match set.computed {
                Some(computed) if computed == set.proposed => "the same computed",
                Some(_) => "ANOTHER computed",
                None => "the scores are WRONG",
            };
            println!(
                "set {}: result {}, {verdict}, {} clusters",
                set.set,
                set.proposed,
                set.clusters.len()
            );
        }
        for line in &self.lines {
            let mark = match line.agreement {
                Agreement::Expected => "due",
                Agreement::Paid => "paid",
                Agreement::Differs => "DIFFERS",
            };
            let payee = line
                .payee
                .map_or_else(|| "-".to_owned(), |payee| payee.to_string());
            println!("{mark:<8}{payee:<44}{:>28} wei  {}", line.wei, line.purpose);
        }
        for difference in &self.differences {
            println!("DIFFERENCE: {difference}");
        }
    }
}

fn decimal<S: serde::Serializer>(value: &U256, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

fn text<S: serde::Serializer>(value: &impl fmt::Display, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}
