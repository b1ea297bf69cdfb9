//! What is fuzzed of the native precompiles: every function, on worlds in memory, with any calldata, state
//! and gas. Plain functions, shared by the fuzz targets and the test that replays the corpora.
//!
//! An input is
//!
//! | bytes | |
//! |---|---|
//! | 1 | number of a case: a world, and a call that is right there |
//! | 1 | flags: see the constants |
//! | 4 | gas, u32le; 0 stands for what the call takes |
//! | 1 | slots that are overwritten, n |
//! | 4·n | of each: which of the world's slots (2, u16le), which byte of it, its value |
//! | … | changes of the call's bytes, each where (2, u16le) and what (1); or the calldata itself |

#[path = "../../../precompiles/benches/cases/mod.rs"]
#[allow(dead_code, clippy::expect_used)]
mod cases;

use alloy_primitives::{Address, Bytes, Log, U256};
use openledger_precompiles::{
    AccountLoad, CallInput, Host, HostError, HostFailure, LORA, MemoryHost, Outcome, SKETCH, SPAN,
    SPLIT, SlotLoad, call,
};
use std::{collections::BTreeMap, sync::OnceLock};

/// What follows the slots is the whole calldata.
const RAW: u8 = 1;
const STATIC: u8 = 2;
const VALUE: u8 = 4;
const DELEGATED: u8 = 8;
/// Someone else calls: the parameter timelock.
const TIMELOCK: u8 = 16;
/// A while later.
const LATER: u8 = 32;

/// Gas that is as good as no limit; a block has less.
const GAS_MAX: u64 = 1 << 30;
/// Calldata of a case's call is at most that long, so that worlds and calls are quick to make.
const LEN_MAX: usize = 40_000;

/// Cases of SKETCH.
pub(crate) fn sketch(data: &[u8]) {
    run(SKETCH, data);
}

/// Cases of SPAN.
pub(crate) fn span(data: &[u8]) {
    run(SPAN, data);
}

/// Cases of SPLIT.
pub(crate) fn split(data: &[u8]) {
    run(SPLIT, data);
}

/// Cases of LORA.
pub(crate) fn lora(data: &[u8]) {
    run(LORA, data);
}

/// A world with a call, ready to be copied.
pub(crate) struct Template {
    pub(crate) name: &'static str,
    host: MemoryHost,
    data: Vec<u8>,
    slots: Vec<(Address, U256)>,
}

/// Names of the cases that aren't too large, by precompile.
const NAMES: &[&str] = &[
    "scoreInfluence 1x64, 1 query",
    "scoreInfluence 1x64, 16 queries",
    "scoreDot 1x64",
    "scoreKnnShapley 1x64, K 1",
    "rowDistance 1x64",
    "row 1x1024",
    "header",
    "openSet",
    "drawSeed",
    "SKETCH's seal",
    "setPaused, not the timelock's",
    "appendRows 1x64",
    "commitContribution",
    "reveal",
    "settle, 64 copies of one",
    "residual 1x64",
    "clusterCount",
    "commitTokens",
    "openIndex",
    "commitRoot",
    "SPAN's seal",
    "SPAN's header",
    "scoreSpans, 100 entries, 100 tokens",
    "scoreSpansProved, 10 hits",
    "provesOmission, 9 hits",
    "provesDisorder, 4 siblings",
    "appendEntries, 3",
    "split of nothing",
    "split of 16",
    "gate of 1",
    "registerBase, 32 modules",
    "commitAdapter",
    "uploadHeader, a page",
    "registerAdapter, one tensor pair",
    "registerAdapter, a parent and a training set",
    "registerAdapterFor",
    "setStatus",
    "nonces",
    "verifyChunk, 3 siblings",
    "lineage, depth 16",
    "isAncestor, depth 16",
    "royaltyFlow, depth 16",
    "flattenDatanets, depth 16",
    "get, depth 16",
    "byBase, 16 adapters",
    "statusOf",
];

/// The cases of the precompile at `address`.
pub(crate) fn templates(address: Address) -> impl Iterator<Item = &'static Template> {
    static ALL: OnceLock<Vec<(Address, Template)>> = OnceLock::new();
    let all = ALL.get_or_init(|| {
        let cases = cases::all();
        let find = |name: &&'static str| {
            let (name, build) = cases
                .iter()
                .find(|(known, _)| known == name)
                .expect("a case of that name");
            let case = build();
            assert!(case.data.len() <= LEN_MAX, "{name}");
            let template = Template {
                name,
                slots: case
                    .world
                    .host
                    .slots()
                    .filter(|(address, ..)| *address == case.to)
                    .map(|(address, slot, _)| (address, slot))
                    .collect(),
                host: case.world.host,
                data: case.data,
            };
            (case.to, template)
        };
        NAMES.iter().map(find).collect()
    });
    all.iter()
        .filter(move |(to, _)| *to == address)
        .map(|(_, template)| template)
}

