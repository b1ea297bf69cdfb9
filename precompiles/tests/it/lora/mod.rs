//! The registry as a contract calls it.

mod bases;
mod claims;
mod common;
mod files;
mod headers;
mod lineage;
mod rules;
mod status;
mod training;

use crate::world::{GAS, World, input, refused};
use alloy_primitives::{Address, B256, Bytes, U256, keccak256, uint};
use alloy_sol_types::{SolCall, SolError, SolEvent, SolValue};
use openledger_precompiles::{
    CommonErrors, LORA, Outcome,
    lora::{
        ILoraRegistry::{Adapter, Base, Module, Share, Train, *},
        LoraErrors::*,
        signature::digest,
    },
    merkle,
};
use openledger_primitives::predeploys::PARAMETER_TIMELOCK;
use proptest::prelude::*;

pub(crate) const DEVELOPER: Address = Address::repeat_byte(0xde);
pub(crate) const OTHER: Address = Address::repeat_byte(0x07);
pub(crate) const PREFIX: &str = "base_model.model.model.layers.";

/// An adapter with its header and its commitment's salt.
#[derive(Clone)]
pub(crate) struct Draft {
    pub(crate) adapter: Adapter,
    pub(crate) header: Vec<u8>,
    pub(crate) salt: B256,
}

/// A module of this path and these dimensions.
pub(crate) fn module(path: &str, in_dim: u32, out_dim: u32) -> Module {
    Module {
        path: path.as_bytes().to_vec().into(),
        inDim: in_dim,
        outDim: out_dim,
    }
}

/// A base of four layers and two modules.
pub(crate) fn small_base(abs_bps: u16) -> Base {
    base(
        4,
        abs_bps,
        vec![
            module("self_attn.q_proj", 16, 16),
            module("self_attn.v_proj", 16, 8),
        ],
    )
}

pub(crate) fn base(layers: u16, abs_bps: u16, modules: Vec<Module>) -> Base {
    Base {
        nameHash: keccak256("name"),
        configHash: keccak256("config"),
        namePrefix: PREFIX.as_bytes().to_vec().into(),
        layers,
        modules,
        licence: keccak256("licence"),
        absBps: abs_bps,
    }
}

