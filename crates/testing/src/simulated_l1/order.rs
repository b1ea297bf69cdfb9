use super::chain::State;
use crate::wallet::Wallet;
use alloy_consensus::{
    SignableTransaction as _, TxEip1559, TxEip4844, TxEip4844Variant, TxEip4844WithSidecar,
    TxEnvelope,
};
use alloy_eips::{
    Encodable2718 as _,
    eip4844::{Blob, BlobTransactionSidecar, c_kzg},
};
use alloy_primitives::{Address, Bytes, TxKind, U256};

/// A transaction of a test on the simulated L1.
#[derive(Debug, Clone)]
pub struct Order {
    /// Whom it calls.
    pub to: Address,
    /// Its calldata.
    pub input: Bytes,
    /// ETH that it carries, wei.
    pub value: U256,
    /// Its gas limit.
    pub gas_limit: u64,
    /// Most that it pays for a gas, wei.
    pub max_fee: u128,
    /// Its tip, wei a gas.
    pub tip: u128,
    /// Most that it pays for a blob gas, wei.
    pub max_blob_fee: u128,
    /// What its blobs hold, if it has any.
    pub blobs: Vec<Blob>,
}

impl Order {
    /// A call that pays whatever is asked.
    pub fn call(to: Address, input: impl Into<Bytes>) -> Self {
        Self {
            to,
            input: input.into(),
            value: U256::ZERO,
            gas_limit: 1_000_000,
            max_fee: 1_000_000_000_000,
            tip: 2_000_000_000,
            max_blob_fee: 1_000_000_000_000,
            blobs: Vec::new(),
        }
    }

    /// The same with another gas limit.
    pub const fn with_gas_limit(mut self, gas_limit: u64) -> Self {
        self.gas_limit = gas_limit;
        self
    }

    /// The raw transaction of an account with this nonce.
    pub fn sign(&self, chain_id: u64, wallet: &Wallet, nonce: u64) -> Bytes {
        if self.blobs.is_empty() {
            let tx = TxEip1559 {
                chain_id,
                nonce,
                gas_limit: self.gas_limit,
                max_fee_per_gas: self.max_fee,
                max_priority_fee_per_gas: self.tip,
                to: TxKind::Call(self.to),
                value: self.value,
                access_list: Default::default(),
                input: self.input.clone(),
            };
            return wallet.sign(&tx).encoded.into();
        }
        let settings = c_kzg::ethereum_kzg_settings(0);
        let sidecar =
            BlobTransactionSidecar::try_from_blobs_with_settings(self.blobs.clone(), settings)
                .expect("field elements below the modulus");
        let tx = TxEip4844 {
            chain_id,
            nonce,
            gas_limit: self.gas_limit,
            max_fee_per_gas: self.max_fee,
            max_priority_fee_per_gas: self.tip,
            to: self.to,
            value: self.value,
            access_list: Default::default(),
            blob_versioned_hashes: sidecar.versioned_hashes().collect(),
            max_fee_per_blob_gas: self.max_blob_fee,
            input: self.input.clone(),
        };
        let signature = wallet.sign_digest(tx.signature_hash());
        let with_sidecar = TxEip4844WithSidecar::from_tx_and_sidecar(tx, sidecar.into());
        let signed = TxEip4844Variant::TxEip4844WithSidecar(with_sidecar).into_signed(signature);
        TxEnvelope::Eip4844(signed).encoded_2718().into()
    }
}

impl State {
    /// The raw transaction of an account with the nonce that follows what is mined, plus `ahead`.
    pub fn sign(&self, order: &Order, wallet: &Wallet, ahead: u64) -> Bytes {
        let nonce = self.head().account(wallet.address()).nonce + ahead;
        order.sign(self.options().chain_id, wallet, nonce)
    }

    /// Signs a transaction behind what the account has waiting, and puts it into the pool.
    ///
    /// # Errors
    /// The rule of the pool that it breaks.
    pub fn order(
        &mut self,
        order: &Order,
        wallet: &Wallet,
    ) -> Result<alloy_primitives::B256, super::Refusal> {
        let mined = self.head().account(wallet.address()).nonce;
        let nonce = self.pool.pending_nonce(wallet.address(), mined);
        let raw = order.sign(self.options().chain_id, wallet, nonce);
        self.submit(raw)
    }
}
