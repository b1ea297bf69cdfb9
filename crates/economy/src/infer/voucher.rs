//! Vouchers: what a payer owes for all calls of a channel so far, signed.
//!
//! EIP-712 in the domain ("VoucherChannels", "1", chain id, contract). The same domain has [`call_hash`] and [`output_hash`], which ask
//! a worker for a call and again for its output: no contract ever sees those.

use alloy_primitives::{Address, B256, Bytes, Signature, U256};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use alloy_sol_types::{Eip712Domain, SolStruct, eip712_domain, sol};
use openledger_primitives::predeploys::VOUCHER_CHANNELS;
use serde::{Deserialize, Serialize};

/// Bytes of a signature: r ‖ s ‖ v.
const SIGNATURE_BYTES: usize = 65;

mod typed {
    use super::sol;

    sol! {
        struct Voucher {
            bytes32 channel;
            address payer;
            address payee;
            uint256 cumulative;
            uint64 count;
            bytes32 leavesRoot;
            uint64 expiry;
        }

        struct Call {
            bytes32 channel;
            uint64 number;
            bytes32 promptHash;
            uint32 tokensOutMax;
        }

        struct Output {
            bytes32 channel;
            uint64 number;
        }
    }
}

/// What a payer owes for all calls of a channel so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Voucher {
    /// The channel.
    pub channel: B256,
    /// Who opened it.
    pub payer: Address,
    /// The worker.
    pub payee: Address,
    /// Prices and platform fees of all calls, wei.
    pub cumulative: U256,
    /// Number of all calls.
    pub count: u64,
    /// Root of the Merkle sum tree over all calls, whose sum is `cumulative` without the platform fees.
    pub leaves_root: B256,
    /// Last second in which it can be settled.
    pub expiry: u64,
}

/// A voucher with its signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SignedVoucher {
    /// What is owed.
    pub voucher: Voucher,
    /// r ‖ s ‖ v of [`Voucher::hash`].
    pub signature: Bytes,
}

impl Voucher {
    /// What is signed, as `VoucherChannels.hashVoucher` answers it.
    pub fn hash(&self, chain_id: u64) -> B256 {
        let typed = typed::Voucher {
            channel: self.channel,
            payer: self.payer,
            payee: self.payee,
            cumulative: self.cumulative,
            count: self.count,
            leavesRoot: self.leaves_root,
            expiry: self.expiry,
        };
        typed.eip712_signing_hash(&domain(chain_id))
    }

    /// Signs it.
    ///
    /// # Errors
    /// If the key can't sign.
    pub fn sign(
        self,
        key: &PrivateKeySigner,
        chain_id: u64,
    ) -> Result<SignedVoucher, alloy_signer::Error> {
        let signature = sign(key, self.hash(chain_id))?;
        Ok(SignedVoucher {
            voucher: self,
            signature,
        })
    }
}

impl SignedVoucher {
    /// Whose key signed it; `None` if the contracts would take it for no key's signature.
    pub fn signer(&self, chain_id: u64) -> Option<Address> {
        recover(&self.signature, self.voucher.hash(chain_id))
    }
}

/// What a payer signs to ask a worker for a call: EIP-712 `Call(bytes32 channel,uint64 number,bytes32 promptHash,uint32
/// tokensOutMax)` in the vouchers' domain. It binds nobody to pay, and keeps others from occupying a payer's channel.
pub fn call_hash(
    chain_id: u64,
    channel: B256,
    number: u64,
    prompt_hash: B256,
    tokens_out_max: u32,
) -> B256 {
    let typed = typed::Call {
        channel,
        number,
        promptHash: prompt_hash,
        tokensOutMax: tokens_out_max,
    };
    typed.eip712_signing_hash(&domain(chain_id))
}

/// What a payer signs to ask again for the output of a call that was paid: EIP-712 `Output(bytes32 channel,uint64 number)` in the
/// vouchers' domain. A voucher isn't enough: the chain shows everybody those that were settled.
pub fn output_hash(chain_id: u64, channel: B256, number: u64) -> B256 {
    let typed = typed::Output { channel, number };
    typed.eip712_signing_hash(&domain(chain_id))
}

