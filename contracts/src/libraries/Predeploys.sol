// SPDX-License-Identifier: MIT OR Apache-2.0
pragma solidity 0.8.37;

/// @title Predeploys
/// @notice Addresses that hold code on L2 from genesis.
library Predeploys {
    /// @notice Wrapped OPEN, the one predeploy without a proxy.
    address internal constant WOPEN = 0x4200000000000000000000000000000000000006;

    /// @notice Sends messages to L1, and relays those that come from there.
    address internal constant L2_CROSS_DOMAIN_MESSENGER = 0x4200000000000000000000000000000000000007;

    /// @notice Prices the part of a transaction's fee that pays for L1 data.
    address internal constant GAS_PRICE_ORACLE = 0x420000000000000000000000000000000000000F;

    /// @notice Brings ERC-20 tokens from and to L1.
    address internal constant L2_STANDARD_BRIDGE = 0x4200000000000000000000000000000000000010;

    /// @notice Receives the priority fees: it is the coinbase of every block.
    address internal constant SEQUENCER_FEE_VAULT = 0x4200000000000000000000000000000000000011;

    /// @notice Makes tokens that stand for tokens of L1.
    address internal constant OPTIMISM_MINTABLE_ERC20_FACTORY = 0x4200000000000000000000000000000000000012;

    /// @notice What L2 knows of L1.
    address internal constant L1_BLOCK = 0x4200000000000000000000000000000000000015;

    /// @notice Records the withdrawals that L1 pays out.
    address internal constant L2_TO_L1_MESSAGE_PASSER = 0x4200000000000000000000000000000000000016;

    /// @notice Admin of every predeploy's proxy.
    address internal constant PROXY_ADMIN = 0x4200000000000000000000000000000000000018;

    /// @notice Receives the base fees.
    address internal constant BASE_FEE_VAULT = 0x4200000000000000000000000000000000000019;

    /// @notice Receives the L1 data fees.
    address internal constant L1_FEE_VAULT = 0x420000000000000000000000000000000000001A;

    /// @notice Receives the operator fees.
    address internal constant OPERATOR_FEE_VAULT = 0x420000000000000000000000000000000000001b;

    /// @notice Wraps OPEN for votes. From here on the protocol's contracts: docs/spec/protocol.md.
    address internal constant G_OPEN = 0x4200000000000000000000000000000000001000;

    /// @notice Proposals and votes.
    address internal constant GOVERNOR = 0x4200000000000000000000000000000000001001;

    /// @notice Carries out changes of parameters. The native precompiles let it alone pause functions.
    address internal constant PARAM_TIMELOCK = 0x4200000000000000000000000000000000001002;

    /// @notice Carries out changes of code and owners.
    address internal constant CODE_TIMELOCK = 0x4200000000000000000000000000000000001003;

    /// @notice What challengers and reviewers earned.
    address internal constant REPUTATION = 0x4200000000000000000000000000000000001004;

    /// @notice Datanets, contributions and their review.
    address internal constant DATANET_REGISTRY = 0x4200000000000000000000000000000000001005;

    /// @notice Stake of validators and workers.
    address internal constant VALIDATOR_STAKING = 0x4200000000000000000000000000000000001006;

    /// @notice Lives of models.
    address internal constant MODEL_REGISTRY = 0x4200000000000000000000000000000000001007;

    /// @notice Payees, prices and status of registry ids.
    address internal constant ADAPTER_MARKET = 0x4200000000000000000000000000000000001008;

    /// @notice Requests, the fee log and pots.
    address internal constant INFERENCE_ROUTER = 0x4200000000000000000000000000000000001009;

    /// @notice Sums locked for one payee.
    address internal constant VOUCHER_CHANNELS = 0x420000000000000000000000000000000000100a;

    /// @notice Proposals, challenges and payment of epochs.
    address internal constant EPOCH_SETTLEMENT = 0x420000000000000000000000000000000000100b;

    /// @notice What is owed to whom, and bonds.
    address internal constant CLAIM_VAULT = 0x420000000000000000000000000000000000100C;

    /// @notice Agents and their policies.
    address internal constant AGENT_REGISTRY = 0x420000000000000000000000000000000000100D;

    /// @notice What belongs to nobody else.
    address internal constant TREASURY = 0x420000000000000000000000000000000000100E;

    /// @notice Verdicts of validators drawn by stake.
    address internal constant JURY = 0x420000000000000000000000000000000000100F;

    /// @notice Reviews of new clusters by validators.
    address internal constant CLUSTER_REVIEW = 0x4200000000000000000000000000000000001010;

    /// @notice Computes what a proposal of an epoch's settlement must be.
    address internal constant EPOCH_SCORING = 0x4200000000000000000000000000000000001011;

    /// @notice Asks juries about rows and sketches, and acts on their verdicts.
    address internal constant EPOCH_QUESTIONS = 0x4200000000000000000000000000000000001012;

    /// @notice Where the OP Stack's first chains had ETH as an ERC-20. Nothing stands there.
    address internal constant LEGACY_ERC20_ETH = 0xDeadDeAddeAddEAddeadDEaDDEAdDeaDDeAD0000;

    /// @notice Sender of each block's first transaction, which brings the L1 attributes. It has no private key.
    address internal constant DEPOSITOR_ACCOUNT = 0xDeaDDEaDDeAdDeAdDEAdDEaddeAddEAdDEAd0001;
}
