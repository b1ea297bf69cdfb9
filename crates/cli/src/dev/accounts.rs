use alloy_primitives::{Address, B256, U256};
use alloy_signer_local::{LocalSignerError, MnemonicBuilder, PrivateKeySigner};
use serde::{Serialize, Serializer};

/// The mnemonic that anvil and hardhat use, which everybody knows: for local chains only.
pub(crate) const MNEMONIC: &str = "test test test test test test test test test test test junk";
/// Derivation path of the accounts, without the index.
pub(crate) const DERIVATION_PATH: &str = "m/44'/60'/0'/0/";
/// OPEN that each account holds at genesis.
pub(crate) const BALANCE_OPEN: u64 = 10_000;
/// Index of the account that deploys the L1 contracts and posts batches on a local L1: far from those
/// that a user gets, whose nonces are theirs.
const OPERATOR_INDEX: u32 = 1_000_000;
/// Index of the account that claims output roots on a local L1: not the operator's, since each sender
/// has an account of its own.
const PROPOSER_INDEX: u32 = OPERATOR_INDEX + 1;
/// Index of the account that may veto claims and pause withdrawals on a local L1.
const GUARDIAN_INDEX: u32 = OPERATOR_INDEX + 2;

/// A funded account of a local chain.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct DevAccount {
    /// With its checksum (EIP-55): some clients take no other form.
    #[serde(serialize_with = "checksummed")]
    pub(crate) address: Address,
    pub(crate) private_key: B256,
}

fn checksummed<S: Serializer>(address: &Address, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&address.to_checksum(None))
}

/// The accounts of a local chain.
#[derive(Debug)]
pub(crate) struct DevAccounts {
    pub(crate) accounts: Vec<DevAccount>,
    pub(crate) signers: Vec<PrivateKeySigner>,
    pub(crate) operator: PrivateKeySigner,
    pub(crate) proposer: PrivateKeySigner,
    pub(crate) guardian: PrivateKeySigner,
}

impl DevAccounts {
    /// The first `count` accounts of the mnemonic, and those of the roles.
    pub(crate) fn derive(count: u32) -> Result<Self, LocalSignerError> {
        let parent = MnemonicBuilder::english()
            .phrase(MNEMONIC)
            .build_parent_key()?;
        let signers = parent
            .children()
            .take(count as usize)
            .collect::<Result<Vec<_>, LocalSignerError>>()?;
        let accounts = signers
            .iter()
            .map(|signer| DevAccount {
                address: signer.address(),
                private_key: signer.to_bytes(),
            })
            .collect();
        Ok(Self {
            accounts,
            signers,
            operator: parent.child(OPERATOR_INDEX)?.signer(),
            proposer: parent.child(PROPOSER_INDEX)?.signer(),
            guardian: parent.child(GUARDIAN_INDEX)?.signer(),
        })
    }
}

/// [`BALANCE_OPEN`] in wei.
pub(crate) fn balance_wei() -> U256 {
    U256::from(BALANCE_OPEN) * U256::from(10).pow(U256::from(18))
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{address, b256};

    #[test]
    fn the_accounts_are_those_of_anvil_and_hardhat() {
        let derived = DevAccounts::derive(10).unwrap();
        assert_eq!(derived.accounts.len(), 10);
        let first = &derived.accounts[0];
        assert_eq!(
            first.address,
            address!("f39Fd6e51aad88F6F4ce6aB8827279cffFb92266")
        );
        assert_eq!(
            first.private_key,
            b256!("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80")
        );
        assert_eq!(
            derived.accounts[9].address,
            address!("a0Ee7A142d267C1f36714E4a8F75612F20a79720")
        );
        assert!(
            derived
                .accounts
                .iter()
                .all(|account| account.address != derived.operator.address())
        );
    }
}
