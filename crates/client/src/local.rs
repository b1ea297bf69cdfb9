//! What `openledger dev` says of the chain that it runs.

use crate::files;
use alloy_signer_local::{MnemonicBuilder, PrivateKeySigner};
use anyhow::{Context, anyhow};
use serde::Deserialize;
use std::path::Path;

/// What `openledger dev` leaves in its data directory beside the chain's files.
pub const DEV_FILE: &str = "dev.json";
/// Longest that it may be, bytes.
const DEV_FILE_BYTES_MAX: u64 = 1 << 20;

/// A local chain: the part of `dev.json` that commands use.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct LocalChain {
    /// The chain's id.
    pub chain_id: u64,
    /// JSON-RPC of its node.
    pub rpc_url: String,
    /// JSON-RPC of its L1; none for a chain that is unsettled.
    pub l1_url: Option<String>,
    /// JSON-RPC of the node's privileged listener.
    #[serde(default)]
    pub privileged_url: Option<String>,
    mnemonic: String,
}

impl std::fmt::Debug for LocalChain {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        // Without the mnemonic: it is nobody's secret on a local chain, and habits are made there.
        formatter
            .debug_struct("LocalChain")
            .field("chain_id", &self.chain_id)
            .field("rpc_url", &self.rpc_url)
            .finish_non_exhaustive()
    }
}

impl LocalChain {
    /// Reads what `openledger dev` left in a directory; `None` if there is nothing.
    ///
    /// # Errors
    /// A file that can't be read, is too long or of another form.
    pub fn read_if_any(directory: &Path) -> anyhow::Result<Option<Self>> {
        files::read_json_if_any(&directory.join(DEV_FILE), DEV_FILE_BYTES_MAX)
    }

    /// The key of the chain's account with this number, counted from 0.
    ///
    /// # Errors
    /// A file without a mnemonic.
    pub fn key(&self, number: u32) -> anyhow::Result<PrivateKeySigner> {
        // The path is the one of every local chain, and so is in no file of this command's.
        MnemonicBuilder::try_from_phrase_nth(&self.mnemonic, number)
            .map_err(|_| anyhow!("{DEV_FILE} holds no mnemonic"))
            .with_context(|| format!("account {number}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AccountArgs, NodeArgs};
    use alloy_primitives::address;

    const DEV: &str = r#"{
        "chainId": 7, "rpcUrl": "http://127.0.0.1:1", "l1Url": null, "more": [1],
        "mnemonic": "test test test test test test test test test test test junk"
    }"#;

    #[test]
    fn accounts_of_a_local_chain_have_the_keys_of_its_mnemonic() {
        let directory = tempfile::tempdir().unwrap();
        let args = AccountArgs {
            account: Some(1),
            ..AccountArgs::default()
        };
        assert!(LocalChain::read_if_any(directory.path()).unwrap().is_none());
        let error = args.key(None).unwrap_err().to_string();
        assert!(error.contains(DEV_FILE), "{error}");
        std::fs::write(directory.path().join(DEV_FILE), DEV).unwrap();
        let local = LocalChain::read_if_any(directory.path()).unwrap().unwrap();
        assert_eq!(local.chain_id, 7);
        assert_eq!(
            args.key(Some(&local)).unwrap().address(),
            address!("70997970C51812dc3A010C7d01b50e0d17dc79C8")
        );
        assert!(!format!("{local:?}").contains("junk"));
        std::fs::write(directory.path().join(DEV_FILE), "{}").unwrap();
        assert!(LocalChain::read_if_any(directory.path()).is_err());
    }

    #[tokio::test]
    async fn a_chain_s_directory_says_where_its_node_is() {
        let directory = tempfile::tempdir().unwrap();
        let args = NodeArgs {
            rpc_url: None,
            chain: Some(directory.path().to_owned()),
        };
        let error = args.connect().await.unwrap_err().to_string();
        assert!(error.contains("--rpc-url"), "{error}");
        std::fs::write(directory.path().join(DEV_FILE), DEV).unwrap();
        let error = args.connect().await.unwrap_err().to_string();
        assert!(error.contains("no node answers"), "{error}");
    }
}
