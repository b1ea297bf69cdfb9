//! Files as PEFT writes them, by the crate that its format is defined with.

use super::*;
use safetensors::{Dtype, serialize, tensor::TensorView};
use std::{collections::HashMap, time::Instant};

/// Modules of a Llama-like model.
fn llama(scale: u32) -> Base {
    let (hidden, inner, grouped) = (4 * scale, 11 * scale, scale);
    let modules = [
        ("self_attn.q_proj", hidden, hidden),
        ("self_attn.k_proj", hidden, grouped),
        ("self_attn.v_proj", hidden, grouped),
        ("self_attn.o_proj", hidden, hidden),
        ("mlp.gate_proj", hidden, inner),
        ("mlp.up_proj", hidden, inner),
        ("mlp.down_proj", inner, hidden),
    ];
    let modules = modules.map(|(path, a, b)| module(path, a, b));
    base(32, 0, modules.to_vec())
}

/// An adapter file with PEFT's names and metadata, and data that isn't all zero.
fn file(base: &Base, layers: u16, rank: u16, dtype: Dtype, size: usize) -> Vec<u8> {
    let mut shapes = Vec::new();
    for layer in 0..layers {
        for module in &base.modules {
            let path = String::from_utf8(module.path.to_vec()).unwrap();
            let (a, b) = (module.inDim as usize, module.outDim as usize);
            let rank = usize::from(rank);
            for (factor, shape) in [("A", vec![rank, a]), ("B", vec![b, rank])] {
                shapes.push((
                    format!("{PREFIX}{layer}.{path}.lora_{factor}.weight"),
                    shape,
                ));
            }
        }
    }
    let longest = shapes
        .iter()
        .map(|(_, shape)| shape[0] * shape[1])
        .max()
        .unwrap();
    let data: Vec<u8> = (0..longest * size).map(|i| (i * 31 % 251) as u8).collect();
    let views: Vec<_> = shapes
        .into_iter()
        .map(|(name, shape)| {
            let len = shape[0] * shape[1] * size;
            (name, TensorView::new(dtype, shape, &data[..len]).unwrap())
        })
        .collect();
    let metadata = HashMap::from([("format".to_string(), "pt".to_string())]);
    serialize(views, Some(metadata)).unwrap()
}

fn split(file: &[u8]) -> (&[u8], &[u8]) {
    let length = u64::from_le_bytes(file[..8].try_into().unwrap()) as usize;
    file.split_at(8 + length)
}

fn draft_of_file(id: u64, base: &Base, file: &[u8], layers: u16, rank: u16, dtype: u8) -> Draft {
    let (header, data) = split(file);
    let chunks: Vec<B256> = (0..)
        .zip(data.chunks(1 << 16))
        .map(|(index, chunk)| merkle::leaf(index, chunk))
        .collect();
    let mask = (1 << base.modules.len()) - 1;
    draft_for(id, base, mask, 0..layers, rank, 0)
        .with(|adapter| {
            adapter.dtype = dtype;
            adapter.dataLen = data.len() as u64;
            adapter.chunkLog2 = 16;
            adapter.dataRoot = merkle::root(&chunks).unwrap();
        })
        .header(header.to_vec())
}

#[test]
fn files_of_every_data_type_register_and_their_chunks_verify() {
    let mut world = World::new();
    let base = llama(16);
    let id = register_base(&mut world, base.clone());
    for (number, (dtype, size)) in [(Dtype::F32, 4), (Dtype::F16, 2), (Dtype::BF16, 2)]
        .into_iter()
        .enumerate()
    {
        let file = file(&base, 3, 4, dtype, size);
        let draft = draft_of_file(id, &base, &file, 3, 4, number as u8);
        let adapter = register(&mut world, &draft).unwrap();
        let params: u64 = base
            .modules
            .iter()
            .map(|module| u64::from(module.inDim + module.outDim))
            .sum();
        assert_eq!(get(&mut world, adapter).params, 3 * 4 * params);
        let (_, data) = split(&file);
        let leaves: Vec<B256> = (0..)
            .zip(data.chunks(1 << 16))
            .map(|(index, chunk)| merkle::leaf(index, chunk))
            .collect();
        for (index, chunk) in data.chunks(1 << 16).enumerate() {
            let call = verifyChunkCall {
                id: adapter,
                idx: index as u64,
                chunk: chunk.to_vec().into(),
                proof: merkle::proof(&leaves, index).unwrap(),
            };
            assert!(view(&mut world, &call));
        }
    }
}

