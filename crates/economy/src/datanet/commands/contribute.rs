//! `datanet contribute`.

use crate::{
    datanet::{
        AllowList, DataType, Fate, Offer, Revealed, args::ContributeArgs, commit_and_reveal,
        datanet_at, fates, settle,
    },
    output::print,
};
use alloy_primitives::{Address, Bytes, U256, keccak256};
use anyhow::{Context, ensure};
use openledger_attribution::{contributions::Contribution, stream::Kind};
use serde::Serialize;
use std::path::{Path, PathBuf};

/// A contribution and what became of it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Contributed {
    #[serde(flatten)]
    revealed: Revealed,
    #[serde(flatten)]
    fate: Fate,
}

pub(super) async fn run(args: ContributeArgs) -> anyhow::Result<()> {
    let local = args.sender.node.local()?;
    let account = args.sender.account.key(local.as_ref())?.address();
    let node = args.sender.node.connect().await?;
    let datanet = args.datanet.number;
    let info = datanet_at(&node, datanet).await?;
    let kind = match args.kind {
        Some(kind) => kind,
        None => match DataType::try_from(info.dataType)? {
            DataType::Text => Kind::Text,
            DataType::Table => Kind::Table,
            DataType::Image => Kind::Image,
        },
    };
    let permission = match (&args.allow_list, &args.permission) {
        (Some(path), _) => AllowList::read(path)?
            .permission(account)
            .with_context(|| format!("{account} isn't in {}", path.display()))?,
        (None, Some(permission)) => permission.clone(),
        (None, None) => Bytes::new(),
    };
    let (paths, uri_base, chunk_log2) = (args.files, args.uri_base, args.chunk_log2);
    let offers =
        tokio::task::spawn_blocking(move || read_offers(kind, paths, &uri_base, chunk_log2))
            .await??;
    let inputs = inputs(datanet, &offers);
    let journal = args
        .journal
        .unwrap_or_else(|| journal_name(account, &inputs));
    let mut sender = args
        .sender
        .open_with_journal(&journal, "datanet contribute", &inputs)
        .await?;
    let revealed = commit_and_reveal(&mut sender, datanet, &offers, &permission).await?;
    let first_block = revealed.iter().map(|one| one.commit_block).min();
    if !args.no_settle {
        let last = revealed.iter().map(|one| one.contribution).max();
        let last_block = revealed.iter().map(|one| one.commit_block).max();
        if let (Some(last), Some(last_block)) = (last, last_block) {
            settle(&mut sender, datanet, last, last_block).await?;
        }
    }
    let numbers: Vec<u64> = revealed.iter().map(|one| one.contribution).collect();
    let first_block = first_block.unwrap_or_default();
    let fates = fates(sender.node(), datanet, &numbers, first_block).await?;
    let contributed: Vec<Contributed> = revealed
        .into_iter()
        .zip(fates)
        .map(|(revealed, fate)| Contributed { revealed, fate })
        .collect();
    let (transactions, gas) = sender.spent();
    print(args.json, &contributed, || {
        for Contributed { revealed, fate } in &contributed {
            println!(
                "contribution {}: {} ({} bytes, {} tokens): {}",
                revealed.contribution,
                revealed.path.display(),
                revealed.size,
                revealed.tokens,
                words(*fate)
            );
        }
        println!("{transactions} transactions, {gas} gas");
    })
}

/// What became of a contribution, in words.
fn words(fate: Fate) -> String {
    match fate {
        Fate::Pending => {
            "revealed; it is settled 51 blocks after its commitment, by whoever comes first"
                .to_owned()
        }
        Fate::Clustered { cluster } => {
            format!("cluster {cluster}, a new one; validators review it now")
        }
        Fate::Duplicate {
            cluster,
            of,
            contributor,
        } => format!(
            "a near-duplicate of contribution {of}, by {contributor}, which began cluster {cluster}: it owns nothing, and its \
             bond is back"
        ),
        Fate::Unrevealed => "not revealed in time: its bond is lost".to_owned(),
    }
}

fn read_offers(
    kind: Kind,
    paths: Vec<PathBuf>,
    uri_base: &str,
    chunk_log2: u8,
) -> anyhow::Result<Vec<Offer>> {
    let mut offers = Vec::with_capacity(paths.len());
    for path in paths {
        let name = path
            .file_name()
            .with_context(|| format!("{} is no file", path.display()))?;
        let uri = format!("{uri_base}{}", name.to_string_lossy());
        let content = Contribution::read(None, kind, path, chunk_log2)?;
        ensure!(
            offers
                .iter()
                .all(|offer: &Offer| offer.content.data_root != content.data_root),
            "{} is named twice, or another file with the same content",
            content.path.display()
        );
        offers.push(Offer { content, uri });
    }
    Ok(offers)
}

/// All that decides what is sent.
fn inputs(datanet: U256, offers: &[Offer]) -> Vec<u8> {
    let mut inputs = datanet.to_be_bytes_vec();
    for Offer { content, uri } in offers {
        inputs.extend(content.data_root);
        inputs.extend(content.signature.iter().flat_map(|word| word.to_be_bytes()));
        inputs.extend((uri.len() as u64).to_be_bytes());
        inputs.extend(uri.bytes());
    }
    inputs
}

/// A name that only the same command of the same account has.
fn journal_name(account: Address, inputs: &[u8]) -> PathBuf {
    let hash = keccak256([account.as_slice(), inputs].concat());
    let hash = alloy_primitives::hex::encode(&hash[..8]);
    Path::new(&format!("contributions-{hash}.journal")).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_offered_once_under_their_names() {
        let directory = tempfile::tempdir().unwrap();
        let path = |name: &str| directory.path().join(name);
        let text = "one two three four five six ".repeat(9);
        for name in ["a.txt", "b.txt"] {
            std::fs::write(path(name), &text).unwrap();
        }
        let read = |paths: &[PathBuf]| read_offers(Kind::Text, paths.to_vec(), "ipfs://x/", 16);
        let offers = read(&[path("a.txt")]).unwrap();
        assert_eq!(offers[0].uri, "ipfs://x/a.txt");
        assert_eq!(offers[0].content.size, text.len() as u64);
        let error = read(&[path("a.txt"), path("b.txt")])
            .unwrap_err()
            .to_string();
        assert!(error.contains("named twice"), "{error}");
        // The journal is the same command's alone.
        let (one, two) = (inputs(U256::ONE, &offers), inputs(U256::from(2), &offers));
        let account = Address::repeat_byte(1);
        assert_eq!(journal_name(account, &one), journal_name(account, &one));
        assert_ne!(journal_name(account, &one), journal_name(account, &two));
        assert_ne!(
            journal_name(account, &one),
            journal_name(Address::ZERO, &one)
        );
    }
}
