//! The native precompiles, called by transactions and by contracts.

use alloy_evm::{Evm as _, EvmEnv};
use alloy_primitives::{Address, B256, Bytes, Log, TxKind, U256, address, keccak256};
use alloy_sol_types::{SolCall, SolError};
use op_revm::{OpHaltReason, OpSpecId, OpTransaction};
use openledger_execution::{OpTx, evm_factory};
use openledger_precompiles::{
    CallInput, CommonErrors, GENESIS_ADDRESSES, GENESIS_CODE, IPausable, MemoryHost, Outcome,
    SKETCH, call, page_address,
    sketch::{IAttrSketch, Signature, commitment, space},
};
use openledger_primitives::predeploys::{HISTORY_STORAGE, PARAMETER_TIMELOCK};
use proptest::{collection::vec, prelude::*};
use revm::{
    Database, DatabaseCommit, Inspector,
    bytecode::Bytecode,
    context::{BlockEnv, CfgEnv, TxEnv, result::ExecutionResult},
    database::{CacheDB, EmptyDB},
    interpreter::{CallInputs, CallOutcome, InstructionResult},
    primitives::StorageKey,
    state::{AccountInfo, EvmState},
};

type Db = CacheDB<EmptyDB>;

const SENDER: Address = address!("00000000000000000000000000000000000c0ffe");
const FORWARDER: Address = address!("00000000000000000000000000000000000f0f0f");
const GAS: u64 = 100_000_000;

/// A chain with the four accounts and block hashes.
struct Chain {
    db: Db,
    block: u64,
    timestamp: u64,
}

/// What a transaction did.
struct Done {
    result: ExecutionResult<OpHaltReason>,
    frames: Vec<Frame>,
}

/// A call as a tracer sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Frame {
    to: Address,
    input: Bytes,
    result: InstructionResult,
    output: Bytes,
    gas_used: u64,
}

#[derive(Debug, Default)]
struct Frames {
    open: Vec<(Address, Bytes)>,
    closed: Vec<Frame>,
}

impl<C: revm::context_interface::ContextTr> Inspector<C> for Frames {
    fn call(&mut self, context: &mut C, inputs: &mut CallInputs) -> Option<CallOutcome> {
        let input = Bytes::copy_from_slice(&inputs.input.bytes(context));
        self.open.push((inputs.bytecode_address, input));
        None
    }

    fn call_end(&mut self, _: &mut C, _: &CallInputs, outcome: &mut CallOutcome) {
        let (to, input) = self.open.pop().unwrap();
        self.closed.push(Frame {
            to,
            input,
            result: outcome.result.result,
            output: outcome.result.output.clone(),
            gas_used: outcome.result.gas.total_gas_spent(),
        });
    }
}

impl Chain {
    fn new() -> Self {
        let mut db = Db::default();
        for address in GENESIS_ADDRESSES {
            db.insert_account_info(address, account(1, &GENESIS_CODE));
        }
        for number in 900..1_200u64 {
            db.insert_account_storage(
                HISTORY_STORAGE,
                U256::from(number % 8191),
                keccak256(number.to_be_bytes()).into(),
            )
            .unwrap();
        }
        db.insert_account_info(
            SENDER,
            AccountInfo::from_balance(U256::from(10).pow(U256::from(18))),
        );
        Self {
            db,
            block: 1_000,
            timestamp: 1_800_000_000,
        }
    }

    fn env(&self) -> EvmEnv<OpSpecId> {
        let mut cfg = CfgEnv::new_with_spec(OpSpecId::ISTHMUS);
        cfg.disable_nonce_check = true;
        cfg.chain_id = 161_299;
        EvmEnv::new(
            cfg,
            BlockEnv {
                number: U256::from(self.block),
                timestamp: U256::from(self.timestamp),
                gas_limit: 10 * GAS,
                ..Default::default()
            },
        )
    }

    fn transact(&mut self, from: Address, to: Address, data: &[u8], gas: u64) -> Done {
        self.transact_with_value(from, to, data, gas, U256::ZERO)
    }

