//! `openledger attribution index`: documents to the winnowed entries of a SPAN index.

mod documents;
mod tree;

pub(super) use documents::Documents;
pub(super) use tree::{IndexFile, Tree};

use super::chain::SpanIndex;
use alloy_primitives::{B256, hex, keccak256};
use anyhow::{Context, ensure};
use clap::Args;
use openledger_client::{Node, NodeArgs, Progress, files};
use openledger_precompiles::span::{
    ENTRIES_MAX as NATIVE_ENTRIES_MAX, MIN_SPAN_DEFAULT, build_index, salt_of,
};
use serde_json::json;
use std::{
    io::Write,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Longest tokenizer.json that is read, bytes.
const TOKENIZER_BYTES_MAX: u64 = 1 << 30;

/// Flags of `openledger attribution index`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
A line of LIST is CLUSTER KIND PATH; KIND is text, table (CSV or TSV with a header), rows (without one), image (PNG) or \
tokens (u32, most significant byte first, or .json). Relative paths are taken from the list's directory.\n\n\
The salt is drawn by the chain once the tokens are committed: `submit tokens` prints it, and --index reads it.")]
pub(super) struct IndexArgs {
    /// The documents
    #[arg(value_name = "LIST")]
    list: PathBuf,
    /// Where the index is written, as JSON
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
    /// Also write every entry with its Merkle proof, a JSON object a line
    #[arg(long, value_name = "FILE")]
    proofs: Option<PathBuf>,
    /// The salt
    #[arg(long, value_name = "SALT", required_unless_present = "index")]
    salt: Option<u64>,
    /// Take the salt of this committed index from the chain, and check that its tokens are these
    #[arg(long, value_name = "ID", conflicts_with = "salt")]
    index: Option<u64>,
    #[command(flatten)]
    parameters: BuildArgs,
    /// The tokenizer.json that made the tokens, to be hashed; without, the streams are the canonical ones
    #[arg(long, value_name = "FILE")]
    tokenizer: Option<PathBuf>,
    #[command(flatten)]
    node: NodeArgs,
}

/// How entries are selected.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct BuildArgs {
    /// Tokens in a k-gram, 4 to 12
    #[arg(short, long = "k", value_name = "K", default_value_t = 6)]
    pub(super) k: u8,
    /// Hashes in a winnowing window, 2 to 32
    #[arg(short, long = "w", value_name = "W", default_value_t = 8)]
    pub(super) w: u8,
    /// Fingerprints in a row that make a copy of a lower cluster's text, which gets no entries
    #[arg(long, value_name = "N", default_value_t = MIN_SPAN_DEFAULT)]
    pub(super) min_span: u16,
}

/// Runs the command.
pub(super) async fn run(args: IndexArgs) -> anyhow::Result<ExitCode> {
    let drawn = match args.index {
        Some(id) => Some(drawn_salt(&args.node.connect().await?, id).await?),
        None => None,
    };
    tokio::task::spawn_blocking(move || build(&args, drawn)).await?
}

/// The salt of a committed index, and the root of its tokens.
pub(super) async fn drawn_salt(node: &Node, id: u64) -> anyhow::Result<(u64, B256)> {
    let view = node.at(None).await?;
    let index = SpanIndex::header(&view, id).await?;
    let source = index.header.committedBlock + 1;
    ensure!(
        view.block.number >= source,
        "the salt of index {id} is drawn from block {source}, which isn't there yet"
    );
    let hash = node.block_hash(source).await?;
    Ok((salt_of(hash, id), index.header.tokenRoot))
}

fn build(args: &IndexArgs, drawn: Option<(u64, B256)>) -> anyhow::Result<ExitCode> {
    let documents = Documents::read(&args.list)?;
    let token_root = documents.token_root();
    let salt = match (args.salt, drawn) {
        (_, Some((salt, committed))) => {
            ensure!(
                committed == token_root,
                "the documents' token root is {token_root}, and {committed} is committed"
            );
            salt
        }
        (salt, None) => salt.context("name the salt by --salt or --index")?,
    };
    let tokenizer_hash = match &args.tokenizer {
        Some(path) => keccak256(files::read(path, TOKENIZER_BYTES_MAX)?),
        None => B256::ZERO,
    };
    let BuildArgs { k, w, min_span } = args.parameters;
    let entries = build_index(&documents.as_slice(), k, w, salt, min_span)?;
    ensure!(
        !entries.is_empty(),
        "the documents are shorter than {k} tokens: there is nothing to index"
    );
    ensure!(
        entries.len() <= tree::ENTRIES_MAX,
        "{} entries are more than {}: index fewer documents",
        entries.len(),
        tree::ENTRIES_MAX
    );
    let tree = Tree::new(entries);
    let bytes: Vec<u8> = tree
        .entries()
        .iter()
        .flat_map(|entry| entry.to_bytes())
        .collect();
    let file = IndexFile {
        k,
        w,
        min_span,
        salt,
        tokenizer_hash,
        token_root,
        root: tree.root(),
        entries: bytes.into(),
    };
    files::write_json(&args.out, &file)?;
    if let Some(path) = &args.proofs {
        write_proofs(path, &tree)?;
    }
    for document in &documents.0 {
        println!(
            "cluster {}, locus {}: {} tokens of {}",
            document.cluster,
            document.locus,
            document.tokens.len(),
            document.path.display()
        );
    }
    let count = tree.entries().len();
    println!(
        "{} documents, {} tokens, {count} entries ({})",
        documents.len(),
        documents.tokens(),
        if count <= NATIVE_ENTRIES_MAX {
            "fits on chain"
        } else {
            "its root goes on chain"
        }
    );
    println!("token root {token_root}\nroot {}", tree.root());
    Ok(ExitCode::SUCCESS)
}

fn write_proofs(path: &Path, tree: &Tree) -> anyhow::Result<()> {
    let progress = Progress::new(tree.entries().len(), "proofs");
    let writing = || format!("writing {}", path.display());
    let file = std::fs::File::create(path).with_context(writing)?;
    let mut file = std::io::BufWriter::new(file);
    for (leaf, entry) in tree.entries().iter().enumerate() {
        let line = json!({
            "leaf": leaf,
            "entry": hex::encode_prefixed(entry.to_bytes()),
            "proof": tree.proof(leaf),
        });
        writeln!(file, "{line}").with_context(writing)?;
        progress.step();
    }
    file.flush().with_context(writing)
}