/// Signs a hash: r ‖ s ‖ v, v 27 or 28.
///
/// # Errors
/// If the key can't sign.
pub fn sign(key: &PrivateKeySigner, hash: B256) -> Result<Bytes, alloy_signer::Error> {
    Ok(key.sign_hash_sync(&hash)?.as_bytes().into())
}

/// Whose key signed a hash. `None` for what the contracts take for no key's signature: another length than 65 bytes, v neither 27
/// nor 28, a high s, no point of the curve.
pub fn recover(signature: &[u8], hash: B256) -> Option<Address> {
    let bytes: &[u8; SIGNATURE_BYTES] = signature.try_into().ok()?;
    let parity = match bytes[64] {
        27 => false,
        28 => true,
        _ => return None,
    };
    let signature = Signature::from_bytes_and_parity(&bytes[..64], parity);
    if signature.normalize_s().is_some() {
        return None;
    }
    signature.recover_address_from_prehash(&hash).ok()
}

fn domain(chain_id: u64) -> Eip712Domain {
    eip712_domain! {
        name: "VoucherChannels",
        version: "1",
        chain_id: chain_id,
        verifying_contract: VOUCHER_CHANNELS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::uint;
    use proptest::prelude::*;

    /// Order of the curve.
    const N: U256 = uint!(0xFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFEBAAEDCE6AF48A03BBFD25E8CD0364141_U256);

    fn voucher() -> Voucher {
        Voucher {
            channel: B256::repeat_byte(1),
            payer: Address::repeat_byte(2),
            payee: Address::repeat_byte(3),
            cumulative: U256::from(1_000),
            count: 4,
            leaves_root: B256::repeat_byte(5),
            expiry: 6,
        }
    }

    #[test]
    fn a_signature_is_its_key_s_for_this_voucher_and_chain_alone() {
        let key = PrivateKeySigner::random();
        let signed = voucher().sign(&key, 7).unwrap();
        assert_eq!(signed.signer(7), Some(key.address()));
        assert_ne!(signed.signer(8), Some(key.address()));
        let mut other = signed.clone();
        other.voucher.count += 1;
        assert_ne!(other.signer(7), Some(key.address()));
    }

    #[test]
    fn only_the_form_that_the_contracts_take_is_a_signature() {
        let key = PrivateKeySigner::random();
        let hash = B256::repeat_byte(9);
        let good = sign(&key, hash).unwrap();
        assert_eq!(recover(&good, hash), Some(key.address()));
        for length in [0, 64, 66] {
            let mut other = good.to_vec();
            other.resize(length, 27);
            assert_eq!(recover(&other, hash), None);
        }
        let mut other = good.to_vec();
        other[64] -= 27;
        assert_eq!(recover(&other, hash), None);
        // The same signature with the other s.
        let mut high = good.to_vec();
        let s = U256::from_be_slice(&good[32..64]);
        high[32..64].copy_from_slice(&(N - s).to_be_bytes::<32>());
        high[64] = 27 + 28 - good[64];
        assert_eq!(recover(&high, hash), None);
        assert_eq!(
            recover(&[27; 65], hash).filter(|at| *at == key.address()),
            None
        );
    }

    #[test]
    fn a_call_is_no_voucher() {
        let hash = call_hash(7, B256::repeat_byte(1), 4, B256::repeat_byte(5), 6);
        assert_ne!(hash, voucher().hash(7));
        assert_ne!(hash, output_hash(7, B256::repeat_byte(1), 4));
        assert_ne!(
            hash,
            call_hash(7, B256::repeat_byte(1), 5, B256::repeat_byte(5), 6)
        );
        assert_ne!(
            hash,
            call_hash(7, B256::repeat_byte(1), 4, B256::repeat_byte(5), 7)
        );
    }

    proptest! {
        #[test]
        fn its_json_is_read_back(cumulative: [u8; 32], count: u64, expiry: u64, signature: Vec<u8>) {
            let signed = SignedVoucher {
                voucher: Voucher { cumulative: U256::from_be_bytes(cumulative), count, expiry, ..voucher() },
                signature: signature.into(),
            };
            let json = serde_json::to_string(&signed).unwrap();
            prop_assert_eq!(serde_json::from_str::<SignedVoucher>(&json).unwrap(), signed);
        }
    }
}