    /// Runs a transaction twice, with and without an inspector, which must agree; commits it.
    fn transact_with_value(
        &mut self,
        from: Address,
        to: Address,
        data: &[u8],
        gas: u64,
        value: U256,
    ) -> Done {
        let tx = || {
            OpTx(
                OpTransaction::builder()
                    .base(
                        TxEnv::builder()
                            .caller(from)
                            .kind(TxKind::Call(to))
                            .data(Bytes::copy_from_slice(data))
                            .gas_limit(gas)
                            .value(value)
                            .chain_id(Some(161_299)),
                    )
                    .build_fill(),
            )
        };
        let env = self.env();
        let plain = evm_factory()
            .create(&mut self.db, env.clone())
            .transact_raw(tx())
            .unwrap();
        let mut evm = evm_factory().create_with_inspector(&mut self.db, env, Frames::default());
        let traced = evm.transact_raw(tx()).unwrap();
        let frames = std::mem::take(&mut evm.components_mut().1.closed);
        drop(evm);
        assert_eq!(plain.result, traced.result);
        assert_eq!(changes(&plain.state), changes(&traced.state));
        self.db.commit(plain.state);
        Done {
            result: plain.result,
            frames,
        }
    }

    fn install(&mut self, address: Address, code: &[u8]) {
        self.db.insert_account_info(address, account(1, code));
    }

    fn slot(&mut self, address: Address, slot: U256) -> U256 {
        self.db.storage(address, slot).unwrap()
    }
}

fn account(nonce: u64, code: &[u8]) -> AccountInfo {
    let code = Bytecode::new_raw(Bytes::copy_from_slice(code));
    AccountInfo {
        nonce,
        code_hash: code.hash_slow(),
        code: Some(code),
        ..Default::default()
    }
}

/// What a state says beside warmth and touches.
fn changes(state: &EvmState) -> Vec<(Address, AccountInfo, Vec<(StorageKey, U256)>)> {
    let mut changes: Vec<_> = state
        .iter()
        .map(|(address, account)| {
            let mut slots: Vec<_> = account
                .changed_storage_slots()
                .map(|(slot, value)| (*slot, value.present_value()))
                .collect();
            slots.sort();
            (*address, account.info.clone(), slots)
        })
        .collect();
    changes.sort_by_key(|(address, ..)| *address);
    changes
}

/// Code that forwards its calldata to SKETCH by `opcode` and returns or reverts with what comes back,
/// or, if `then_revert`, throws the result away and reverts.
fn forwarder(opcode: u8, value: bool, then_revert: bool) -> Vec<u8> {
    // calldatacopy(0, 0, calldatasize)
    let mut code = vec![0x36, 0x5f, 0x5f, 0x37];
    // out length and offset, in length and offset
    code.extend([0x5f, 0x5f, 0x36, 0x5f]);
    if matches!(opcode, 0xf1 | 0xf2) {
        // CALLVALUE or PUSH0
        code.push(if value { 0x34 } else { 0x5f });
    }
    // PUSH2 SKETCH, GAS, the call
    code.extend([0x61, 0x0a, 0x01, 0x5a, opcode]);
    if then_revert {
        code.extend([0x5f, 0x5f, 0xfd]);
        return code;
    }
    // returndatacopy(0, 0, returndatasize); JUMPI to RETURN
    code.extend([0x3d, 0x5f, 0x5f, 0x3e]);
    let target = code.len() as u8 + 6;
    code.extend([0x60, target, 0x57, 0x3d, 0x5f, 0xfd, 0x5b, 0x3d, 0x5f, 0xf3]);
    code
}

fn open_set() -> Vec<u8> {
    IAttrSketch::openSetCall {
        subject: B256::repeat_byte(3),
        dim: 64,
        kind: 1,
        normCap2: 0,
        fracBits: 0,
        shift: 0,
        sparsity: 0,
        dataRoot: B256::ZERO,
    }
    .abi_encode()
}

#[track_caller]
fn assert_reverted(done: &Done, error: impl SolError) {
    match &done.result {
        ExecutionResult::Revert { output, .. } => {
            assert_eq!(output[..], error.abi_encode());
        }
        result => panic!("{result:?}"),
    }
}

