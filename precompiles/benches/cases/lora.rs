use super::{Access::Warm, Case, HASH, WHO, World, sketch};
use alloc::{format, string::String, vec, vec::Vec};
use alloy_primitives::{Address, B256, Bytes, U256, address, keccak256, uint};
use alloy_sol_types::{SolCall, SolValue};
use core::fmt::Write as _;
use openledger_precompiles::{
    LORA, PAGE_PAYLOAD_MAX,
    lora::{
        HEADER_LEN_MAX,
        ILoraRegistry::{Adapter, Base, Module, Share, Train, *},
        UPLOAD_LEN_MAX, signature,
    },
    merkle,
    sketch::space,
};

pub(super) const CASES: &[(&str, fn() -> Case)] = &[
    ("registerBase, 32 modules", || {
        Case::write(
            World::new(),
            LORA,
            &registerBaseCall {
                base: wide_base(64),
            },
        )
    }),
    ("commitAdapter", || {
        Case::write(World::new(), LORA, &commitAdapterCall { h: HASH })
    }),
    ("uploadHeader, a page", || {
        let upload = uploadHeaderCall {
            headerHash: HASH,
            part: 0,
            chunk: vec![b' '; PAGE_PAYLOAD_MAX].into(),
        };
        Case::write(World::new(), LORA, &upload)
    }),
    ("registerAdapter, 7 modules, 32 layers", || {
        let modules = [
            "self_attn.q_proj",
            "self_attn.k_proj",
            "self_attn.v_proj",
            "self_attn.o_proj",
            "mlp.gate_proj",
            "mlp.up_proj",
            "mlp.down_proj",
        ];
        let modules = modules.map(|path| module(path, 4_096, 4_096));
        let base = base("base_model.model.model.layers.", 32, modules.to_vec());
        register(base, 32)
    }),
    ("registerAdapter, the longest header in calldata", || {
        // Short names and dimensions, so that there are many tensors.
        let base = wide_base(2);
        let layers = layers_within(&base, HEADER_LEN_MAX);
        register(base, layers)
    }),
    ("registerAdapter, most metadata in calldata", || {
        let mut json = String::from(r#"{"__metadata__":{"#);
        let mut key = 0u16;
        while json.len() < HEADER_LEN_MAX - 200 {
            // Keys in no order, so that sorting them is work; an odd factor keeps them distinct.
            let _ = write!(json, r#""{:x}":"","#, key.wrapping_mul(0x9E37));
            key += 1;
        }
        json.pop();
        json.push_str("},");
        let base = base("", 1, vec![module("a", 1, 1)]);
        let tail = header_json(&base, 1);
        json.push_str(&tail[1..]);
        with_header(base, 1, wrap(&json)).0
    }),
    ("registerAdapter, the longest header uploaded", || {
        let base = wide_base(2);
        let layers = layers_within(&base, UPLOAD_LEN_MAX);
        let (mut case, header) =
            with_header(base.clone(), layers, wrap(&header_json(&base, layers)));
        for (part, chunk) in (0u32..).zip(header.chunks(PAGE_PAYLOAD_MAX)) {
            let upload = uploadHeaderCall {
                headerHash: keccak256(&header),
                part,
                chunk: chunk.to_vec().into(),
            };
            case.world.call(LORA, &upload);
        }
        let mut call = registerAdapterCall::abi_decode(&case.data).expect("well-formed");
        call.header = Bytes::new();
        case.data = call.abi_encode();
        case
    }),
    ("registerAdapterFor, another's signature", || {
        let (base, mut world) = small_world();
        let adapter = adapter(&base, 1, 1, &wrap(&header_json(&base, 1)), 1);
        world.call(LORA, &registerBaseCall { base });
        let call = signed(&world, adapter, Bytes::new());
        // It is refused before it writes: the adapter names someone else.
        Case::view(world, LORA, &call, Warm).refused()
    }),
    ("verifyChunk, 130,000 bytes", || {
        // One chunk, shorter than its size allows; a whole one doesn't fit in the calldata.
        let mut world = World::new();
        let base = base("", 1, vec![module("a", 32_000, 500)]);
        let header = wrap(&header_json(&base, 1));
        let mut adapter = adapter(&base, 1, 1, &header, 1);
        world.call(LORA, &registerBaseCall { base });
        let chunk = vec![7; 130_000];
        adapter.chunkLog2 = 17;
        adapter.dataRoot = merkle::leaf(0, &chunk);
        let id = register_in(&mut world, &adapter, &header);
        let verify = verifyChunkCall {
            id,
            idx: 0,
            chunk: chunk.into(),
            proof: vec![],
        };
        Case::view(world, LORA, &verify, Warm)
    }),
    ("registerAdapter, one tensor pair", || {
        register(base("", 1, vec![module("a", 1, 1)]), 1)
    }),
    ("registerAdapter, a parent and a training set", || {
        let (base, mut world) = small_world();
        let header = wrap(&header_json(&base, 1));
        sketch::seal_embeddings(&mut world, 1);
        world.call(LORA, &registerBaseCall { base: base.clone() });
        let mut adapter = adapter(&base, 1, 1, &header, 1);
        adapter.parents = vec![Share { id: 1, relBps: 9 }];
        adapter.train = vec![Train {
            datanet: space(WHO, sketch::datanet(0)),
            sketchSet: 1,
            spanIndex: 0,
            weightBps: 10_000,
        }];
        commit(&mut world, &adapter);
        world.skip_blocks(2);
        let register = registerAdapterCall {
            adapter,
            header: header.into(),
            salt: B256::ZERO,
        };
        Case::write(world, LORA, &register)
    }),
    ("registerAdapterFor", || {
        let (base, mut world) = small_world();
        let header = wrap(&header_json(&base, 1));
        let mut adapter = adapter(&base, 1, 1, &header, 1);
        adapter.developer = SIGNER;
        world.call(LORA, &registerBaseCall { base });
        commit(&mut world, &adapter);
        world.skip_blocks(2);
        let register = signed(&world, adapter, header.into());
        Case::write(world, LORA, &register)
    }),
    ("setStatus", || {
        let status = setStatusCall { id: 17, status: 1 };
        Case::write(deepest(), LORA, &status)
    }),
    ("nonces", || {
        let nonces = noncesCall { developer: WHO };
        Case::view(World::new(), LORA, &nonces, Warm)
    }),
    ("verifyChunk, 3 siblings", || {
        let mut world = World::new();
        let base = base("", 1, vec![module("a", 4_000, 4_000)]);
        let header = wrap(&header_json(&base, 1));
        let mut adapter = adapter(&base, 1, 1, &header, 1);
        world.call(LORA, &registerBaseCall { base });
        let data: Vec<u8> = (0..32_000u32).map(|at| at as u8).collect();
        let leaves: Vec<B256> = (0..)
            .zip(data.chunks(4_096))
            .map(|(index, chunk)| merkle::leaf(index, chunk))
            .collect();
        adapter.dataRoot = merkle::root(&leaves).expect("there are chunks");
        let verify = verifyChunkCall {
            id: register_in(&mut world, &adapter, &header),
            idx: 7,
            chunk: data[7 * 4_096..].to_vec().into(),
            proof: merkle::proof(&leaves, 7).expect("there are eight"),
        };
        Case::view(world, LORA, &verify, Warm)
    }),
    ("get, 8 parents, 16 training sets", || {
        Case::view(widest(true), LORA, &getCall { id: WIDEST }, Warm)
    }),
    ("lineage, depth 16", || {
        Case::view(deepest(), LORA, &lineageCall { id: 17 }, Warm)
    }),
    ("lineage, 256 ancestors", || {
        Case::view(widest(false), LORA, &lineageCall { id: WIDEST }, Warm)
    }),
    ("isAncestor, 256 ancestors", || {
        let call = isAncestorCall {
            node: WIDEST,
            anc: 1,
        };
        Case::view(widest(false), LORA, &call, Warm)
    }),
    ("royaltyFlow, depth 16", || {
        let call = royaltyFlowCall {
            node: 17,
            amount: U256::MAX,
        };
        Case::view(deepest(), LORA, &call, Warm)
    }),
    ("royaltyFlow, 256 ancestors, 8 parents each", || {
        let call = royaltyFlowCall {
            node: WIDEST,
            amount: U256::MAX,
        };
        Case::view(widest(false), LORA, &call, Warm)
    }),
    ("flattenDatanets, depth 16", || {
        Case::view(deepest(), LORA, &flattenDatanetsCall { id: 17 }, Warm)
    }),
    ("flattenDatanets, 256 ancestors, 16 sets each", || {
        Case::view(
            widest(true),
            LORA,
            &flattenDatanetsCall { id: WIDEST },
            Warm,
        )
    }),
    ("isAncestor, depth 16", || {
        let call = isAncestorCall { node: 17, anc: 1 };
        Case::view(deepest(), LORA, &call, Warm)
    }),
    ("get, depth 16", || {
        Case::view(deepest(), LORA, &getCall { id: 17 }, Warm)
    }),
    ("statusOf", || {
        Case::view(deepest(), LORA, &statusOfCall { id: 17 }, Warm)
    }),
    ("byBase, 16 adapters", || {
        let call = byBaseCall {
            base: 1,
            cursor: 0,
            n: 16,
        };
        Case::view(deepest(), LORA, &call, Warm)
    }),
    ("byBase, 256 adapters", || {
        let call = byBaseCall {
            base: 1,
            cursor: 0,
            n: u16::MAX,
        };
        Case::view(widest(false), LORA, &call, Warm)
    }),
];

/// The last node of [`widest`].
const WIDEST: u64 = 257;

fn module(path: &str, in_dim: u32, out_dim: u32) -> Module {
    Module {
        path: path.as_bytes().to_vec().into(),
        inDim: in_dim,
        outDim: out_dim,
    }
}

pub(super) fn base(prefix: &str, layers: u16, modules: Vec<Module>) -> Base {
    Base {
        nameHash: HASH,
        configHash: HASH,
        namePrefix: prefix.as_bytes().to_vec().into(),
        layers,
        modules,
        licence: HASH,
        absBps: 0,
    }
}

/// 32 modules whose paths have `len` bytes and differ at their ends.
fn wide_base(len: usize) -> Base {
    let modules = (0..32u8).map(|index| {
        let mut path = "a".repeat(len - 1);
        path.push(char::from(b'A' + index));
        // `[` to `` ` `` are fine, but for the backslash.
        module(&path.replace('\\', "z"), 1, 1)
    });
    base("", 512, modules.collect())
}

/// What a file of F32 tensors of rank 1 declares, in the order of layers.
fn header_json(base: &Base, layers: u16) -> String {
    let text = |bytes: &Bytes| String::from_utf8_lossy(bytes).into_owned();
    let prefix = text(&base.namePrefix);
    let (mut entries, mut offset) = (Vec::new(), 0u64);
    for layer in 0..layers {
        for module in &base.modules {
            let path = text(&module.path);
            for (factor, rows, columns) in [("A", 1, module.inDim), ("B", module.outDim, 1)] {
                let end = offset + 4 * u64::from(rows) * u64::from(columns);
                entries.push(format!(
                    r#""{prefix}{layer}.{path}.lora_{factor}.weight":{{"dtype":"F32","shape":[{rows},{columns}],"data_offsets":[{offset},{end}]}}"#
                ));
                offset = end;
            }
        }
    }
    format!("{{{}}}", entries.join(","))
}

/// Most layers whose header has at most `max` bytes.
fn layers_within(base: &Base, max: usize) -> u16 {
    let mut layers = 1;
    // A layer's part grows with its number: what the last one has, the next one has at least.
    while wrap(&header_json(base, layers + 1)).len() <= max {
        layers += 1;
    }
    layers
}

fn wrap(json: &str) -> Vec<u8> {
    [&(json.len() as u64).to_le_bytes()[..], json.as_bytes()].concat()
}

fn adapter(base: &Base, id: u64, layers: u16, header: &[u8], number: u64) -> Adapter {
    let dimensions: u64 = base
        .modules
        .iter()
        .map(|module| u64::from(module.inDim) + u64::from(module.outDim))
        .sum();
    Adapter {
        base: id,
        rank: 1,
        alpha: 16,
        moduleMask: u32::MAX >> (32 - base.modules.len()),
        layerFrom: 0,
        layerTo: layers,
        dtype: 0,
        headerHash: keccak256(header),
        dataRoot: keccak256(number.to_be_bytes()),
        dataLen: 4 * u64::from(layers) * dimensions,
        chunkLog2: 12,
        train: vec![],
        parents: vec![],
        licence: HASH,
        absBps: 0,
        developer: WHO,
        version: 1,
        supersedes: 0,
    }
}

fn commit(world: &mut World, adapter: &Adapter) {
    let preimage = (
        adapter.developer,
        adapter.headerHash,
        adapter.dataRoot,
        B256::ZERO,
    );
    let commit = commitAdapterCall {
        h: keccak256(preimage.abi_encode()),
    };
    world.call(LORA, &commit);
}

/// Commits, waits, registers.
fn register_in(world: &mut World, adapter: &Adapter, header: &[u8]) -> u64 {
    commit(world, adapter);
    world.skip_blocks(2);
    let register = registerAdapterCall {
        adapter: adapter.clone(),
        header: header.to_vec().into(),
        salt: B256::ZERO,
    };
    world.call(LORA, &register)
}

/// Registering an adapter of all modules and these layers of a base.
fn register(base: Base, layers: u16) -> Case {
    let header = wrap(&header_json(&base, layers));
    with_header(base, layers, header).0
}

fn with_header(base: Base, layers: u16, header: Vec<u8>) -> (Case, Vec<u8>) {
    let mut world = World::new();
    let adapter = adapter(&base, 1, layers, &header, 1);
    world.call(LORA, &registerBaseCall { base });
    commit(&mut world, &adapter);
    world.skip_blocks(2);
    let register = registerAdapterCall {
        adapter,
        header: header.clone().into(),
        salt: B256::ZERO,
    };
    (Case::write(world, LORA, &register), header)
}

fn small_world() -> (Base, World) {
    (base("", 1, vec![module("a", 1, 1)]), World::new())
}

/// How many adapters each layer of [`widest`] has, from the base up; together 255, so that the last has
/// 256 ancestors and depth 16.
const LAYERS: [u64; 15] = [13, 18, 18, 18, 18, 18, 18, 18, 18, 18, 18, 18, 18, 18, 8];

/// A base and 256 adapters in layers, each with eight parents in the layer below, so that the last, which is
/// [`WIDEST`], descends from all. With `trains` each declares sixteen training sets.
fn widest(trains: bool) -> World {
    let (base, mut world) = small_world();
    let header = wrap(&header_json(&base, 1));
    if trains {
        sketch::seal_embeddings(&mut world, 16);
    }
    world.call(LORA, &registerBaseCall { base: base.clone() });
    let (mut id, mut below) = (2, 1..2);
    for size in LAYERS.into_iter().chain([1]) {
        let layer = id..id + size;
        for place in 0..size {
            let mut adapter = adapter(&base, 1, 1, &header, id);
            let width = below.end - below.start;
            adapter.parents = (0..width.min(8))
                .map(|step| Share {
                    id: below.start + (2 * place + step) % width,
                    relBps: 1_249,
                })
                .collect();
            if trains {
                adapter.train = (0..16)
                    .map(|index| Train {
                        datanet: space(WHO, sketch::datanet(index)),
                        sketchSet: 1 + u64::from(index),
                        spanIndex: 0,
                        weightBps: 625,
                    })
                    .collect();
            }
            register_in(&mut world, &adapter, &header);
            id += 1;
        }
        below = layer;
    }
    world
}

/// A base and sixteen adapters in a row.
fn deepest() -> World {
    let (base, mut world) = small_world();
    let header = wrap(&header_json(&base, 1));
    world.call(LORA, &registerBaseCall { base: base.clone() });
    for id in 2..=17 {
        let mut adapter = adapter(&base, 1, 1, &header, id);
        adapter.parents = vec![Share {
            id: id - 1,
            relBps: 5_000,
        }];
        register_in(&mut world, &adapter, &header);
    }
    world
}

/// What has the private key 1.
const SIGNER: Address = address!("7E5F4552091A69125d5DfCb7b8C2659029395Bdf");

/// Registering an adapter with [`SIGNER`]'s first signature.
fn signed(world: &World, adapter: Adapter, header: Bytes) -> registerAdapterForCall {
    let digest = signature::digest(
        world.host.chain_id,
        keccak256(adapter.abi_encode()),
        adapter.headerHash,
        U256::ZERO,
        U256::MAX,
    );
    registerAdapterForCall {
        adapter,
        header,
        salt: B256::ZERO,
        nonce: U256::ZERO,
        deadline: U256::MAX,
        sig: sign(digest).to_vec().into(),
    }
}

/// A signature with the private key 1 and the nonce 1, whose point is the generator.
fn sign(digest: B256) -> [u8; 65] {
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
