//! The compiled contracts that are built in.

use super::DeployError;
use alloy_primitives::{B256, Bytes, hex, keccak256};
use serde::Deserialize;
use std::{borrow::Cow, collections::BTreeMap};

/// A compiled contract: its name, and the text of its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Artifact {
    pub(super) name: &'static str,
    text: &'static str,
}

macro_rules! artifacts {
    ($($constant:ident = $name:literal;)*) => {
        $(pub(super) const $constant: Artifact = Artifact {
            name: $name,
            text: include_str!(concat!("../../../../contracts/artifacts/", $name, ".json")),
        };)*
        #[cfg(test)]
        const ALL: &[Artifact] = &[$($constant),*];
    };
}

artifacts! {
    ANCHOR_STATE_REGISTRY = "AnchorStateRegistry";
    BATCH_INBOX = "BatchInbox";
    DISPUTE_GAME_FACTORY = "DisputeGameFactory";
    GOVERNANCE_EXECUTOR = "GovernanceExecutor";
    L1_CROSS_DOMAIN_MESSENGER = "L1CrossDomainMessenger";
    L1_STANDARD_BRIDGE = "L1StandardBridge";
    MINTABLE_FACTORY = "OptimismMintableERC20Factory";
    OPEN = "OPEN";
    PROXY = "Proxy";
    PROXY_ADMIN = "ProxyAdmin";
    ROLLUP_PORTAL = "RollupPortal";
    SYSTEM_CONFIG = "SystemConfig";
    TIMELOCK = "TimelockController";
    VETO_DISPUTE_GAME = "VetoDisputeGame";
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Form<'a> {
    #[serde(borrow)]
    bytecode: Cow<'a, str>,
    #[serde(borrow)]
    deployed_bytecode: Cow<'a, str>,
    #[serde(default)]
    immutable_references: BTreeMap<String, Vec<Range>>,
}

/// Where deployed code holds an immutable, bytes.
#[derive(Deserialize)]
struct Range {
    start: usize,
    length: usize,
}

impl Artifact {
    /// The creation code, with encoded constructor arguments behind it.
    pub(super) fn init_code(&self, arguments: &[u8]) -> Result<Bytes, DeployError> {
        let code = self.bytes(&self.form()?.bytecode)?;
        Ok([code.as_slice(), arguments].concat().into())
    }

    /// keccak256 of the deployed code without its immutables.
    pub(super) fn code_hash(&self) -> Result<B256, DeployError> {
        // Its immutables are zero already.
        Ok(keccak256(self.bytes(&self.form()?.deployed_bytecode)?))
    }

    /// The same of code that stands on L1.
    pub(super) fn hash_of(&self, deployed: &[u8]) -> Result<B256, DeployError> {
        let mut code = deployed.to_vec();
        for range in self.form()?.immutable_references.values().flatten() {
            let end = range.start.saturating_add(range.length);
            // Code that is shorter is other code: its hash differs anyway.
            if let Some(immutable) = code.get_mut(range.start..end) {
                immutable.fill(0);
            }
        }
        Ok(keccak256(code))
    }

    fn form(&self) -> Result<Form<'static>, DeployError> {
        serde_json::from_str(self.text).map_err(|source| self.broken(source))
    }

    fn bytes(&self, text: &str) -> Result<Vec<u8>, DeployError> {
        hex::decode(text).map_err(|error| self.broken(serde::de::Error::custom(error)))
    }

    fn broken(&self, source: serde_json::Error) -> DeployError {
        DeployError::Artifact {
            name: self.name,
            source,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn artifacts_hold_code() {
        for artifact in ALL {
            let code = artifact.init_code(&[1, 2]).expect("an artifact");
            assert!(
                code.len() > 1_000 && code.ends_with(&[1, 2]),
                "{}",
                artifact.name
            );
        }
        let broken = Artifact {
            name: "none",
            text: "{}",
        };
        assert!(matches!(
            broken.init_code(&[]),
            Err(DeployError::Artifact { name: "none", .. })
        ));
    }

    #[test]
    fn immutables_do_not_count() {
        for artifact in ALL {
            let form = artifact.form().expect("an artifact");
            let mut code = artifact.bytes(&form.deployed_bytecode).expect("hex");
            for range in form.immutable_references.values().flatten() {
                code[range.start..range.start + range.length].fill(7);
            }
            let expected = artifact.code_hash().expect("an artifact");
            assert_eq!(artifact.hash_of(&code).expect("an artifact"), expected);
            code[0] ^= 1;
            assert_ne!(artifact.hash_of(&code).expect("an artifact"), expected);
        }
    }
}