#[test]
fn a_contract_calls_and_a_tracer_sees_it() {
    let mut chain = Chain::new();
    chain.install(FORWARDER, &forwarder(0xf1, false, false));
    let done = chain.transact(SENDER, FORWARDER, &open_set(), GAS);
    let ExecutionResult::Success { output, logs, .. } = &done.result else {
        panic!("{:?}", done.result);
    };
    assert_eq!(output.data()[..], U256::from(1).to_be_bytes::<32>());
    assert_eq!(logs.len(), 1);
    assert_eq!(logs[0].address, SKETCH);
    assert_eq!(chain.slot(SKETCH, U256::from(1)), U256::from(1));
    // The set's owner is the contract.
    let form = keccak256(
        [
            U256::from(1).to_be_bytes::<32>(),
            U256::from(2).to_be_bytes(),
        ]
        .concat(),
    );
    let form = chain.slot(SKETCH, U256::from_be_bytes(form.0) + U256::from(3));
    assert_eq!(Address::from_word(form.into()), FORWARDER);
    let frame = &done.frames[0];
    assert_eq!((frame.to, &frame.input[..]), (SKETCH, &open_set()[..]));
    assert_eq!(frame.result, InstructionResult::Return);
    assert_eq!(frame.output[..], U256::from(1).to_be_bytes::<32>());
    // Base and nine words; the pause; the counter, read and written; three new slots, and the data root,
    // which stays zero; the log.
    let slots = 2_100 + 2_100 + 20_000 + 3 * 22_100 + 2_200;
    assert_eq!(frame.gas_used, 600 + 3 * 9 + slots + 4 * 375 + 8 * 32);
}

#[test]
fn the_account_keeps_its_nonce_and_code() {
    let mut chain = Chain::new();
    chain.transact(SENDER, SKETCH, &open_set(), GAS);
    let info = chain.db.basic(SKETCH).unwrap().unwrap();
    assert_eq!(info.nonce, 1);
    assert_eq!(info.code_hash, keccak256(GENESIS_CODE));
}

#[test]
fn other_ways_of_calling_are_refused() {
    let mut chain = Chain::new();
    for (opcode, value, error) in [
        (0xf4, false, CommonErrors::BadCallScheme {}.abi_encode()),
        (0xf2, false, CommonErrors::BadCallScheme {}.abi_encode()),
        (0xf1, true, CommonErrors::NoValue {}.abi_encode()),
        (0xfa, false, CommonErrors::StaticWrite {}.abi_encode()),
    ] {
        chain.install(FORWARDER, &forwarder(opcode, value, false));
        let done = chain.transact_with_value(
            SENDER,
            FORWARDER,
            &open_set(),
            GAS,
            U256::from(u8::from(value)),
        );
        let ExecutionResult::Revert { output, .. } = &done.result else {
            panic!("{opcode:x}: {:?}", done.result);
        };
        assert_eq!(output[..], error, "{opcode:x}");
        assert_eq!(chain.slot(SKETCH, U256::from(1)), U256::ZERO);
        assert_eq!(chain.db.basic(SKETCH).unwrap().unwrap().balance, U256::ZERO);
    }
    // Directly, with value.
    let done = chain.transact_with_value(SENDER, SKETCH, &open_set(), GAS, U256::from(1));
    assert_reverted(&done, CommonErrors::NoValue {});
    // Reading under STATICCALL works.
    chain.transact(SENDER, SKETCH, &open_set(), GAS);
    chain.install(FORWARDER, &forwarder(0xfa, false, false));
    let header = IAttrSketch::headerCall { setId: 1 }.abi_encode();
    let done = chain.transact(SENDER, FORWARDER, &header, GAS);
    let output = done.result.output().unwrap();
    let header = IAttrSketch::headerCall::abi_decode_returns_validate(output).unwrap();
    assert_eq!((header.owner, header.dim), (SENDER, 64));
}

#[test]
fn a_refusal_returns_the_unused_gas() {
    let mut chain = Chain::new();
    let unknown = IAttrSketch::headerCall { setId: 9 };
    let done = chain.transact(SENDER, SKETCH, &unknown.abi_encode(), GAS);
    assert_reverted(&done, IAttrSketch::UnknownSet { setId: 9 });
    assert_eq!(done.frames[0].gas_used, 600 + 3 * 2 + 2_100);
    assert!(done.result.tx_gas_used() < 30_000);
}

#[test]
fn out_of_gas_takes_all_and_leaves_nothing() {
    let mut chain = Chain::new();
    let done = chain.transact(SENDER, SKETCH, &open_set(), 100_000);
    let ExecutionResult::Halt { gas, .. } = &done.result else {
        panic!("{:?}", done.result);
    };
    assert_eq!(gas.tx_gas_used(), 100_000);
    assert_eq!(done.frames[0].result, InstructionResult::PrecompileOOG);
    assert_eq!(chain.slot(SKETCH, U256::from(1)), U256::ZERO);
    // A caller keeps its sixty-fourth and can go on.
    chain.install(FORWARDER, &forwarder(0xf1, false, false));
    let done = chain.transact(SENDER, FORWARDER, &open_set(), 100_000);
    assert!(matches!(done.result, ExecutionResult::Revert { .. }));
}

