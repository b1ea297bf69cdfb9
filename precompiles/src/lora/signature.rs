//! EIP-712 signatures by which a developer lets someone else register an adapter.

use crate::LORA;
use alloc::vec::Vec;
use alloy_primitives::{Address, B256, Keccak256, U256, keccak256, uint};

/// Length of a signature, `r ‖ s ‖ v`.
pub const SIGNATURE_LEN: usize = 65;
/// Half of the group's order, rounded down: a larger `s` has a twin, and is refused.
const S_MAX: U256 = uint!(0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0_U256);

/// Type of the EIP-712 domain.
const DOMAIN_TYPE: &[u8] =
    b"EIP712Domain(string name,string version,uint256 chainId,address verifyingContract)";
const DOMAIN_NAME: &[u8] = b"LoraRegistry";
const DOMAIN_VERSION: &[u8] = b"1";
/// Type of the signed structure.
const REGISTER_TYPE: &[u8] =
    b"RegisterAdapter(bytes32 adapterHash,bytes32 headerHash,uint256 nonce,uint256 deadline)";

/// Hash of the domain on the chain `chain_id`.
pub fn domain_separator(chain_id: u64) -> B256 {
    hash_words([
        keccak256(DOMAIN_TYPE),
        keccak256(DOMAIN_NAME),
        keccak256(DOMAIN_VERSION),
        U256::from(chain_id).into(),
        LORA.into_word(),
    ])
}

/// What a developer signs: the EIP-712 hash of `RegisterAdapter`, where `adapter_hash` is
/// `keccak256(abi.encode(adapter))`.
pub fn digest(
    chain_id: u64,
    adapter_hash: B256,
    header_hash: B256,
    nonce: U256,
    deadline: U256,
) -> B256 {
    let structure = hash_words([
        keccak256(REGISTER_TYPE),
        adapter_hash,
        header_hash,
        nonce.into(),
        deadline.into(),
    ]);
    let mut hasher = Keccak256::new();
    hasher.update([0x19, 0x01]);
    hasher.update(domain_separator(chain_id));
    hasher.update(structure);
    hasher.finalize()
}

/// Who signed `digest`; `None` unless `signature` is `r ‖ s ‖ v` with `v` 27 or 28, `s` in the lower half
/// of the order, and a point that it recovers to.
pub fn signer(digest: B256, signature: &[u8]) -> Option<Address> {
    let signature: &[u8; SIGNATURE_LEN] = signature.try_into().ok()?;
    let (r, rest) = signature.split_first_chunk::<32>()?;
    let (s, v) = rest.split_first_chunk::<32>()?;
    let parity = match v {
        [27] => false,
        [28] => true,
        _ => return None,
    };
    let (r, s) = (U256::from_be_bytes(*r), U256::from_be_bytes(*s));
    if s > S_MAX {
        return None;
    }
    #[cfg(feature = "secp256k1")]
    return recover_natively(digest, r, s, parity);
    #[cfg(not(feature = "secp256k1"))]
    recover(digest, r, s, parity)
}

/// The signer of `digest`, in Rust alone: for proofs.
#[cfg(any(test, not(feature = "secp256k1")))]
fn recover(digest: B256, r: U256, s: U256, parity: bool) -> Option<Address> {
    alloy_primitives::Signature::new(r, s, parity)
        .recover_address_from_prehash(&digest)
        .ok()
}

/// As `recover`, by Bitcoin Core's C library, which takes a third of the time.
#[cfg(feature = "secp256k1")]
fn recover_natively(digest: B256, r: U256, s: U256, parity: bool) -> Option<Address> {
    use secp256k1::{
        Message, SECP256K1,
        ecdsa::{RecoverableSignature, RecoveryId},
    };
    let mut compact = [0; 64];
    let (left, right) = compact.split_at_mut(32);
    left.copy_from_slice(&r.to_be_bytes::<32>());
    right.copy_from_slice(&s.to_be_bytes::<32>());
    let id = if parity {
        RecoveryId::One
    } else {
        RecoveryId::Zero
    };
    let signature = RecoverableSignature::from_compact(&compact, id).ok()?;
    let message = Message::from_digest(digest.0);
    let key = SECP256K1.recover_ecdsa(&message, &signature).ok()?;
    let encoded = key.serialize_uncompressed();
    // The first byte says that the point isn't compressed.
    let point = encoded.get(1..)?;
    Some(Address::from_word(keccak256(point)))
}

