//! `openledger deposit`: OPEN from L1 to L2, through the portal.
//!
//! The portal locks the OPEN and emits an event; derivation makes an L2 transaction of it that mints as
//! much (`docs/spec/deposits.md`). The command waits for both.

use crate::{
    bridge::{
        AccountArgs, Connection, ConnectionArgs, L1Account, L2Node, OpenAmount, POLL_INTERVAL,
        SendArgs, ask, duration, open, say,
    },
    shutdown::or_interrupted,
};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use alloy_sol_types::{SolCall, SolStruct, sol};
use anyhow::{Context, ensure};
use clap::Args;
use openledger_l1::{
    TxCandidate,
    contracts::{OPEN, RollupPortal},
};
use openledger_protocol::{TRANSACTION_DEPOSITED_TOPIC, decode_deposit};
use std::{process::ExitCode, time::Duration};
use tokio::time::{Instant, sleep};

/// Gas of the L2 transaction unless said otherwise: enough for a transfer, and for the contract wallets
/// that do something when they are paid.
const GAS_LIMIT: u64 = 100_000;
/// Time between looks at where the deposit stands on L1, while it is waited for on L2.
const REORG_LOOK_INTERVAL: Duration = Duration::from_secs(5);
/// For how long a permit can be used, seconds. It is used in the transaction that holds it.
const PERMIT_SECONDS: u64 = 3_600;

/// Flags of `openledger deposit`.
#[derive(Debug, Clone, Args)]
#[command(after_help = "\
The account pays the OPEN and, in ETH, the gas on L1. Without --key-file, OPENLEDGER_KEY holds its key.")]
pub struct DepositArgs {
    #[command(flatten)]
    connection: ConnectionArgs,
    #[command(flatten)]
    account: AccountArgs,
    #[command(flatten)]
    send: SendArgs,
    /// OPEN to deposit
    #[arg(long, value_name = "OPEN")]
    amount: OpenAmount,
    /// Who gets it on L2 [default: the account itself]
    #[arg(long, value_name = "ADDRESS")]
    to: Option<Address>,
    /// Gas limit of the L2 transaction, which is paid by gas on L1
    #[arg(long, value_name = "GAS", default_value_t = GAS_LIMIT)]
    gas_limit: u64,
    /// Approve the portal in a transaction of its own instead of by a signature in the deposit
    #[arg(long)]
    approve: bool,
    /// Don't wait until the OPEN is there on L2
    #[arg(long)]
    no_wait: bool,
}

sol! {
    /// What a permit signs (ERC-2612).
    struct Permit {
        address owner;
        address spender;
        uint256 value;
        uint256 nonce;
        uint256 deadline;
    }
}

/// Deposits and waits.
///
/// # Errors
/// Whatever keeps the OPEN from getting there.
pub async fn run(args: DepositArgs) -> anyhow::Result<ExitCode> {
    let interrupted = ". What is in a block of L1 arrives without this command.";
    or_interrupted(deposit(args), interrupted).await
}

async fn deposit(args: DepositArgs) -> anyhow::Result<ExitCode> {
    let connection = args.connection.open().await?;
    let key = args.account.key(connection.local())?;
    // Before anything is sent.
    let l2 = match args.no_wait {
        true => None,
        false => Some(connection.l2().await?),
    };
    let account = L1Account::new(&connection, key.clone(), &args.send);
    let (amount, from) = (args.amount.wei(), account.address());
    let to = args.to.unwrap_or(from);
    check(&connection, &account, &args).await?;

    let paid = pay(&connection, &account, &key, &args, to).await?;
    say(
        "deposited",
        format_args!("{} of {from} to {to}", open(amount)),
    );
    let deposited = Deposited::find(&connection, paid).await?;
    say(
        "L1 transaction",
        format_args!("{paid} in block {}", deposited.l1_block),
    );
    say("L2 transaction", deposited.l2_hash);
    let Some(l2) = l2 else {
        return Ok(ExitCode::SUCCESS);
    };
    arrive(&connection, &l2, paid, deposited, amount).await
}