#[test]
fn a_caller_that_reverts_undoes_the_call() {
    let mut chain = Chain::new();
    chain.install(FORWARDER, &forwarder(0xf1, false, true));
    let done = chain.transact(SENDER, FORWARDER, &open_set(), GAS);
    assert!(matches!(&done.result, ExecutionResult::Revert { .. }));
    assert_eq!(done.frames[0].result, InstructionResult::Return);
    assert!(done.result.logs().is_empty());
    assert_eq!(chain.slot(SKETCH, U256::from(1)), U256::ZERO);
}

/// EIP-7702: an account that delegates to a precompile runs its code, INVALID.
#[test]
fn a_delegation_runs_the_code() {
    let mut chain = Chain::new();
    let delegated = [&[0xef, 0x01, 0x00][..], SKETCH.as_slice()].concat();
    let authority = address!("0000000000000000000000000000000000007702");
    chain.install(authority, &delegated);
    let done = chain.transact(SENDER, authority, &open_set(), 1_000_000);
    let ExecutionResult::Halt { gas, .. } = &done.result else {
        panic!("{:?}", done.result);
    };
    assert_eq!(gas.tx_gas_used(), 1_000_000);
    assert_eq!(done.frames[0].result, InstructionResult::InvalidFEOpcode);
    assert_eq!(chain.slot(SKETCH, U256::from(1)), U256::ZERO);
    assert_eq!(chain.slot(authority, U256::from(1)), U256::ZERO);
    // From a contract as well: PUSH2 authority in place of SKETCH.
    let mut code = forwarder(0xf1, false, false);
    let at = code
        .windows(3)
        .position(|bytes| bytes == [0x61, 0x0a, 0x01])
        .unwrap();
    code[at + 1..at + 3].copy_from_slice(&[0x77, 0x02]);
    chain.install(FORWARDER, &code);
    let done = chain.transact(SENDER, FORWARDER, &open_set(), 1_000_000);
    assert_eq!(done.frames[0].result, InstructionResult::InvalidFEOpcode);
}

/// BALANCE of a warm account costs 100.
#[test]
fn the_addresses_are_warm_from_the_beginning() {
    let mut chain = Chain::new();
    for address in openledger_precompiles::addresses() {
        let [.., high, low] = address.into_array();
        // GAS, BALANCE(address), GAS; their difference is returned.
        let code = [
            0x5a, 0x61, high, low, 0x31, 0x50, 0x5a, 0x90, 0x03, 0x5f, 0x52, 0x60, 0x20, 0x5f, 0xf3,
        ];
        chain.install(FORWARDER, &code);
        let done = chain.transact(SENDER, FORWARDER, &[], GAS);
        let spent = U256::from_be_slice(done.result.output().unwrap());
        // PUSH2, BALANCE, POP, GAS.
        assert_eq!(spent, U256::from(3 + 100 + 2 + 2), "{address}");
    }
}

/// A state that can't be read is an error of the node, never an outcome.
#[test]
fn a_failing_database_is_fatal() {
    #[derive(Debug)]
    struct Broken(Db);
    #[derive(Debug, thiserror::Error)]
    #[error("disk on fire")]
    struct Failure;
    impl revm::database_interface::DBErrorMarker for Failure {}
    impl Database for Broken {
        type Error = Failure;
        fn basic(&mut self, address: Address) -> Result<Option<AccountInfo>, Failure> {
            Ok(self.0.basic(address).unwrap())
        }
        fn code_by_hash(&mut self, hash: B256) -> Result<Bytecode, Failure> {
            Ok(self.0.code_by_hash(hash).unwrap())
        }
        fn storage(&mut self, address: Address, slot: U256) -> Result<U256, Failure> {
            if address == SKETCH {
                return Err(Failure);
            }
            Ok(self.0.storage(address, slot).unwrap())
        }
        fn block_hash(&mut self, number: u64) -> Result<B256, Failure> {
            Ok(self.0.block_hash(number).unwrap())
        }
    }
    let chain = Chain::new();
    let env = chain.env();
    let mut evm = evm_factory().create(Broken(chain.db), env);
    let tx = OpTx(
        OpTransaction::builder()
            .base(
                TxEnv::builder()
                    .caller(SENDER)
                    .kind(TxKind::Call(SKETCH))
                    .data(open_set().into())
                    .gas_limit(GAS)
                    .chain_id(Some(161_299)),
            )
            .build_fill(),
    );
    let error = evm.transact_raw(tx).unwrap_err();
    assert!(error.to_string().contains("disk on fire"), "{error}");
}

