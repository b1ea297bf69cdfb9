//! What the person sees: the banner on stdout, and `dev.json` for programs.

use super::{
    DevArgs,
    accounts::{BALANCE_OPEN, DERIVATION_PATH, DevAccount, DevAccounts, MNEMONIC},
    anvil::Anvil,
    chain::{DevChain, L1Access},
    ports::Ports,
};
use crate::catch_up::Recovered;
use alloy_primitives::{Address, hex};
use anyhow::Context;
use openledger_builder::Mode;
use openledger_primitives::{L1Contracts, predeploys};
use serde::Serialize;
use std::{collections::BTreeMap, fs, path::Path, time::Duration};

/// What a local chain is and how it is reached (`dev.json`).
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Report {
    chain_id: u64,
    /// JSON-RPC over HTTP.
    rpc_url: String,
    /// JSON-RPC over WebSocket.
    ws_url: String,
    /// All namespaces, `/metrics` and `/health`.
    privileged_url: String,
    /// The first of them; `null` for an unsettled chain.
    l1_url: Option<String>,
    l1_chain_id: Option<u64>,
    /// Where the L1's blobs are got from; `null` where nothing is known of it.
    l1_beacon_url: Option<String>,
    /// `interval`, `instant` or `manual`.
    mode: &'static str,
    block_time: u64,
    gas_limit: u64,
    /// Whether the chain posts to L1.
    settled: bool,
    mnemonic: &'static str,
    derivation_path: String,
    accounts: Vec<DevAccount>,
    /// L1 and L2 contracts by name.
    contracts: BTreeMap<&'static str, Address>,
    genesis_hash: alloy_primitives::B256,
    ports: BTreeMap<&'static str, u16>,
    /// Process ids: this process, and the local L1's.
    pid: u32,
    l1_pid: Option<u32>,
}

impl Report {
    pub(crate) fn new(
        args: &DevArgs,
        chain: &DevChain,
        accounts: &DevAccounts,
        ports: &Ports,
        l1: Option<&L1Access>,
        anvil: Option<&Anvil>,
    ) -> Self {
        let rollup = &chain.files.rollup;
        let mut contracts = BTreeMap::from([
            ("wrappedOpen", predeploys::WRAPPED_OPEN),
            (
                "l2CrossDomainMessenger",
                predeploys::L2_CROSS_DOMAIN_MESSENGER,
            ),
            ("l2StandardBridge", predeploys::L2_STANDARD_BRIDGE),
            (
                "optimismMintableERC20Factory",
                predeploys::OPTIMISM_MINTABLE_ERC20_FACTORY,
            ),
            ("gasPriceOracle", predeploys::GAS_PRICE_ORACLE),
            ("sequencerFeeVault", predeploys::SEQUENCER_FEE_VAULT),
            ("l1Block", predeploys::L1_BLOCK),
            ("l2ToL1MessagePasser", predeploys::L2_TO_L1_MESSAGE_PASSER),
            ("l2ProxyAdmin", predeploys::PROXY_ADMIN),
            ("baseFeeVault", predeploys::BASE_FEE_VAULT),
            ("l1FeeVault", predeploys::L1_FEE_VAULT),
            ("operatorFeeVault", predeploys::OPERATOR_FEE_VAULT),
            ("gOpen", predeploys::GOPEN),
            ("governor", predeploys::GOVERNOR),
            ("l2ParamTimelock", predeploys::PARAMETER_TIMELOCK),
            ("l2CodeTimelock", predeploys::CODE_TIMELOCK),
            ("reputation", predeploys::REPUTATION),
            ("datanetRegistry", predeploys::DATANET_REGISTRY),
            ("validatorStaking", predeploys::VALIDATOR_STAKING),
            ("modelRegistry", predeploys::MODEL_REGISTRY),
            ("adapterMarket", predeploys::ADAPTER_MARKET),
            ("inferenceRouter", predeploys::INFERENCE_ROUTER),
            ("voucherChannels", predeploys::VOUCHER_CHANNELS),
            ("epochSettlement", predeploys::EPOCH_SETTLEMENT),
            ("claimVault", predeploys::CLAIM_VAULT),
            ("agentRegistry", predeploys::AGENT_REGISTRY),
            ("treasury", predeploys::TREASURY),
            ("jury", predeploys::JURY),
            ("clusterReview", predeploys::CLUSTER_REVIEW),
            ("epochScoring", predeploys::EPOCH_SCORING),
            ("epochQuestions", predeploys::EPOCH_QUESTIONS),
        ]);
        let mut port_of = BTreeMap::from([("http", ports.http), ("privileged", ports.privileged)]);
        if l1.is_some() {
            let L1Contracts {
                system_config,
                portal,
                batch_inbox,
                proxy_admin,
                l1_cross_domain_messenger,
                l1_standard_bridge,
                open,
                dispute_game_factory,
                anchor_state_registry,
                optimism_mintable_erc20_factory,
                code_timelock,
                parameter_timelock: _,
                code_executor,
                parameter_executor: _,
            } = chain.files.l1.contracts;
            contracts.extend([
                ("systemConfig", system_config),
                ("portal", portal),
                ("batchInbox", batch_inbox),
                ("l1ProxyAdmin", proxy_admin),
                ("l1CrossDomainMessenger", l1_cross_domain_messenger),
                ("l1StandardBridge", l1_standard_bridge),
                ("open", open),
                ("disputeGameFactory", dispute_game_factory),
                ("anchorStateRegistry", anchor_state_registry),
                (
                    "l1OptimismMintableERC20Factory",
                    optimism_mintable_erc20_factory,
                ),
                ("codeTimelock", code_timelock),
                ("codeExecutor", code_executor),
            ]);
        }
        if anvil.is_some() {
            port_of.insert("l1", ports.l1);
        }
        Self {
            chain_id: rollup.l2_chain_id,
            rpc_url: format!("http://127.0.0.1:{}", ports.http),
            ws_url: format!("ws://127.0.0.1:{}", ports.http),
            privileged_url: format!("http://127.0.0.1:{}", ports.privileged),
            l1_url: l1.and_then(|l1| l1.urls.first().cloned()),
            l1_chain_id: l1.map(|_| rollup.l1_chain_id),
            l1_beacon_url: l1.and_then(|l1| l1.beacon_urls.first().cloned()),
            mode: match args.mode() {
                Mode::Interval => "interval",
                Mode::Instant => "instant",
                Mode::Manual => "manual",
            },
            block_time: rollup.block_time,
            gas_limit: chain.files.genesis.gas_limit,
            settled: args.settled(),
            mnemonic: MNEMONIC,
            derivation_path: DERIVATION_PATH.to_owned(),
            accounts: accounts.accounts.clone(),
            contracts,
            genesis_hash: rollup.genesis.l2.hash,
            ports: port_of,
            pid: std::process::id(),
            l1_pid: anvil.and_then(Anvil::pid),
        }
    }

