//! Which methods there are. Each namespace's file lists its own.

use crate::{
    admin, api::Api, config::Namespace, debug, error::Failure, eth, local, metrics::MethodMetrics,
    miner, net, optimism, ots, params::Params, reply::Reply, rpc, trace, txpool, web3,
    workers::Work,
};
use alloy_primitives::map::HashMap;
use futures::future::BoxFuture;
use std::sync::Arc;

/// What a handler answers.
pub(crate) type Outcome = Result<Reply, Failure>;

/// How a method runs.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Run {
    /// At once, on the async worker: microseconds, and no more than a few point reads.
    Light(fn(&Api, &Params) -> Outcome),
    /// By the first at once if that turns out to be possible (it answers `None` if not), otherwise
    /// by the second on a worker thread.
    Brief(
        fn(&Api, &Params) -> Option<Outcome>,
        Work,
        fn(&Api, &Params) -> Outcome,
    ),
    /// On a worker thread.
    Heavy(Work, fn(&Api, &Params) -> Outcome),
    /// Waits for others.
    Async(fn(Arc<Api>, Params) -> BoxFuture<'static, Outcome>),
    /// `eth_sendRawTransaction`: as `Async`, but those of one batch are submitted together.
    Send,
    /// `eth_subscribe` and `eth_unsubscribe`, of which only a WebSocket connection knows.
    Socket,
}

/// A method.
#[derive(Debug)]
pub(crate) struct Method {
    pub(crate) name: &'static str,
    pub(crate) namespace: Namespace,
    pub(crate) run: Run,
    pub(crate) metrics: MethodMetrics,
}

/// A namespace's methods, for [`Registry`].
pub(crate) type Methods = &'static [(&'static str, Run)];

/// All methods, by name.
#[derive(Debug)]
pub(crate) struct Registry {
    by_name: HashMap<&'static str, Arc<Method>>,
}

impl Registry {
    /// All methods.
    pub(crate) fn new() -> Self {
        let namespaces: [(Namespace, &[Methods]); 12] = [
            (Namespace::Eth, eth::METHODS),
            (Namespace::Net, &[net::METHODS]),
            (Namespace::Web3, &[web3::METHODS]),
            (Namespace::Rpc, &[rpc::METHODS]),
            (Namespace::Txpool, &[txpool::METHODS]),
            (Namespace::Optimism, &[optimism::METHODS]),
            (Namespace::Debug, &[debug::METHODS]),
            (Namespace::Trace, &[trace::METHODS]),
            (Namespace::Admin, &[admin::METHODS]),
            (Namespace::Miner, &[miner::METHODS]),
            (Namespace::Ots, &[ots::METHODS]),
            (Namespace::Local, &[local::METHODS, eth::SIGNING]),
        ];
        let mut by_name = HashMap::default();
        for (namespace, lists) in namespaces {
            for (name, run) in lists.iter().copied().flatten() {
                let method = Method {
                    name,
                    namespace,
                    run: *run,
                    metrics: MethodMetrics::default(),
                };
                by_name.insert(*name, Arc::new(method));
            }
        }
        Self { by_name }
    }

    /// A method by name.
    pub(crate) fn get(&self, name: &str) -> Option<&Arc<Method>> {
        self.by_name.get(name)
    }