/// A step of a scenario.
#[derive(Debug, Clone)]
enum Step {
    Call { from: u8, data: Vec<u8>, gas: u64 },
    Blocks(u64),
}

fn calls() -> impl Strategy<Value = Step> {
    let datanet = || (0u8..2).prop_map(B256::repeat_byte);
    let id = || 1u64..4;
    let signature = |content: u8| -> Signature {
        core::array::from_fn(|j| {
            u32::from(content)
                .wrapping_mul(7_919)
                .wrapping_add(j as u32)
        })
    };
    let data = prop_oneof![
        (datanet(), 0u8..2, 0u8..3).prop_map(|(datanet, kind, from)| {
            IAttrSketch::openSetCall {
                subject: space(Address::repeat_byte(from), datanet),
                dim: 64,
                kind,
                normCap2: 64 * 25,
                fracBits: 1,
                shift: 2,
                sparsity: 8,
                dataRoot: B256::ZERO,
            }
            .abi_encode()
        }),
        id().prop_map(|id| IAttrSketch::drawSeedCall { setId: id }.abi_encode()),
        (id(), 1usize..400, 0u32..2).prop_map(|(id, rows, cluster)| {
            let mut row = cluster.to_be_bytes().to_vec();
            row.extend([0, 1]);
            row.extend([5; 64]);
            IAttrSketch::appendRowsCall {
                setId: id,
                rows: row.repeat(rows).into(),
            }
            .abi_encode()
        }),
        id().prop_map(|id| IAttrSketch::sealCall { setId: id }.abi_encode()),
        id().prop_map(|id| IAttrSketch::headerCall { setId: id }.abi_encode()),
        (id(), 0u32..800).prop_map(|(id, r)| IAttrSketch::rowCall { setId: id, r }.abi_encode()),
        id().prop_map(|id| {
            IAttrSketch::scoreDotCall {
                setId: id,
                q: vec![3; 64].into(),
            }
            .abi_encode()
        }),
        (datanet(), 0u8..3, 0u8..3).prop_map(move |(datanet, from, content)| {
            let space = space(Address::repeat_byte(from), datanet);
            IAttrSketch::commitContributionCall {
                datanet,
                h: commitment(space, SENDER, &signature(content), B256::ZERO, B256::ZERO),
            }
            .abi_encode()
        }),
        (datanet(), 0u8..3, 0u64..3, 0u8..3).prop_map(move |(datanet, from, number, content)| {
            let space = space(Address::repeat_byte(from), datanet);
            IAttrSketch::revealCall {
                datanet,
                commitId: openledger_precompiles::sketch::commit_id(space, number),
                contributor: SENDER,
                dataRoot: B256::ZERO,
                salt: B256::ZERO,
                mh: signature(content),
            }
            .abi_encode()
        }),
        datanet().prop_map(|datanet| IAttrSketch::settleCall { datanet, max: 3 }.abi_encode()),
        Just(
            IPausable::setPausedCall {
                selector: IAttrSketch::sealCall::SELECTOR.into(),
                untilTimestamp: 1_800_000_020,
            }
            .abi_encode()
        ),
        vec(any::<u8>(), 0..80),
    ];
    let gas = prop_oneof![4 => Just(GAS), 1 => 30_000u64..8_000_000];
    prop_oneof![
        5 => (0u8..4, data, gas).prop_map(|(from, data, gas)| Step::Call { from, data, gas }),
        1 => prop_oneof![Just(1u64), Just(2), Just(51)].prop_map(Step::Blocks),
    ]
}