    /// Writes `dev.json` into the data directory, whole or not at all.
    ///
    /// # Errors
    /// If it can't be written.
    pub(crate) fn write(&self, directory: &Path) -> anyhow::Result<()> {
        let path = directory.join("dev.json");
        let partial = directory.join("dev.json.partial");
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        fs::write(&partial, text)
            .and_then(|()| fs::rename(&partial, &path))
            .with_context(|| format!("can't write {}", path.display()))
    }

    /// The banner.
    pub(crate) fn banner(
        &self,
        took: Duration,
        recovered: Option<Recovered>,
        directory: &Path,
    ) -> String {
        let mut lines = vec![
            format!("OpenLedger {}", env!("CARGO_PKG_VERSION")),
            String::new(),
        ];
        lines.push("Available accounts".into());
        lines.push("==================".into());
        for (index, account) in self.accounts.iter().enumerate() {
            lines.push(format!(
                "({index}) {} ({BALANCE_OPEN}.000000000000000000 OPEN)",
                account.address
            ));
        }
        lines.extend([
            String::new(),
            "Private keys".into(),
            "==================".into(),
        ]);
        for (index, account) in self.accounts.iter().enumerate() {
            lines.push(format!("({index}) 0x{}", hex::encode(account.private_key)));
        }
        lines.extend([String::new(), "Wallet".into(), "==================".into()]);
        lines.push(format!("Mnemonic:          {}", self.mnemonic));
        lines.push(format!("Derivation path:   {}", self.derivation_path));
        lines.extend([String::new(), "Chain".into(), "==================".into()]);
        lines.push(format!("Chain id:          {}", self.chain_id));
        lines.push(format!("Gas limit:         {}", self.gas_limit));
        lines.push(match self.mode {
            "instant" => "Blocks:            one for each transaction".into(),
            "manual" => "Blocks:            on evm_mine".into(),
            _ => format!("Blocks:            every {} s", self.block_time),
        });
        lines.push(if self.settled {
            "Settlement:        batches are posted to the L1; state and time change by transactions only".into()
        } else {
            "Settlement:        none: safe and finalized stay at genesis; evm_, hardhat_ and anvil_ methods work"
                .into()
        });
        lines.push(format!("Data:              {}", directory.display()));
        if let Some(recovered) = recovered {
            lines.push(format!(
                "Restored:          the L1 is older than the chain: {} blocks were unwound, {} transactions queued \
                 again",
                recovered.blocks, recovered.transactions
            ));
        }
        lines.extend([
            String::new(),
            "Listening".into(),
            "==================".into(),
        ]);
        lines.push(format!(
            "JSON-RPC:          {}  {}",
            self.rpc_url, self.ws_url
        ));
        lines.push(format!(
            "Privileged:        {}  (every namespace, /metrics)",
            self.privileged_url
        ));
        if let Some(url) = &self.l1_url {
            let id = self.l1_chain_id.unwrap_or_default();
            lines.push(format!("L1:                {url}  (chain id {id})"));
        }
        lines.push(String::new());
        lines.push(format!(
            "Ready after {} ms. Ctrl-C stops everything.",
            took.as_millis()
        ));
        lines.join("\n")
    }
}
