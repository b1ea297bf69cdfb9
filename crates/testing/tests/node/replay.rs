//! The same blocks give the same hashes, on another store, after unwinding and after a restart.

use alloy_primitives::{Address, B256, Bytes, TxKind, U256};
use anyhow::{Context as _, Result};
use openledger_builder::{BuilderConfig, Mode};
use openledger_chain::{ChainError, Sequencer as _, Submission};
use openledger_execution::ExecutionError;
use openledger_mempool::RecoveredTransaction;
use openledger_primitives::{Block, BlockAttributes, BlockNumHash, SealedBlock, Transaction};
use openledger_store::{StoreError, StoreOptions};
use openledger_testing::{
    fixture::{Fixture, FixtureOptions, decode},
    load::{Random, call_data, token_creation},
};

const BLOCKS: u64 = 60;

fn attributes_of(block: &SealedBlock) -> Result<BlockAttributes> {
    BlockAttributes::of_block(&block.block).context("the extra data is Holocene's")
}

/// Appends blocks of a bit of everything: transfers, deployments, tokens that come to an account and leave
/// it again (which clears slots), deposits with new L1 origins, empty blocks.
fn grow(fixture: &Fixture, blocks: u64, seed: u64) -> Result<()> {
    let mut random = Random::new(seed);
    let token = fixture.wallets[0].address().create(0);
    for _ in 0..blocks {
        let mut transactions: Vec<Transaction> = Vec::new();
        for (index, wallet) in fixture.wallets.iter().enumerate() {
            let first = fixture.nonce(wallet.address())?;
            if index == 0 && first == 0 {
                let code = token_creation()?;
                let gas_limit = 2_000_000;
                let signed = fixture.sign(0, 0, TxKind::Create, U256::ZERO, code, gas_limit);
                transactions.push(decode(&signed)?);
                continue;
            }
            let call = |nonce, input| {
                let (to, limit) = (TxKind::Call(token), 200_000);
                decode(&fixture.sign(index, nonce, to, U256::ZERO, input, limit))
            };
            for nonce in first..first + random.below(4) {
                transactions.push(match random.below(3) {
                    0 => {
                        let to = word(wallet.address());
                        call(
                            nonce,
                            call_data("mint(address,uint256)", &[to, U256::from(5)]),
                        )?
                    }
                    1 => {
                        // Sometimes all, so that the slot goes; sometimes too much, so that it reverts.
                        let to = word(Address::with_last_byte(random.below(9) as u8 + 1));
                        let amount = U256::from(5 * random.below(3));
                        call(nonce, call_data("transfer(address,uint256)", &[to, amount]))?
                    }
                    _ => fixture.transfer(index, nonce, random.address(), random.below(1_000))?,
                });
            }
        }
        fixture.extend(transactions)?;
    }
    Ok(())
}

fn word(address: Address) -> U256 {
    address.into_word().into()
}

fn hashes(fixture: &Fixture) -> Result<Vec<B256>> {
    let head = fixture.chain.head().number;
    let mut hashes = Vec::new();
    for number in 0..=head {
        hashes.extend(fixture.store().block_hash(number)?);
    }
    assert_eq!(hashes.len() as u64, head + 1);
    Ok(hashes)
}

fn verify(fixture: &Fixture) -> Result<()> {
    let report = fixture.store().verify(&mut |_, _| ())?;
    assert_eq!(report.difference, None);
    assert_eq!(report.headers, fixture.chain.head().number + 1);
    Ok(())
}

#[test]
fn the_same_attributes_give_the_same_blocks_on_another_store() -> Result<()> {
    let fixture = Fixture::new(FixtureOptions::default())?;
    grow(&fixture, BLOCKS, 1)?;
    let twin = fixture.twin()?;
    for number in 1..=BLOCKS {
        let block = fixture.chain.block(number)?.expect("it was appended");
        let again = twin.chain.execute(&attributes_of(&block)?)?;
        assert_eq!(again.hash, block.hash, "block {number}");
        assert_eq!(again.receipts, block.receipts);
    }
    verify(&twin)
}

#[test]
fn a_told_block_is_imported_only_if_it_is_what_executing_it_gives() -> Result<()> {
    let fixture = Fixture::new(FixtureOptions::default())?;
    grow(&fixture, 3, 6)?;
    let twin = fixture.twin()?;
    for number in 1..=3 {
        let told = &fixture.chain.block(number)?.expect("it was appended").block;
        let head = twin.chain.head().hash();
        let refused = |change: &dyn Fn(&mut Block)| {
            let mut other = told.clone();
            change(&mut other);
            twin.chain.import(&other).unwrap_err()
        };
        let error = refused(&|block| block.header.state_root = B256::repeat_byte(1));
        assert!(matches!(error, ChainError::Differs { .. }), "{error}");
        let error = refused(&|block| block.header.parent_hash = B256::repeat_byte(1));
        assert!(matches!(error, ChainError::NotChild { .. }), "{error}");
        // The form of a fork that is not active: derivation would never make such a block.
        let error = refused(&|block| {
            let mut extra = block.header.extra_data.to_vec();
            extra[0] = 1;
            extra.extend([0; 8]);
            block.header.extra_data = extra.into();
        });
        assert!(
            matches!(
                error,
                ChainError::Execution(ExecutionError::MinBaseFee { .. })
            ),
            "{error}"
        );
        assert_eq!(twin.chain.head().hash(), head);
        assert_eq!(twin.chain.import(told)?.hash, told.header.hash_slow());
    }
    // What is safe is not undone for what is told.
    let block = twin.chain.heads().unsafe_head;
    twin.chain.set_heads(
        block,
        BlockNumHash {
            number: 0,
            hash: hashes(&twin)?[0],
        },
    )?;
    let error = twin.chain.unwind_unsafe(2).unwrap_err();
    assert!(matches!(error, ChainError::UnwindTooDeep { .. }), "{error}");
    assert_eq!(twin.chain.head().number, 3);
    verify(&twin)
}