/// The calls that must come for anything else to happen, before random ones.
fn scenario() -> impl Strategy<Value = Vec<Step>> {
    let from = 1u8;
    let datanet = B256::repeat_byte(1);
    let mh: Signature = core::array::from_fn(|j| 7_919 + j as u32);
    let space = space(Address::repeat_byte(from), datanet);
    let call = |data: Vec<u8>| Step::Call {
        from,
        data,
        gas: GAS,
    };
    let begin = vec![
        call(
            IAttrSketch::commitContributionCall {
                datanet,
                h: commitment(space, SENDER, &mh, B256::ZERO, B256::ZERO),
            }
            .abi_encode(),
        ),
        Step::Blocks(2),
        call(
            IAttrSketch::revealCall {
                datanet,
                commitId: openledger_precompiles::sketch::commit_id(space, 0),
                contributor: SENDER,
                dataRoot: B256::ZERO,
                salt: B256::ZERO,
                mh,
            }
            .abi_encode(),
        ),
        Step::Blocks(51),
        call(IAttrSketch::settleCall { datanet, max: 1 }.abi_encode()),
        call(
            IAttrSketch::openSetCall {
                subject: space,
                dim: 64,
                kind: 1,
                normCap2: 0,
                fracBits: 0,
                shift: 0,
                sparsity: 0,
                dataRoot: B256::ZERO,
            }
            .abi_encode(),
        ),
        Step::Blocks(2),
        call(IAttrSketch::drawSeedCall { setId: 1 }.abi_encode()),
    ];
    vec(calls(), 1..25).prop_map(move |rest| [begin.clone(), rest].concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Through revm's journal the precompile does what it does on a world in memory: same outcome, gas,
    /// logs, slots and pages, transaction after transaction.
    #[test]
    fn the_journal_is_the_world_in_memory(steps in scenario()) {
        let mut chain = Chain::new();
        let mut host = MemoryHost::new();
        host.chain_id = 161_299;
        for number in 900..1_200u64 {
            let hash = keccak256(number.to_be_bytes());
            host.insert_slot(HISTORY_STORAGE, U256::from(number % 8191), hash.into());
        }
        for step in steps {
            let (from, data, gas) = match step {
                Step::Blocks(blocks) => {
                    chain.block += blocks;
                    chain.timestamp += blocks;
                    continue;
                }
                Step::Call { from: 3, data, gas } => (PARAMETER_TIMELOCK, data, gas),
                Step::Call { from, data, gas } => (Address::repeat_byte(from), data, gas),
            };
            // What the transaction itself costs isn't the precompile's: raise the limit by it.
            let nonzero = data.iter().filter(|byte| **byte != 0).count() as u64;
            let intrinsic = 21_000 + 16 * nonzero + 4 * (data.len() as u64 - nonzero);
            let floor = 21_000 + 10 * (4 * nonzero + data.len() as u64 - nonzero);
            let gas = gas.max(floor.saturating_sub(intrinsic));
            let done = chain.transact(from, SKETCH, &data, gas + intrinsic);
            host.block_number = chain.block;
            host.timestamp = chain.timestamp;
            let before = host.snapshot();
            let input = CallInput {
                code_address: SKETCH, target_address: SKETCH, caller: from, value: U256::ZERO,
                is_static: false, data: &data, gas,
            };
            let outcome = call(&input, &mut host).unwrap().unwrap();
            let frame = &done.frames[0];
            let (result, gas_used, output) = match &outcome {
                Outcome::Success { gas_used, output } => {
                    (InstructionResult::Return, *gas_used, output.clone())
                }
                Outcome::Revert { gas_used, output } => {
                    (InstructionResult::Revert, *gas_used, output.clone())
                }
                Outcome::OutOfGas => (InstructionResult::PrecompileOOG, gas, Bytes::new()),
            };
            if !matches!(outcome, Outcome::Success { .. }) {
                host.restore(before);
            }
            let logs: Vec<Log> = host.end_transaction();
            prop_assert_eq!((frame.result, &frame.output, frame.gas_used), (result, &output, gas_used));
            prop_assert_eq!(done.result.logs(), &logs[..]);
            for (address, slot, value) in host.slots() {
                prop_assert_eq!(chain.slot(address, slot), value);
            }
            let stored = chain.db.cache.accounts[&SKETCH]
                .storage
                .values()
                .filter(|value| !value.is_zero())
                .count();
            prop_assert_eq!(stored, host.slots().filter(|(address, ..)| *address == SKETCH).count());
            for (set, page) in [(1, 0), (1, 1), (2, 0), (3, 0)] {
                let address = page_address(SKETCH, set, page);
                let info = chain.db.basic(address).unwrap().unwrap_or_default();
                let code = openledger_precompiles::Host::code(&mut host, address).unwrap();
                let stored = info.code.map(|code| code.original_bytes()).unwrap_or_default();
                prop_assert_eq!(stored, code.clone());
                prop_assert_eq!(info.nonce, u64::from(!code.is_empty()));
                prop_assert!(code.is_empty() || code[0] == 0);
            }
        }
    }
}