/// Checks what can be told before anything is sent.
async fn check(
    connection: &Connection,
    account: &L1Account,
    args: &DepositArgs,
) -> anyhow::Result<()> {
    let contracts = connection.contracts();
    let (amount, from) = (args.amount.wei(), account.address());
    let least = RollupPortal::minimumGasLimitCall { byteCount: 0 };
    let least = ask(&connection.l1, contracts.portal, least).await?;
    ensure!(
        args.gas_limit >= least,
        "--gas-limit is {}: a deposit needs at least {least}",
        args.gas_limit
    );
    let balance = OPEN::balanceOfCall { account: from };
    let balance = ask(&connection.l1, contracts.open, balance).await?;
    ensure!(
        balance >= amount,
        "{from} has {} on the L1, and {} are to be deposited",
        open(balance),
        open(amount)
    );
    account.require_eth().await?;
    // It stops withdrawals only, but who knows of it may want to wait.
    let paused = RollupPortal::pausedCall {};
    if ask(&connection.l1, contracts.portal, paused).await? {
        let until = RollupPortal::pausedUntilCall {};
        let until = ask(&connection.l1, contracts.portal, until).await?;
        let now = connection.l1.latest().await?.timestamp;
        eprintln!(
            "note: withdrawals are paused for {} more: what is deposited arrives, and can't go back before",
            duration(until.saturating_sub(now))
        );
    }
    Ok(())
}

/// Sends the deposit, with the approval that it needs, and answers the L1 transaction.
async fn pay(
    connection: &Connection,
    account: &L1Account,
    key: &PrivateKeySigner,
    args: &DepositArgs,
    to: Address,
) -> anyhow::Result<B256> {
    let contracts = connection.contracts();
    let (amount, from) = (args.amount.wei(), account.address());
    let allowance = OPEN::allowanceCall {
        owner: from,
        spender: contracts.portal,
    };
    let is_approved = ask(&connection.l1, contracts.open, allowance).await? >= amount;
    let call = if is_approved || args.approve {
        if !is_approved {
            let approval = OPEN::approveCall {
                spender: contracts.portal,
                value: amount,
            };
            let approval = TxCandidate::call(contracts.open, approval.abi_encode());
            let approved = account.send("approval", approval).await?;
            say("approved", approved.tx_hash);
        }
        let deposit = RollupPortal::depositERC20TransactionCall {
            to,
            mint: amount,
            value: amount,
            gasLimit: args.gas_limit,
            isCreation: false,
            data: Bytes::new(),
        };
        deposit.abi_encode()
    } else {
        let now = connection.l1.latest().await?.timestamp;
        let deadline = U256::from(now.saturating_add(PERMIT_SECONDS));
        let domain = ask(
            &connection.l1,
            contracts.open,
            OPEN::DOMAIN_SEPARATORCall {},
        )
        .await?;
        let nonce = ask(
            &connection.l1,
            contracts.open,
            OPEN::noncesCall { owner: from },
        )
        .await?;
        let permit = Permit {
            owner: from,
            spender: contracts.portal,
            value: amount,
            nonce,
            deadline,
        };
        let signature = key.sign_hash_sync(&permit_hash(&permit, domain))?;
        let deposit = RollupPortal::depositERC20TransactionWithPermitCall {
            to,
            mint: amount,
            value: amount,
            gasLimit: args.gas_limit,
            isCreation: false,
            data: Bytes::new(),
            deadline,
            v: 27 + u8::from(signature.v()),
            r: signature.r().into(),
            s: signature.s().into(),
        };
        deposit.abi_encode()
    };
    let candidate = TxCandidate::call(contracts.portal, call);
    Ok(account.send("deposit", candidate).await?.tx_hash)
}

/// What the owner of a token signs (EIP-712): the token itself says what stands for it.
fn permit_hash(permit: &Permit, domain: B256) -> B256 {
    let content = permit.eip712_hash_struct();
    let parts = [
        [0x19, 0x01].as_slice(),
        domain.as_slice(),
        content.as_slice(),
    ];
    keccak256(parts.concat())
}