/// The parts of an input.
struct Input<'a> {
    template: &'static Template,
    flags: u8,
    gas: u32,
    overwritten: &'a [[u8; 4]],
    rest: &'a [u8],
}

impl<'a> Input<'a> {
    fn read(address: Address, data: &'a [u8]) -> Option<Self> {
        let (&[number, flags, a, b, c, d, slots], rest) = data.split_first_chunk()?;
        let count = templates(address).count();
        let template = templates(address).nth(usize::from(number) % count.max(1))?;
        let (slots, rest) = rest.split_at_checked(4 * usize::from(slots))?;
        Some(Self {
            template,
            flags,
            gas: u32::from_le_bytes([a, b, c, d]),
            overwritten: slots.as_chunks().0,
            rest,
        })
    }

    fn calldata(&self) -> Vec<u8> {
        if self.flags & RAW != 0 {
            return self.rest.to_vec();
        }
        let mut data = self.template.data.clone();
        for [low, high, value] in self.rest.as_chunks().0 {
            let at = usize::from(u16::from_le_bytes([*low, *high]));
            let len = data.len();
            if let Some(byte) = data.get_mut(at % len.max(1)) {
                *byte = *value;
            }
        }
        data
    }

    fn host(&self) -> MemoryHost {
        let mut host = self.template.host.clone();
        for [low, high, byte, value] in self.overwritten {
            let slots = &self.template.slots;
            let at = usize::from(u16::from_le_bytes([*low, *high]));
            if let Some((address, slot)) = slots.get(at % slots.len().max(1)) {
                let mut word = host.peek(*address, *slot).to_be_bytes::<32>();
                word[usize::from(*byte) % 32] = *value;
                host.insert_slot(*address, *slot, U256::from_be_bytes(word));
            }
        }
        if self.flags & LATER != 0 {
            host.block_number += 50;
            host.timestamp += 3_600;
        }
        host
    }
}

fn run(address: Address, data: &[u8]) {
    let Some(input) = Input::read(address, data) else {
        return;
    };
    let calldata = input.calldata();
    let caller = if input.flags & TIMELOCK != 0 {
        openledger_primitives::predeploys::PARAMETER_TIMELOCK
    } else {
        cases::WHO
    };
    let target = if input.flags & DELEGATED != 0 {
        caller
    } else {
        address
    };
    let with = |gas: u64| CallInput {
        code_address: address,
        target_address: target,
        caller,
        value: U256::from(input.flags & VALUE),
        is_static: input.flags & STATIC != 0,
        data: &calldata,
        gas,
    };
    let world = input.host();
    let limit = match input.gas {
        0 => GAS_MAX,
        gas => u64::from(gas).min(GAS_MAX),
    };
    let (outcome, trace) = observe(&world, &with(limit));
    // The same again is the same.
    let again = observe(&world, &with(limit));
    assert_eq!((&outcome, &trace), (&again.0, &again.1));
    let Some(outcome) = outcome else {
        // Only state that no call of ours makes is too broken to read.
        assert!(!input.overwritten.is_empty(), "the state can't be read");
        return;
    };
    let (Outcome::Success { gas_used, .. } | Outcome::Revert { gas_used, .. }) = outcome else {
        return;
    };
    assert!(gas_used <= limit);
    if limit > gas_used {
        // More gas than needed changes nothing.
        let exact = observe(&world, &with(gas_used));
        assert_eq!((Some(outcome), &trace), (exact.0, &exact.1));
    }
    // One less doesn't suffice, and nothing is done that isn't done with enough; what a writer does last is
    // paid for before it is done.
    if let Some(less) = gas_used.checked_sub(1) {
        let (starved, done) = observe(&world, &with(less));
        assert_eq!(starved, Some(Outcome::OutOfGas));
        assert!(
            trace.starts_with(&done),
            "{done:?} isn't a part of {trace:?}"
        );
        if trace.last().is_some_and(Access::is_write) {
            assert!(
                done.len() < trace.len(),
                "work was done before it was paid for"
            );
        }
    }
}

/// What a call does to the world, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Access {
    Slot(Address, U256),
    Account(Address),
    Code(Address),
    SetSlot(Address, U256, U256),
    Create(Address, Bytes),
    Log(Log),
}

impl Access {
    const fn is_write(&self) -> bool {
        matches!(self, Self::SetSlot(..) | Self::Create(..) | Self::Log(_))
    }
}