/// A whole model's adapter: seven modules, 32 layers.
#[test]
fn seven_modules_and_32_layers_register_within_20_ms() {
    let mut world = World::new();
    let base = llama(1_024);
    let id = register_base(&mut world, base.clone());
    let draft = draft_for(id, &base, 0x7f, 0..32, 16, 1);
    commit(&mut world, draft.commitment());
    world.skip_blocks(2);
    let data = draft.call().abi_encode();
    let before = world.host.clone();
    let best = (0..10)
        .map(|_| {
            world.host = before.clone();
            let start = Instant::now();
            let outcome = world.run(input(LORA, DEVELOPER, &data));
            let elapsed = start.elapsed();
            assert!(matches!(outcome, Outcome::Success { .. }));
            elapsed
        })
        .min()
        .unwrap();
    println!(
        "{} bytes of header, {} gas, {best:?}",
        draft.header.len(),
        world.gas_used
    );
    assert!(best.as_millis() < 20, "{best:?}");
}

/// What PEFT writes for features that the registry doesn't support.
#[test]
fn other_kinds_of_adapters_are_refused_by_name() {
    let mut world = World::new();
    let base = llama(16);
    let id = register_base(&mut world, base.clone());
    let zeros = vec![0u8; 4_096];
    let refuse = |world: &mut World, name: &str, shape: Vec<usize>, rank_of_first: usize| {
        let mut views = Vec::new();
        for (index, module) in base.modules.iter().enumerate() {
            let path = String::from_utf8(module.path.to_vec()).unwrap();
            let rank = if index == 0 { rank_of_first } else { 2 };
            let (a, b) = (module.inDim as usize, module.outDim as usize);
            for (factor, shape) in [("A", vec![rank, a]), ("B", vec![b, rank])] {
                let len = shape[0] * shape[1] * 2;
                let view = TensorView::new(Dtype::BF16, shape, &zeros[..len]).unwrap();
                views.push((format!("{PREFIX}0.{path}.lora_{factor}.weight"), view));
            }
        }
        if !name.is_empty() {
            let len = shape.iter().product::<usize>() * 2;
            let view = TensorView::new(Dtype::BF16, shape, &zeros[..len]).unwrap();
            views.push((name.to_string(), view));
        }
        let metadata = HashMap::from([("format".to_string(), "pt".to_string())]);
        let file = serialize(views, Some(metadata)).unwrap();
        let draft = draft_of_file(id, &base, &file, 1, 2, 2);
        register(world, &draft).map_err(|data| data[..4].to_vec())
    };
    let magnitude = format!("{PREFIX}0.self_attn.q_proj.lora_magnitude_vector");
    for (name, shape, rank, error) in [
        (
            magnitude.as_str(),
            vec![64],
            2,
            selector::<DoraUnsupported>(),
        ),
        (
            "base_model.model.score.weight",
            vec![2, 64],
            2,
            selector::<ModulesToSaveUnsupported>(),
        ),
        (
            "base_model.model.score.modules_to_save.default.weight",
            vec![2, 64],
            2,
            selector::<ModulesToSaveUnsupported>(),
        ),
        ("", vec![], 4, selector::<RankPatternUnsupported>()),
    ] {
        assert_eq!(
            refuse(&mut world, name, shape, rank),
            Err(error.to_vec()),
            "{name}"
        );
    }
    assert!(refuse(&mut world, "", vec![], 2).is_ok());
}