/// Where a deposit stands on L1, and what it becomes on L2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Deposited {
    l1_block: u64,
    /// Follows from the L1 block's hash: after a reorg it is another.
    l2_hash: B256,
}

impl Deposited {
    /// Looks the deposit of an L1 transaction up, waiting until a block includes it.
    ///
    /// # Errors
    /// An L1 that doesn't answer, or answers something else than a deposit.
    async fn find(connection: &Connection, paid: B256) -> anyhow::Result<Self> {
        let receipt = loop {
            match connection.l1.receipt(paid).await? {
                Some(receipt) if receipt.block_hash.is_some() => break receipt,
                _ => sleep(POLL_INTERVAL).await,
            }
        };
        let portal = connection.contracts().portal;
        let log = receipt.inner.logs().iter().find(|log| {
            log.address() == portal && log.topic0() == Some(&TRANSACTION_DEPOSITED_TOPIC)
        });
        let log = log.context("the L1 transaction made no deposit")?;
        let (block_hash, index) = receipt
            .block_hash
            .zip(log.log_index)
            .context("the L1 doesn't say where the deposit stands")?;
        let deposit = decode_deposit(&log.inner, block_hash, index)?;
        Ok(Self {
            l1_block: receipt.block_number.unwrap_or_default(),
            l2_hash: deposit.tx_hash(),
        })
    }
}

/// Waits for the deposit on L2, and follows it through reorgs of L1.
async fn arrive(
    connection: &Connection,
    l2: &L2Node,
    paid: B256,
    mut deposited: Deposited,
    amount: U256,
) -> anyhow::Result<ExitCode> {
    let mut looked = Instant::now();
    loop {
        if let Some(receipt) = l2.receipt(deposited.l2_hash).await? {
            let block = receipt.block_number.to::<u64>();
            if receipt.is_success() {
                say(
                    "arrived",
                    format_args!("{} in L2 block {block}", open(amount)),
                );
                return Ok(ExitCode::SUCCESS);
            }
            say(
                "failed",
                format_args!(
                    "in L2 block {block}: the target refused it, or the gas limit was too low. The depositor's own \
                     address on L2 has the OPEN"
                ),
            );
            return Ok(ExitCode::FAILURE);
        }
        sleep(POLL_INTERVAL).await;
        if looked.elapsed() < REORG_LOOK_INTERVAL {
            continue;
        }
        looked = Instant::now();
        let now = Deposited::find(connection, paid).await?;
        if now != deposited {
            deposited = now;
            say(
                "moved",
                format_args!(
                    "a reorg of the L1 put the deposit into block {}: L2 transaction {}",
                    now.l1_block, now.l2_hash
                ),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{address, b256};

    /// The hash is the one that `OPEN.permit` makes (OpenZeppelin's ERC20Permit).
    #[test]
    fn a_permit_is_signed_as_the_token_reads_it() {
        let permit = Permit {
            owner: address!("00000000000000000000000000000000000a11ce"),
            spender: address!("0000000000000000000000000000000000000b0b"),
            value: U256::from(1),
            nonce: U256::from(2),
            deadline: U256::from(3),
        };
        let type_hash = keccak256(
            "Permit(address owner,address spender,uint256 value,uint256 nonce,uint256 deadline)",
        );
        assert_eq!(
            type_hash,
            b256!("6e71edae12b1b97f4d1f60370fef10105fa2faae0126114a169c64845d6126c9")
        );
        let word = |number: U256| number.to_be_bytes::<32>();
        let encoded = [
            type_hash.0,
            permit.owner.into_word().0,
            permit.spender.into_word().0,
            word(permit.value),
            word(permit.nonce),
            word(permit.deadline),
        ];
        let domain = B256::repeat_byte(7);
        let content = keccak256(encoded.concat());
        let digest = [[0x19, 1].as_slice(), domain.as_slice(), content.as_slice()];
        assert_eq!(permit_hash(&permit, domain), keccak256(digest.concat()));
    }
}
