//! Who signs: a key of our own, or a service that holds it.

use crate::{
    L1Error, RequestConfig,
    endpoints::{Endpoints, OnAbsence, OnRefusal},
};
use alloy_consensus::{TxEnvelope, TypedTransaction};
use alloy_eips::eip2718::Decodable2718;
use alloy_network::TxSignerSync;
use alloy_primitives::{Address, B256, Bytes, Signature};
use alloy_rpc_types_eth::TransactionRequest;
use alloy_signer_local::PrivateKeySigner;
use serde::Deserialize;
use std::time::Duration;

/// How long a remote signer may take.
const REMOTE_TIMEOUT: Duration = Duration::from_secs(10);

/// Why a transaction is not signed.
#[derive(Debug, thiserror::Error)]
pub enum SignError {
    /// The local key can't sign.
    #[error(transparent)]
    Local(#[from] alloy_signer::Error),
    /// The remote signer gave no answer that can be used: it may later.
    #[error("the remote signer: {0}")]
    Remote(#[source] L1Error),
    /// What the remote signer answered is no signed transaction.
    #[error("the remote signer's answer is no signed transaction: {0}")]
    Answer(#[source] alloy_eips::eip2718::Eip2718Error),
    /// The remote signer signed with another key, or something else than it was asked to.
    #[error("the remote signer's signature is not {expected}'s of what it was asked to sign")]
    OtherSignature {
        /// The account that should sign.
        expected: Address,
    },
    /// A transaction with blobs can't create a contract (EIP-4844).
    #[error("a transaction with blobs must have a recipient")]
    NoRecipient,
    /// The blobs can't be proved.
    #[error(transparent)]
    Blobs(#[from] crate::KzgError),
}

impl SignError {
    /// Whether trying again may help.
    pub const fn is_transient(&self) -> bool {
        matches!(
            self,
            Self::Remote(_) | Self::Answer(_) | Self::OtherSignature { .. }
        ) || matches!(self, Self::Blobs(crate::KzgError::Interrupted))
    }
}

/// Signs an account's transactions.
#[derive(Debug, Clone)]
pub enum TxSigner {
    /// With a key in this process.
    Local(PrivateKeySigner),
    /// By asking a service.
    Remote(RemoteSigner),
}

impl From<PrivateKeySigner> for TxSigner {
    fn from(key: PrivateKeySigner) -> Self {
        Self::Local(key)
    }
}

impl From<RemoteSigner> for TxSigner {
    fn from(remote: RemoteSigner) -> Self {
        Self::Remote(remote)
    }
}

impl TxSigner {
    /// The account.
    pub const fn address(&self) -> Address {
        match self {
            Self::Local(key) => key.address(),
            Self::Remote(remote) => remote.account,
        }
    }

    /// Its signature of a transaction.
    pub(super) async fn sign(&self, tx: &mut TypedTransaction) -> Result<Signature, SignError> {
        match self {
            Self::Local(key) => Ok(match tx {
                TypedTransaction::Legacy(tx) => key.sign_transaction_sync(tx),
                TypedTransaction::Eip2930(tx) => key.sign_transaction_sync(tx),
                TypedTransaction::Eip1559(tx) => key.sign_transaction_sync(tx),
                TypedTransaction::Eip4844(tx) => key.sign_transaction_sync(tx),
                TypedTransaction::Eip7702(tx) => key.sign_transaction_sync(tx),
            }?),
            Self::Remote(remote) => remote.sign(tx).await,
        }
    }
}

/// A service that signs by `eth_signTransaction`, such as a node with an account or a front of a
/// hardware security module. It is asked for one account; what it answers is checked.
#[derive(Debug, Clone)]
pub struct RemoteSigner {
    endpoints: Endpoints,
    account: Address,
}

/// Some answer with the bytes, some with an object that has them.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Answer {
    Raw(Bytes),
    Object { raw: Bytes },
}

impl RemoteSigner {
    /// A signer at this URL for `account`. Nothing is sent.
    ///
    /// # Errors
    /// A URL that is invalid.
    pub fn new(url: &str, account: Address) -> Result<Self, L1Error> {
        let config = RequestConfig {
            timeout: REMOTE_TIMEOUT,
            attempts: 1,
            ..RequestConfig::default()
        };
        Ok(Self {
            endpoints: Endpoints::new(&[url.to_owned()], config)?,
            account,
        })
    }

    async fn sign(&self, tx: &TypedTransaction) -> Result<Signature, SignError> {
        let request = request(tx, self.account);
        let answer: Answer = self
            .endpoints
            .request(
                "eth_signTransaction",
                [request],
                OnRefusal::Return,
                OnAbsence::Retry,
                |answer| std::future::ready(Ok(answer)),
            )
            .await
            .map_err(SignError::Remote)?;
        let (Answer::Raw(raw) | Answer::Object { raw }) = answer;
        let envelope = TxEnvelope::decode_2718(&mut raw.as_ref()).map_err(SignError::Answer)?;
        let signature = *envelope.signature();
        // Whoever signed exactly this hash signed exactly this transaction.
        let hash = signature_hash(tx);
        match signature.recover_address_from_prehash(&hash) {
            Ok(account) if account == self.account => Ok(signature),
            _ => Err(SignError::OtherSignature {
                expected: self.account,
            }),
        }
    }
}

fn signature_hash(tx: &TypedTransaction) -> B256 {
    use alloy_consensus::SignableTransaction;
    match tx {
        TypedTransaction::Legacy(tx) => tx.signature_hash(),
        TypedTransaction::Eip2930(tx) => tx.signature_hash(),
        TypedTransaction::Eip1559(tx) => tx.signature_hash(),
        TypedTransaction::Eip4844(tx) => tx.signature_hash(),
        TypedTransaction::Eip7702(tx) => tx.signature_hash(),
    }
}

/// The transaction in the form of a JSON-RPC request. Blobs stay here: their hashes are signed.
fn request(tx: &TypedTransaction, from: Address) -> TransactionRequest {
    use alloy_consensus::Transaction;
    TransactionRequest {
        from: Some(from),
        to: Some(tx.kind()),
        nonce: Some(tx.nonce()),
        gas: Some(tx.gas_limit()),
        max_fee_per_gas: Some(tx.max_fee_per_gas()),
        max_priority_fee_per_gas: tx.max_priority_fee_per_gas(),
        max_fee_per_blob_gas: tx.max_fee_per_blob_gas(),
        blob_versioned_hashes: tx.blob_versioned_hashes().map(<[B256]>::to_vec),
        value: Some(tx.value()),
        input: tx.input().clone().into(),
        chain_id: tx.chain_id(),
        transaction_type: Some(tx.tx_type().into()),
        ..TransactionRequest::default()
    }
}
