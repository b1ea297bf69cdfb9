//! Addresses with a fixed meaning on the L2: the OP Stack's predeploys and system accounts.
//!
//! Source: OP Stack specification, "Predeploys" and "Deposits".

use alloy_primitives::{Address, address};

/// Sender of the L1 attributes deposit.
pub const DEPOSITOR: Address = address!("deaddeaddeaddeaddeaddeaddeaddeaddead0001");
/// Wrapped OPEN (WETH9 interface).
pub const WRAPPED_OPEN: Address = address!("4200000000000000000000000000000000000006");
/// Sends messages to L1, and relays those that come from there.
pub const L2_CROSS_DOMAIN_MESSENGER: Address = address!("4200000000000000000000000000000000000007");
/// Fees, L1 data fee and operator fee, for contracts and wallets.
pub const GAS_PRICE_ORACLE: Address = address!("420000000000000000000000000000000000000F");
/// Brings ERC-20 tokens from and to L1.
pub const L2_STANDARD_BRIDGE: Address = address!("4200000000000000000000000000000000000010");
/// Receives priority fees; the beneficiary of every block.
pub const SEQUENCER_FEE_VAULT: Address = address!("4200000000000000000000000000000000000011");
/// Makes tokens that stand for tokens of L1.
pub const OPTIMISM_MINTABLE_ERC20_FACTORY: Address =
    address!("4200000000000000000000000000000000000012");
/// The L1 origin's values, written by the first transaction of every block.
pub const L1_BLOCK: Address = address!("4200000000000000000000000000000000000015");
/// Withdrawals; its storage root is in every header and output root.
pub const L2_TO_L1_MESSAGE_PASSER: Address = address!("4200000000000000000000000000000000000016");
/// Admin of the predeploys' proxies.
pub const PROXY_ADMIN: Address = address!("4200000000000000000000000000000000000018");
/// Receives base fees.
pub const BASE_FEE_VAULT: Address = address!("4200000000000000000000000000000000000019");
/// Receives L1 data fees.
pub const L1_FEE_VAULT: Address = address!("420000000000000000000000000000000000001A");
/// Receives operator fees.
pub const OPERATOR_FEE_VAULT: Address = address!("420000000000000000000000000000000000001B");
/// EIP-2935 block-hash history.
pub const HISTORY_STORAGE: Address = address!("0000F90827F1C53a10cb7A02335B175320002935");
/// EIP-4788 beacon roots.
pub const BEACON_ROOTS: Address = address!("000F3df6D732807Ef1319fB7B8bB8522d0Beac02");
/// Wraps native OPEN one to one for votes. Ours from here on, above the range that OP's predeploys use
/// (`docs/spec/protocol.md`).
pub const GOPEN: Address = address!("4200000000000000000000000000000000001000");
/// Proposals and votes.
pub const GOVERNOR: Address = address!("4200000000000000000000000000000000001001");
/// The timelock of the chain's parameters: the only account that may pause functions of the native
/// precompiles and set statuses that dispute an adapter.
pub const PARAMETER_TIMELOCK: Address = address!("4200000000000000000000000000000000001002");
/// The timelock of the chain's code and owners.
pub const CODE_TIMELOCK: Address = address!("4200000000000000000000000000000000001003");
/// What challengers and reviewers earned; not transferable.
pub const REPUTATION: Address = address!("4200000000000000000000000000000000001004");
/// Datanets, contributions, owners of clusters.
pub const DATANET_REGISTRY: Address = address!("4200000000000000000000000000000000001005");
/// Stake of validators and workers.
pub const VALIDATOR_STAKING: Address = address!("4200000000000000000000000000000000001006");
/// Models from their proposal to their retirement.
pub const MODEL_REGISTRY: Address = address!("4200000000000000000000000000000000001007");
/// Payees, prices and status of registry ids.
pub const ADAPTER_MARKET: Address = address!("4200000000000000000000000000000000001008");
/// Requests with escrow, the fee log and the pots of each epoch.
pub const INFERENCE_ROUTER: Address = address!("4200000000000000000000000000000000001009");
/// Sums locked for one payee, settled by vouchers.
pub const VOUCHER_CHANNELS: Address = address!("420000000000000000000000000000000000100A");
/// Proposals, challenges and payment of epochs.
pub const EPOCH_SETTLEMENT: Address = address!("420000000000000000000000000000000000100b");
/// What is owed to whom, and bonds.
pub const CLAIM_VAULT: Address = address!("420000000000000000000000000000000000100c");
/// Agents, their stake and spending policy.
pub const AGENT_REGISTRY: Address = address!("420000000000000000000000000000000000100D");
/// What belongs to nobody else.
pub const TREASURY: Address = address!("420000000000000000000000000000000000100E");
/// Verdicts of validators drawn by stake.
pub const JURY: Address = address!("420000000000000000000000000000000000100F");
/// Panels and votes about new clusters.
pub const CLUSTER_REVIEW: Address = address!("4200000000000000000000000000000000001010");
/// What a proposal must be, computed from the chain's data.
pub const EPOCH_SCORING: Address = address!("4200000000000000000000000000000000001011");
/// Asks juries about rows and sketches.
pub const EPOCH_QUESTIONS: Address = address!("4200000000000000000000000000000000001012");
