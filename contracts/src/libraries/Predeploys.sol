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

    /// @notice Where the OP Stack's first chains had ETH as an ERC-20. Nothing stands there.
    address internal constant LEGACY_ERC20_ETH = 0xDeadDeAddeAddEAddeadDEaDDEAdDeaDDeAD0000;

    /// @notice Sender of each block's first transaction, which brings the L1 attributes. It has no private key.
    address internal constant DEPOSITOR_ACCOUNT = 0xDeaDDEaDDeAdDeAdDEAdDEaddeAddEAdDEAd0001;
}