    /// All methods, by name in order.
    pub(crate) fn all(&self) -> Vec<&Arc<Method>> {
        let mut all: Vec<_> = self.by_name.values().collect();
        all.sort_unstable_by_key(|method| method.name);
        all
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_begin_with_their_namespace() {
        let registry = Registry::new();
        let listed: usize = eth::METHODS.iter().map(|list| list.len()).sum::<usize>()
            + [
                net::METHODS,
                web3::METHODS,
                rpc::METHODS,
                txpool::METHODS,
                optimism::METHODS,
                debug::METHODS,
                trace::METHODS,
                admin::METHODS,
                miner::METHODS,
                ots::METHODS,
                local::METHODS,
                eth::SIGNING,
            ]
            .iter()
            .map(|list| list.len())
            .sum::<usize>();
        let all = registry.all();
        assert_eq!(all.len(), listed, "a name is listed twice");
        for method in all {
            let prefix = method.name.split('_').next().unwrap();
            if method.namespace == Namespace::Local {
                assert!(["evm", "anvil", "hardhat", "personal", "eth"].contains(&prefix));
            } else {
                assert_eq!(prefix, method.namespace.name());
            }
        }
    }

    #[test]
    fn what_clients_use_is_there() {
        let registry = Registry::new();
        // The table of measured methods, trace_ and ots_ aside.
        for name in [
            "eth_chainId",
            "eth_estimateGas",
            "eth_getTransactionCount",
            "eth_getTransactionReceipt",
            "eth_getBlockByNumber",
            "eth_blockNumber",
            "eth_call",
            "eth_sendRawTransaction",
            "eth_feeHistory",
            "eth_gasPrice",
            "eth_getLogs",
            "eth_getCode",
            "eth_getBalance",
            "eth_maxPriorityFeePerGas",
            "eth_getTransactionByHash",
            "eth_subscribe",
            "eth_unsubscribe",
            "net_version",
            "eth_getProof",
            "eth_createAccessList",
            "eth_getFilterChanges",
            "eth_getStorageAt",
            "eth_newFilter",
            "eth_newBlockFilter",
            "eth_newPendingTransactionFilter",
            "eth_getFilterLogs",
            "eth_uninstallFilter",
            "eth_simulateV1",
            "web3_clientVersion",
            "net_listening",
            "net_peerCount",
            "txpool_status",
            "txpool_content",
            "txpool_inspect",
            "txpool_contentFrom",
            "eth_getAccountInfo",
            "eth_getAccount",
            "eth_fillTransaction",
            "eth_blobBaseFee",
            "eth_getBlockReceipts",
            "eth_getRawTransactionByHash",
            "eth_getRawTransactionByBlockHashAndIndex",
            "eth_getRawTransactionByBlockNumberAndIndex",
            "eth_syncing",
            "eth_accounts",
            "eth_getBlockByHash",
            "eth_getHeaderByNumber",
            "eth_getHeaderByHash",
            "eth_callMany",
            "eth_getBlockTransactionCountByHash",
            "eth_getBlockTransactionCountByNumber",
            "eth_getUncleCountByBlockHash",
            "eth_getUncleCountByBlockNumber",
            "eth_sendRawTransactionSync",
            "eth_config",
            "debug_traceTransaction",
            "debug_traceCall",
            "debug_traceBlockByNumber",
            "debug_traceBlockByHash",
            "debug_getRawHeader",
            "debug_getRawBlock",
            "debug_getRawReceipts",
            "debug_getRawTransaction",
            "web3_sha3",
            "optimism_outputAtBlock",
            "optimism_syncStatus",
            "optimism_rollupConfig",
            "optimism_version",
            "optimism_safeHeadAtL1Block",
            "admin_startSequencer",
            "admin_stopSequencer",
            "admin_sequencerActive",
            "miner_setMaxDASize",
            "evm_snapshot",
            "evm_revert",
            "evm_mine",
            "evm_increaseTime",
            "evm_setNextBlockTimestamp",
            "evm_setAutomine",
            "evm_setIntervalMining",
            "hardhat_setBalance",
            "anvil_setBalance",
            "hardhat_setCode",
            "anvil_setCode",
            "hardhat_setNonce",
            "anvil_setNonce",
            "hardhat_setStorageAt",
            "anvil_setStorageAt",
            "hardhat_impersonateAccount",
            "anvil_impersonateAccount",
            "hardhat_stopImpersonatingAccount",
            "anvil_stopImpersonatingAccount",
            "hardhat_mine",
            "anvil_mine",
            "hardhat_reset",
            "anvil_reset",
            "anvil_nodeInfo",
            "hardhat_metadata",
            "eth_sendTransaction",
            "personal_sign",
        ] {
            assert!(registry.get(name).is_some(), "{name}");
        }
    }
}
