//! What the fuzzer of the sender's journal feeds: records, as they are and with the check that they need.

use super::{
    in_flight::{InFlight, origin_of},
    journal::Record,
};

/// Reads bytes as a record of the journal: with an even first byte the rest is the record, with an odd one
/// what stands behind the record's check. The target of the fuzzer `sender_record`.
///
/// # Panics
/// If reading does, or if a record that is read is written otherwise.
pub fn sender_record(data: &[u8]) {
    let Some((kind, rest)) = data.split_first() else {
        return;
    };
    let bytes = if kind % 2 == 0 {
        rest.to_vec()
    } else {
        Record::checked(rest)
    };
    let Some(record) = Record::decode(&bytes) else {
        return;
    };
    if Record::is_of_this_version(&bytes) {
        assert_eq!(record.encode(), bytes);
    }
    let _ = origin_of(&record.raw);
    if let Some(restored) = InFlight::restore(record.clone()) {
        assert_eq!(restored.record(), record);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        SidecarVersion,
        sender::{
            CarrierGas, DataGas, Fees, TxCandidate,
            signed::{Place, SignedForm, sign},
        },
    };
    use alloy_primitives::{Address, B256, Bytes, b256};
    use alloy_signer_local::PrivateKeySigner;
    use std::{fs, path::Path};

    const KEY: B256 = b256!("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80");

    /// Records as they are written: of a call, and of what no sender makes.
    async fn seeds() -> Vec<Vec<u8>> {
        let signer = PrivateKeySigner::from_bytes(&KEY).expect("a key").into();
        let place = Place {
            chain_id: Some(31_337),
            nonce: 5,
            gas_limit: 90_000,
        };
        let fees = Fees {
            max_fee: 100,
            tip: 3,
            blob_fee: 0,
        };
        let candidate =
            TxCandidate::call(Address::repeat_byte(7), vec![1, 2, 3]).with_tag(vec![9; 5]);
        let signed = sign(&signer, place, fees, &candidate, SidecarVersion::V0).await;
        let SignedForm { raw, hash, .. } = signed.expect("a local key");
        let of_a_call = Record {
            tag: candidate.tag,
            data_gas: Some(CarrierGas {
                present: DataGas {
                    gas: 4_800_000,
                    blob_gas: 0,
                },
                other: DataGas {
                    gas: 66_000,
                    blob_gas: 131_072,
                },
            }),
            cancellations: 1,
            hashes: vec![hash, B256::repeat_byte(2)],
            raw,
        };
        let of_nothing = Record {
            tag: Bytes::new(),
            data_gas: None,
            cancellations: 0,
            hashes: Vec::new(),
            raw: vec![3, 0xc0].into(),
        };
        let mut seeds = Vec::new();
        for record in [of_a_call, of_nothing] {
            let whole = record.encode();
            let body = Record::body(&whole).expect("it was just written");
            seeds.push([&[1], body].concat());
            seeds.push([&[0], whole.as_slice()].concat());
        }
        seeds
    }

    #[tokio::test]
    async fn seeds_are_records() {
        let folder =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../testing/fuzz/corpus/sender_record");
        for (index, seed) in seeds().await.iter().enumerate() {
            let path = folder.join(format!("seed-{index:02}"));
            if std::env::var_os("OPENLEDGER_WRITE_SEEDS").is_some() {
                fs::create_dir_all(&folder).expect("a folder");
                fs::write(&path, seed).expect("written");
            }
            assert!(
                fs::read(&path).expect("a seed") == *seed,
                "{}",
                path.display()
            );
            sender_record(seed);
        }
    }
}