#[test]
fn unwinding_and_applying_again_gives_the_same_roots() -> Result<()> {
    let fixture = Fixture::new(FixtureOptions::default())?;
    grow(&fixture, BLOCKS, 2)?;
    let before = hashes(&fixture)?;
    let mut random = Random::new(3);
    for _ in 0..6 {
        let to = random.below(BLOCKS);
        let removed = fixture.chain.unwind(to)?;
        assert_eq!(removed.len() as u64, BLOCKS - to);
        assert_eq!(fixture.chain.head().hash(), before[to as usize]);
        verify(&fixture)?;
        for block in removed.iter() {
            let again = fixture.chain.execute(&attributes_of(block)?)?;
            assert_eq!(again.hash, block.hash, "block {}", block.number());
        }
        assert_eq!(hashes(&fixture)?, before);
    }
    verify(&fixture)
}

#[test]
fn more_is_unwound_than_goes_in_one_write() -> Result<()> {
    let fixture = Fixture::new(FixtureOptions {
        store: StoreOptions {
            unwind_blocks_max: 7,
            ..StoreOptions::default()
        },
        ..FixtureOptions::default()
    })?;
    grow(&fixture, BLOCKS, 2)?;
    let before = hashes(&fixture)?;
    let removed = fixture.chain.unwind(3)?;
    let numbers: Vec<u64> = removed.iter().map(SealedBlock::number).collect();
    assert_eq!(numbers, (4..=BLOCKS).collect::<Vec<_>>());
    assert_eq!(fixture.chain.head().hash(), before[3]);
    verify(&fixture)?;
    for block in removed.iter() {
        fixture.chain.execute(&attributes_of(block)?)?;
    }
    assert_eq!(hashes(&fixture)?, before);
    verify(&fixture)
}

#[test]
fn nothing_is_unwound_to_where_the_state_is_gone() -> Result<()> {
    let fixture = Fixture::new(FixtureOptions {
        store: StoreOptions {
            unwind_blocks_max: 7,
            ..StoreOptions::default()
        },
        ..FixtureOptions::default()
    })?;
    grow(&fixture, 30, 2)?;
    let before = hashes(&fixture)?;
    let block = BlockNumHash {
        number: 20,
        hash: before[20],
    };
    fixture.chain.set_heads(block, block)?;
    let pruned = fixture.chain.store().prune(20, u64::MAX)?;
    assert_eq!(pruned.oldest, 20);
    // An L1 that reorganized finalized blocks away.
    let below = BlockNumHash {
        number: 10,
        hash: before[10],
    };
    fixture.chain.set_heads(below, below)?;
    let error = fixture.chain.unwind(10).unwrap_err();
    let refused = matches!(
        error,
        ChainError::Store(StoreError::HistoryPruned {
            number: 10,
            oldest: 20
        })
    );
    assert!(refused, "{error}");
    assert_eq!(hashes(&fixture)?, before);
    assert_eq!(fixture.chain.unwind(20)?.len(), 10);
    verify(&fixture)
}

#[test]
fn another_branch_after_unwinding_is_as_if_it_had_been_the_only_one() -> Result<()> {
    let fixture = Fixture::new(FixtureOptions::default())?;
    grow(&fixture, 20, 4)?;
    let twin = fixture.twin()?;
    for number in 1..=10 {
        let block = fixture.chain.block(number)?.expect("it was appended");
        twin.chain.execute(&attributes_of(&block)?)?;
    }
    fixture.chain.unwind(10)?;
    grow(&fixture, 20, 5)?;
    grow(&twin, 20, 5)?;
    assert_eq!(hashes(&fixture)?, hashes(&twin)?);
    verify(&fixture)
}

#[test]
fn a_restart_changes_nothing() -> Result<()> {
    let fixture = Fixture::new(FixtureOptions::default())?;
    grow(&fixture, 10, 6)?;
    let twin = fixture.twin()?;
    grow(&twin, 10, 6)?;
    let fixture = fixture.reopen()?;
    grow(&fixture, 10, 7)?;
    grow(&twin, 10, 7)?;
    assert_eq!(hashes(&fixture)?, hashes(&twin)?);
    verify(&fixture)
}

/// What the builder seals as transactions arrive is what a verifier gets that executes the whole block.
#[tokio::test]
async fn a_verifier_gets_the_builders_blocks() -> Result<()> {
    let fixture = Fixture::new(FixtureOptions::default())?;
    let config = BuilderConfig {
        mode: Mode::Instant,
        settled: false,
        ..Default::default()
    };
    let builder = fixture.start_builder(config, 3)?;
    for nonce in 0..20 {
        for wallet in 0..3 {
            let to = TxKind::Call(Address::with_last_byte(nonce as u8 + 1));
            let signed = fixture.sign(wallet, nonce, to, U256::ONE, Bytes::new(), 21_000);
            let submitted = builder
                .handle
                .submit(RecoveredTransaction::decode(&signed.encoded)?)
                .await?;
            assert!(
                matches!(submitted, Submission::Preconfirmed(_)),
                "{submitted:?}"
            );
        }
    }
    builder.stop()?;
    let head = fixture.chain.head().number;
    assert_eq!(head, 60);
    let twin = fixture.twin()?;
    for number in 1..=head {
        let block = fixture.chain.block(number)?.expect("it is below the head");
        assert_eq!(block.block.body.transactions.len(), 2);
        assert_eq!(
            twin.chain.execute(&attributes_of(&block)?)?.hash,
            block.hash
        );
    }
    verify(&twin)
}
