//! Clusters of near-duplicates, by the chain's rule.

use alloy_primitives::{B256, U256};
use openledger_precompiles::sketch::{Signature, band_slots, closest};
use std::collections::{BTreeMap, BTreeSet};

/// A space's clusters while commitments are settled in order.
#[derive(Debug, Clone)]
pub struct Clustering {
    space: B256,
    /// The earliest cluster of each band.
    bands: BTreeMap<U256, u32>,
    /// Of each cluster its first contribution's.
    signatures: Vec<Signature>,
}

impl Clustering {
    /// An empty space.
    pub const fn new(space: B256) -> Self {
        Self {
            space,
            bands: BTreeMap::new(),
            signatures: Vec::new(),
        }
    }

    /// The cluster of the next contribution, and whether it is a new one: it joins the cluster among those
    /// that share a band with it whose first signature has most words equal, at least half of them; the
    /// lowest among equals.
    pub fn settle(&mut self, signature: &Signature) -> (u32, bool) {
        let bands = band_slots(self.space, signature);
        let candidates: BTreeSet<u32> = bands
            .iter()
            .filter_map(|band| self.bands.get(band).copied())
            .collect();
        let candidates = candidates
            .iter()
            .filter_map(|cluster| Some((*cluster, self.signatures.get(*cluster as usize)?)));
        if let Some(cluster) = closest(signature, candidates) {
            return (cluster, false);
        }
        let cluster = self.signatures.len() as u32;
        self.signatures.push(*signature);
        for band in bands {
            self.bands.entry(band).or_insert(cluster);
        }
        (cluster, true)
    }

    /// Number of clusters.
    pub fn clusters(&self) -> usize {
        self.signatures.len()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::Address;
    use alloy_sol_types::{SolCall, SolEvent};
    use openledger_precompiles::{
        CallInput, MemoryHost, Outcome, SKETCH, call,
        sketch::{IAttrSketch, commit_id, commitment, signature, space},
    };

    /// What `settle` assigns on chain.
    fn on_chain(signatures: &[Signature]) -> Vec<(u32, bool)> {
        let (registry, datanet) = (Address::repeat_byte(1), B256::repeat_byte(2));
        let space = space(registry, datanet);
        let mut host = MemoryHost::new();
        let run = |host: &mut MemoryHost, data: Vec<u8>| {
            let input = CallInput {
                code_address: SKETCH,
                target_address: SKETCH,
                caller: registry,
                value: U256::ZERO,
                is_static: false,
                data: &data,
                gas: u64::MAX,
            };
            let outcome = call(&input, host).unwrap();
            assert!(
                matches!(outcome, Some(Outcome::Success { .. })),
                "{outcome:?}"
            );
        };
        host.block_number = 1;
        for signature in signatures {
            let h = commitment(space, registry, signature, B256::ZERO, B256::ZERO);
            run(
                &mut host,
                IAttrSketch::commitContributionCall { datanet, h }.abi_encode(),
            );
        }
        host.block_number = 10;
        for (number, signature) in (0..).zip(signatures) {
            let reveal = IAttrSketch::revealCall {
                datanet,
                commitId: commit_id(space, number),
                contributor: registry,
                dataRoot: B256::ZERO,
                salt: B256::ZERO,
                mh: *signature,
            };
            run(&mut host, reveal.abi_encode());
        }
        host.block_number = 100;
        let _ = host.end_transaction();
        for _ in signatures.chunks(64) {
            run(
                &mut host,
                IAttrSketch::settleCall { datanet, max: 64 }.abi_encode(),
            );
        }
        let logs = host.logs().iter();
        logs.map(|log| IAttrSketch::Clustered::decode_log(log).unwrap())
            .map(|event| (event.cluster, event.isNew))
            .collect()
    }

    #[test]
    fn clusters_are_those_of_the_precompile() {
        let base: Vec<u32> = (0..400).map(|token| token * 7 % 311).collect();
        let mut contents = vec![base.clone(), (1_000..1_200).collect()];
        // Copies that differ more and more, whole copies, and a second family.
        for changed in [1, 3, 9, 20, 60, 150, 300] {
            let mut copy = base.clone();
            for token in copy.iter_mut().take(changed) {
                *token += 5_000 + changed as u32;
            }
            contents.push(copy);
        }
        contents.push(base);
        contents.push((1_000..1_201).collect());
        let signatures: Vec<_> = contents.iter().map(|tokens| signature(tokens)).collect();
        let chain = on_chain(&signatures);
        let mut clustering = Clustering::new(space(Address::repeat_byte(1), B256::repeat_byte(2)));
        let here: Vec<_> = signatures
            .iter()
            .map(|signature| clustering.settle(signature))
            .collect();
        assert_eq!(here, chain);
        assert!(here.iter().any(|(_, is_new)| !is_new));
        assert!(clustering.clusters() >= 2);
        assert_eq!(here[9], (0, false));
    }
}