/// The header that PEFT would write for targets of a base, in the order of layers, and the length of its
/// data.
pub(crate) fn header_of(
    base: &Base,
    mask: u32,
    layers: core::ops::Range<u16>,
    rank: u16,
    dtype: u8,
) -> (Vec<u8>, u64) {
    let (name, size) = [("F32", 4), ("F16", 2), ("BF16", 2)][usize::from(dtype)];
    let prefix = String::from_utf8(base.namePrefix.to_vec()).unwrap();
    let (mut entries, mut offset) = (vec![r#""__metadata__":{"format":"pt"}"#.to_string()], 0u64);
    for layer in layers {
        for (index, module) in base.modules.iter().enumerate() {
            if mask >> index & 1 == 0 {
                continue;
            }
            let path = String::from_utf8(module.path.to_vec()).unwrap();
            let (rank, a, b) = (u32::from(rank), module.inDim, module.outDim);
            for (factor, rows, columns) in [("A", rank, a), ("B", b, rank)] {
                let end = offset + u64::from(rows) * u64::from(columns) * size;
                entries.push(format!(
                    r#""{prefix}{layer}.{path}.lora_{factor}.weight":{{"dtype":"{name}","shape":[{rows},{columns}],"data_offsets":[{offset},{end}]}}"#
                ));
                offset = end;
            }
        }
    }
    let mut json = format!("{{{}}}", entries.join(","));
    json.push_str(&" ".repeat(json.len().next_multiple_of(8) - json.len()));
    (wrap(&json), offset)
}

pub(crate) fn wrap(json: &str) -> Vec<u8> {
    [&(json.len() as u64).to_le_bytes()[..], json.as_bytes()].concat()
}

/// A draft for one module in one layer of [`small_base`], with data of its own.
pub(crate) fn draft(base: u64, seed: u64) -> Draft {
    draft_for(base, &small_base(0), 0b01, 0..1, 4, seed)
}

pub(crate) fn draft_for(
    id: u64,
    base: &Base,
    mask: u32,
    layers: core::ops::Range<u16>,
    rank: u16,
    seed: u64,
) -> Draft {
    let (header, data_len) = header_of(base, mask, layers.clone(), rank, 2);
    Draft {
        adapter: Adapter {
            base: id,
            rank,
            alpha: 16,
            moduleMask: mask,
            layerFrom: layers.start,
            layerTo: layers.end,
            dtype: 2,
            headerHash: keccak256(&header),
            dataRoot: keccak256(seed.to_be_bytes()),
            dataLen: data_len,
            chunkLog2: 12,
            train: vec![],
            parents: vec![],
            licence: keccak256("adapter licence"),
            absBps: 0,
            developer: DEVELOPER,
            version: 1,
            supersedes: 0,
        },
        header,
        salt: B256::repeat_byte(0x5a),
    }
}

impl Draft {
    pub(crate) fn parents(mut self, parents: &[(u64, u16)]) -> Self {
        self.adapter.parents = parents
            .iter()
            .map(|(id, rel)| Share {
                id: *id,
                relBps: *rel,
            })
            .collect();
        self
    }

    pub(crate) fn with(mut self, change: impl FnOnce(&mut Adapter)) -> Self {
        change(&mut self.adapter);
        self
    }

    /// With another header, whose hash is declared.
    pub(crate) fn header(mut self, header: Vec<u8>) -> Self {
        self.adapter.headerHash = keccak256(&header);
        self.header = header;
        self
    }

    pub(crate) fn commitment(&self) -> B256 {
        let adapter = &self.adapter;
        let preimage = (
            adapter.developer,
            adapter.headerHash,
            adapter.dataRoot,
            self.salt,
        );
        keccak256(preimage.abi_encode())
    }

    pub(crate) fn call(&self) -> registerAdapterCall {
        registerAdapterCall {
            adapter: self.adapter.clone(),
            header: self.header.clone().into(),
            salt: self.salt,
        }
    }
}

type Answer<T> = Result<T, Vec<u8>>;

pub(crate) fn call<C: SolCall>(
    world: &mut World,
    from: Address,
    arguments: &C,
) -> Answer<C::Return> {
    world.call(LORA, from, arguments)
}

pub(crate) fn view<C: SolCall>(world: &mut World, arguments: &C) -> C::Return {
    let data = arguments.abi_encode();
    let mut input = input(LORA, OTHER, &data);
    input.is_static = true;
    match world.run(input) {
        Outcome::Success { output, .. } => C::abi_decode_returns_validate(&output).unwrap(),
        outcome => panic!("{outcome:?}"),
    }
}

pub(crate) fn register_base(world: &mut World, base: Base) -> u64 {
    call(world, PARAMETER_TIMELOCK, &registerBaseCall { base }).unwrap()
}

pub(crate) fn commit(world: &mut World, h: B256) {
    call(world, OTHER, &commitAdapterCall { h }).unwrap();
}

/// Commits, waits and registers.
pub(crate) fn register(world: &mut World, draft: &Draft) -> Answer<u64> {
    commit(world, draft.commitment());
    world.skip_blocks(2);
    call(world, draft.adapter.developer, &draft.call())
}

pub(crate) fn get(world: &mut World, id: u64) -> getReturn {
    view(world, &getCall { id })
}

pub(crate) fn world_with_base() -> (World, u64) {
    let mut world = World::new();
    let id = register_base(&mut world, small_base(0));
    (world, id)
}

pub(crate) const SIGNER: Address =
    alloy_primitives::address!("7E5F4552091A69125d5DfCb7b8C2659029395Bdf");

/// A signature with the private key 1 and the nonce 1, whose point is the generator.
pub(crate) fn sign(digest: B256) -> [u8; 65] {
    let order = uint!(0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141_U256);
    let r = uint!(0x79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798_U256);
    let s = U256::from_be_bytes(digest.0).add_mod(r, order);
    let (s, v) = if s > order >> 1 {
        (order - s, 28)
    } else {
        (s, 27)
    };
    let mut signature = [v; 65];
    signature[..32].copy_from_slice(&r.to_be_bytes::<32>());
    signature[32..64].copy_from_slice(&s.to_be_bytes::<32>());
    signature
}

pub(crate) fn signed(
    world: &World,
    draft: &Draft,
    nonce: u64,
    deadline: u64,
) -> registerAdapterForCall {
    let (nonce, deadline) = (U256::from(nonce), U256::from(deadline));
    let digest = digest(
        world.host.chain_id,
        keccak256(draft.adapter.abi_encode()),
        draft.adapter.headerHash,
        nonce,
        deadline,
    );
    registerAdapterForCall {
        adapter: draft.adapter.clone(),
        header: draft.header.clone().into(),
        salt: draft.salt,
        nonce,
        deadline,
        sig: sign(digest).into(),
    }
}

/// An error's selector.
pub(crate) fn selector<E: alloy_sol_types::SolError>() -> [u8; 4] {
    E::SELECTOR
}