fn hash_words<const N: usize>(words: [B256; N]) -> B256 {
    let preimage: Vec<u8> = words.iter().flat_map(|word| word.0).collect();
    keccak256(preimage)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{address, b256, hex};

    /// The well-known key `0x…01`'s address, and a signature by it; `s` mirrored gives its high twin.
    const SIGNER: Address = address!("7E5F4552091A69125d5DfCb7b8C2659029395Bdf");

    fn order() -> U256 {
        uint!(0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141_U256)
    }

    /// A signature with the private key 1 and the nonce 1 (`R` is the generator), made by the textbook
    /// formula: `s = (z + r)`, lowered.
    fn sign(digest: B256) -> [u8; SIGNATURE_LEN] {
        let order = order();
        let r = uint!(0x79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798_U256);
        let s = U256::from_be_bytes(digest.0).add_mod(r, order);
        // The generator's y is even.
        let (s, v) = if s > S_MAX { (order - s, 28) } else { (s, 27) };
        let mut signature = [v; SIGNATURE_LEN];
        signature[..32].copy_from_slice(&r.to_be_bytes::<32>());
        signature[32..64].copy_from_slice(&s.to_be_bytes::<32>());
        signature
    }

    #[test]
    fn the_half_order_is_half_the_order() {
        assert_eq!(S_MAX, order() >> 1);
    }

    #[test]
    fn a_signature_is_its_signers_and_no_other_form_of_it_is_accepted() {
        for salt in 0..8u8 {
            let digest = keccak256([salt]);
            let signature = sign(digest);
            assert_eq!(signer(digest, &signature), Some(SIGNER), "{salt}");
            assert_ne!(signer(keccak256([salt, 1]), &signature), Some(SIGNER));

            let mut high = signature;
            let s = U256::from_be_slice(&signature[32..64]);
            high[32..64].copy_from_slice(&(order() - s).to_be_bytes::<32>());
            high[64] = if signature[64] == 27 { 28 } else { 27 };
            assert_eq!(signer(digest, &high), None);

            for v in [0, 1, 26, 29, 255] {
                let mut other = signature;
                other[64] = v;
                assert_eq!(signer(digest, &other), None);
            }
            assert_eq!(signer(digest, &signature[..64]), None);
            assert_eq!(signer(digest, &[&signature[..], &[0]].concat()), None);
            let mut zero = signature;
            zero[..32].fill(0);
            assert_eq!(signer(digest, &zero), None);
            zero = signature;
            zero[32..64].fill(0);
            assert_eq!(signer(digest, &zero), None);
        }
    }

    #[cfg(feature = "secp256k1")]
    mod libraries {
        use super::*;
        use proptest::prelude::*;

        /// Numbers as signatures have them, and those at the edges of the group.
        fn scalar() -> impl Strategy<Value = U256> {
            prop_oneof![
                6 => any::<[u64; 4]>().prop_map(U256::from_limbs),
                1 => (0u64..3).prop_map(U256::from),
                1 => (0u64..6).prop_map(|below| order() + U256::from(2) - U256::from(below)),
                1 => (0u64..3).prop_map(|below| U256::MAX - U256::from(below)),
                1 => (0u64..3).prop_map(|above| S_MAX - U256::from(1) + U256::from(above)),
            ]
        }

        proptest! {
            /// Whatever a signature is, both libraries have the same signer for it, or none.
            #[test]
            fn libraries_agree(digest in any::<[u8; 32]>(), r in scalar(), s in scalar(), parity in any::<bool>()) {
                let digest = B256::from(digest);
                prop_assert_eq!(recover_natively(digest, r, s, parity), recover(digest, r, s, parity));
            }
        }

        #[test]
        fn libraries_agree_on_signatures() {
            for salt in 0..64u8 {
                let digest = keccak256([salt]);
                let signature = sign(digest);
                let r = U256::from_be_slice(&signature[..32]);
                let s = U256::from_be_slice(&signature[32..64]);
                let parity = signature[64] == 28;
                assert_eq!(recover_natively(digest, r, s, parity), Some(SIGNER));
                assert_eq!(recover(digest, r, s, parity), Some(SIGNER));
            }
        }
    }

    /// The type hashes as EIP-712 implementations publish them.
    #[test]
    fn the_domain_is_eip_712s() {
        assert_eq!(
            keccak256(DOMAIN_TYPE),
            b256!("8b73c3c69bb8fe3d512ecc4cf759cc79239f7b179b0ffacaa9a75d522b39400f")
        );
        assert_eq!(
            keccak256(DOMAIN_VERSION),
            b256!("c89efdaa54c0f20c7adf612882df0950f5a951637e0307cdcb4c672f298b8bc6")
        );
        assert_ne!(domain_separator(1), domain_separator(2));
    }

    /// The digest is what alloy's EIP-712 makes of the same structure.
    #[test]
    fn the_digest_is_alloys() {
        use alloy_sol_types::{Eip712Domain, SolStruct, sol};
        sol! {
            struct RegisterAdapter {
                bytes32 adapterHash;
                bytes32 headerHash;
                uint256 nonce;
                uint256 deadline;
            }
        }
        let message = RegisterAdapter {
            adapterHash: B256::repeat_byte(1),
            headerHash: B256::repeat_byte(2),
            nonce: U256::from(3),
            deadline: U256::from(u64::MAX),
        };
        let domain = Eip712Domain::new(
            Some("LoraRegistry".into()),
            Some("1".into()),
            Some(U256::from(901)),
            Some(LORA),
            None,
        );
        assert_eq!(
            digest(
                901,
                message.adapterHash,
                message.headerHash,
                message.nonce,
                message.deadline
            ),
            message.eip712_signing_hash(&domain)
        );
        assert_eq!(
            hex::encode(LORA),
            "0000000000000000000000000000000000000a04"
        );
    }
}
