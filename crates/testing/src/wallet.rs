//! Keys and signatures, by libsecp256k1, for tests and load.

use alloy_consensus::{SignableTransaction as _, TxEip1559, transaction::RlpEcdsaEncodableTx as _};
use alloy_primitives::{Address, B256, Signature, U256, b256, keccak256};
use anyhow::{Context as _, Result};
use secp256k1::{Message, PublicKey, SECP256K1, SecretKey};

/// The keys of the ten accounts of the test mnemonic that anvil, hardhat and `openledger dev` share
/// ("test test test test test test test test test test test junk"). Everybody knows them.
pub const DEVELOPMENT_KEYS: [B256; 10] = [
    b256!("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"),
    b256!("59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d"),
    b256!("5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a"),
    b256!("7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6"),
    b256!("47e179ec197488593b187f80a00eb0da91f1b9d0b13f8733639f19c30a34926a"),
    b256!("8b3a350cf5c34c9194ca85829a2df0ec3153be0318b5e2d3348e872092edffba"),
    b256!("92db14e403b83dfe3df233f83dfa3a0d7096f21ca9b0d6d6b8d88b2b4ec1564e"),
    b256!("4bbbf85ce3377467afe5d46f804f221813b2bb87f24d81f60f1fcdbf7cbf4356"),
    b256!("dbda1821b80551c9d65939329250298aa3472ba22feea921c0cf5d620ea67b97"),
    b256!("2a871d0798f97d79848a013d4936a73bf4cc922c825d33c1cf7073dff6d409c6"),
];

/// A key with its address.
#[derive(Clone)]
pub struct Wallet {
    secret: SecretKey,
    address: Address,
}

impl std::fmt::Debug for Wallet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wallet")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

/// A signed transaction.
#[derive(Debug, Clone)]
pub struct SignedTransaction {
    /// EIP-2718 bytes.
    pub encoded: Vec<u8>,
    /// keccak256 of them.
    pub hash: B256,
}

impl Wallet {
    /// The wallet of a private key.
    ///
    /// # Errors
    /// Zero, or a number that is not below the curve's order.
    pub fn new(key: B256) -> Result<Self> {
        let secret = SecretKey::from_slice(key.as_slice()).context("a private key")?;
        let public = PublicKey::from_secret_key(SECP256K1, &secret);
        let hash = keccak256(&public.serialize_uncompressed()[1..]);
        Ok(Self {
            secret,
            address: Address::from_slice(&hash[12..]),
        })
    }

    /// The wallet number `index` of a seed: the same at every run.
    ///
    /// # Errors
    /// None that will ever be seen: one key in 2^128 is invalid.
    pub fn from_seed(seed: u64, index: usize) -> Result<Self> {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&seed.to_be_bytes());
        bytes[8..].copy_from_slice(&(index as u64).to_be_bytes());
        Self::new(keccak256(bytes))
    }

    /// The wallets of the development accounts.
    ///
    /// # Errors
    /// None: the keys are valid.
    pub fn development() -> Result<Vec<Self>> {
        DEVELOPMENT_KEYS.iter().map(|key| Self::new(*key)).collect()
    }

    /// The address.
    pub const fn address(&self) -> Address {
        self.address
    }

    /// The private key.
    pub fn key(&self) -> B256 {
        B256::from(self.secret.secret_bytes())
    }

    /// Signs a 32-byte digest.
    pub fn sign_digest(&self, digest: B256) -> Signature {
        let (id, compact) = SECP256K1
            .sign_ecdsa_recoverable(&Message::from_digest(digest.0), &self.secret)
            .serialize_compact();
        Signature::new(
            U256::from_be_slice(&compact[..32]),
            U256::from_be_slice(&compact[32..]),
            i32::from(id) == 1,
        )
    }

    /// Signs a transaction and encodes it.
    pub fn sign(&self, transaction: &TxEip1559) -> SignedTransaction {
        let signature = self.sign_digest(transaction.signature_hash());
        let mut encoded = Vec::with_capacity(transaction.eip2718_encoded_length(&signature));
        transaction.eip2718_encode(&signature, &mut encoded);
        let hash = keccak256(&encoded);
        SignedTransaction { encoded, hash }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_consensus::{TxEnvelope, transaction::SignerRecoverable as _};
    use alloy_eips::Decodable2718 as _;
    use alloy_primitives::address;

    #[test]
    fn the_first_development_account_is_the_known_one() {
        let wallets = Wallet::development().unwrap();
        assert_eq!(
            wallets[0].address(),
            address!("f39Fd6e51aad88F6F4ce6aB8827279cffFb92266")
        );
        assert_eq!(
            wallets[9].address(),
            address!("a0Ee7A142d267C1f36714E4a8F75612F20a79720")
        );
    }

    #[test]
    fn what_is_signed_is_recovered() {
        let wallet = Wallet::from_seed(7, 3).unwrap();
        let transaction = TxEip1559 {
            chain_id: 1,
            nonce: 5,
            gas_limit: 21_000,
            ..Default::default()
        };
        let signed = wallet.sign(&transaction);
        let decoded = TxEnvelope::decode_2718_exact(&signed.encoded).unwrap();
        assert_eq!(*decoded.tx_hash(), signed.hash);
        assert_eq!(decoded.recover_signer().unwrap(), wallet.address());
        assert_ne!(wallet.address(), Wallet::from_seed(7, 4).unwrap().address());
    }
}