/// Runs a call; how it ended (nothing if the state couldn't be read) and what it did. What it wrote is
/// undone unless it succeeded, and then nothing of it is left.
fn observe(world: &MemoryHost, input: &CallInput<'_>) -> (Option<Outcome>, Vec<Access>) {
    let mut host = Watching {
        inner: world.clone(),
        is_static: input.is_static,
        trace: Vec::new(),
        before: BTreeMap::new(),
        created: Vec::new(),
    };
    let outcome = call(input, &mut host)
        .ok()
        .map(|outcome| outcome.expect("there is a precompile"));
    if !matches!(outcome, Some(Outcome::Success { .. })) {
        for ((address, slot), value) in &host.before {
            host.inner.insert_slot(*address, *slot, *value);
        }
        for address in &host.created {
            host.inner.insert_account(*address, 0, Bytes::new());
        }
        assert!(
            host.inner.slots().eq(world.slots()),
            "a slot was changed past the host"
        );
    }
    (outcome, host.trace)
}

/// A world that notes what is done to it.
struct Watching {
    inner: MemoryHost,
    is_static: bool,
    trace: Vec<Access>,
    /// Slots that were written, as they were.
    before: BTreeMap<(Address, U256), U256>,
    created: Vec<Address>,
}

impl Watching {
    fn write(&mut self, access: Access) {
        assert!(!self.is_static, "{access:?} under STATICCALL");
        self.trace.push(access);
    }
}

impl Host for Watching {
    fn slot(
        &mut self,
        address: Address,
        slot: U256,
        skip_cold: bool,
    ) -> Result<SlotLoad, HostError> {
        let load = self.inner.slot(address, slot, skip_cold)?;
        self.trace.push(Access::Slot(address, slot));
        Ok(load)
    }

    fn set_slot(&mut self, address: Address, slot: U256, value: U256) -> Result<(), HostFailure> {
        let before = self.inner.peek(address, slot);
        self.before.entry((address, slot)).or_insert(before);
        self.write(Access::SetSlot(address, slot, value));
        self.inner.set_slot(address, slot, value)
    }

    fn account(&mut self, address: Address, skip_cold: bool) -> Result<AccountLoad, HostError> {
        let load = self.inner.account(address, skip_cold)?;
        self.trace.push(Access::Account(address));
        Ok(load)
    }

    fn code(&mut self, address: Address) -> Result<Bytes, HostFailure> {
        self.trace.push(Access::Code(address));
        self.inner.code(address)
    }

    fn create(&mut self, address: Address, nonce: u64, code: Bytes) -> Result<(), HostFailure> {
        self.created.push(address);
        self.write(Access::Create(address, code.clone()));
        self.inner.create(address, nonce, code)
    }

    fn log(&mut self, log: Log) {
        self.write(Access::Log(log.clone()));
        self.inner.log(log);
    }

    fn block_number(&self) -> u64 {
        self.inner.block_number()
    }

    fn timestamp(&self) -> u64 {
        self.inner.timestamp()
    }

    fn chain_id(&self) -> u64 {
        self.inner.chain_id()
    }
}

/// Inputs that reach each case: as it is, with little gas, and with all of its bytes in the input.
pub(crate) fn seeds(address: Address) -> Vec<Vec<u8>> {
    let plain = |number: usize, flags: u8, gas: u32| {
        let mut seed = vec![number as u8, flags];
        seed.extend(gas.to_le_bytes());
        seed.push(0);
        seed
    };
    let mut seeds = Vec::new();
    for (number, template) in templates(address).enumerate() {
        seeds.push(plain(number, 0, 0));
        if template.data.len() <= 2_048 {
            seeds.push([plain(number, RAW, 0), template.data.clone()].concat());
        }
    }
    let mut damaged = plain(0, LATER, 0);
    damaged[6] = 1;
    damaged.extend([1, 0, 30, 7, 70, 0, 1]);
    seeds.push(damaged);
    seeds.push(plain(1, STATIC, 50_000));
    seeds.push(plain(1, VALUE, 50_000));
    seeds.push(plain(1, DELEGATED, 50_000));
    seeds.push(plain(0, TIMELOCK, 50_000));
    seeds
}

/// How a seed of the case itself ends: for the test that the seeds reach what lies behind the checks.
pub(crate) fn outcome(address: Address, seed: &[u8]) -> Option<Outcome> {
    let input = Input::read(address, seed)?;
    let calldata = input.calldata();
    let call = CallInput {
        code_address: address,
        target_address: address,
        caller: cases::WHO,
        value: U256::ZERO,
        is_static: false,
        data: &calldata,
        gas: GAS_MAX,
    };
    observe(&input.host(), &call).0
}
