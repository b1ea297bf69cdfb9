use super::{super::safetensors::parse, *};
use alloc::{format, string::String};
use proptest::prelude::*;

const PREFIX: &str = "base_model.model.model.layers.";

fn targets() -> Vec<Target> {
    [
        ("self_attn.q_proj", 0, 16, 16),
        ("self_attn.v_proj", 3, 16, 8),
    ]
    .map(|(path, module, in_dim, out_dim)| Target {
        module,
        path: path.into(),
        in_dim,
        out_dim,
    })
    .to_vec()
}

fn expected(targets: &[Target]) -> Expected<'_> {
    Expected {
        prefix: PREFIX.as_bytes(),
        layer_from: 1,
        layer_to: 3,
        targets,
        rank: 4,
        dtype: Dtype::F16,
        data_len: 2 * 2 * 4 * (32 + 24),
    }
}

/// A tensor's name, data type, shape and size in bytes.
type Entry = (String, &'static str, Vec<u64>, u64);

fn entries() -> Vec<Entry> {
    let mut entries = Vec::new();
    for layer in 1..3 {
        for target in targets() {
            let path = String::from_utf8(target.path).unwrap();
            let name = format!("{PREFIX}{layer}.{path}");
            let (a, b) = (u64::from(target.in_dim), u64::from(target.out_dim));
            entries.push((format!("{name}.lora_A.weight"), "F16", vec![4, a], 8 * a));
            entries.push((format!("{name}.lora_B.weight"), "F16", vec![b, 4], 8 * b));
        }
    }
    entries
}

/// A header with `entries` one behind the other in the data.
fn header(entries: &[Entry]) -> Vec<u8> {
    let mut offset = 0;
    let tensors: Vec<_> = entries
        .iter()
        .map(|(name, dtype, shape, size)| {
            let begin = offset;
            offset += size;
            let shape: Vec<_> = shape.iter().map(|value| format!("{value}")).collect();
            format!(
                "\"{name}\":{{\"dtype\":\"{dtype}\",\"shape\":[{}],\"data_offsets\":[{begin},{offset}]}}",
                shape.join(",")
            )
        })
        .collect();
    wrap(&format!("{{{}}}", tensors.join(",")))
}

fn wrap(json: &str) -> Vec<u8> {
    [&(json.len() as u64).to_le_bytes()[..], json.as_bytes()].concat()
}

fn check_header(header: &[u8]) -> Result<(), TensorError> {
    let targets = targets();
    check(&parse(header).unwrap(), &expected(&targets))
}

/// Where a tensor's name begins in a header.
fn at(header: &[u8], name: &str) -> u32 {
    let name = format!("\"{name}\"");
    header
        .windows(name.len())
        .position(|window| window == name.as_bytes())
        .unwrap() as u32
}

#[test]
fn the_declared_set_is_accepted() {
    assert_eq!(check_header(&header(&entries())), Ok(()));
}

proptest! {
    #[test]
    fn the_order_of_tensors_and_of_their_data_is_free(entries in Just(entries()).prop_shuffle()) {
        prop_assert_eq!(check_header(&header(&entries)), Ok(()));
    }

    /// Any change of one tensor is refused.
    #[test]
    fn anything_else_is_refused(
        which in 0usize..8,
        kind in 0usize..6,
    ) {
        let mut entries = entries();
        let entry = &mut entries[which];
        match kind {
            0 => entry.0 = entry.0.replace("layers.", "layers.1"),
            1 => entry.1 = "BF16",
            2 => entry.2.reverse(),
            3 => entry.2[0] += 1,
            4 => entry.3 += 1,
            _ => { entries.remove(which); }
        }
        // Reversing a square shape would change nothing; there is none.
        prop_assert!(check_header(&header(&entries)).is_err());
    }
}

#[test]
fn each_deviation_has_its_own_error() {
    let query = "self_attn.q_proj";
    let name = |layer: u8, factor: char| format!("{PREFIX}{layer}.{query}.lora_{factor}.weight");

    let mut missing = entries();
    missing.remove(7);
    let error = TensorError::Missing {
        layer: 2,
        module: 3,
        factor: 1,
    };
    assert_eq!(check_header(&header(&missing)), Err(error));
    let error = TensorError::Missing {
        layer: 1,
        module: 0,
        factor: 0,
    };
    assert_eq!(check_header(&wrap("{}")), Err(error));

    // Names that are nearly right.
    for extra in [
        "base_model.model.model.layers.3.self_attn.q_proj.lora_A.weight",
        "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight",
        "base_model.model.model.layers.01.self_attn.q_proj.lora_A.weight",
        "base_model.model.model.layers.65537.self_attn.q_proj.lora_A.weight",
        "base_model.model.model.layers.1.self_attn.k_proj.lora_A.weight",
        "base_model.model.model.layers.1.self_attn.q_proj.lora_C.weight",
        "base_model.model.model.layers.1.self_attn.q_proj.lora_A.default.weight",
        "base_model.model.model.layers.1self_attn.q_proj.lora_A.weight",
        "base_model.model.model.layers..self_attn.q_proj.lora_A.weight",
        "model.layers.1.self_attn.q_proj.lora_A.weight",
        "base_model.model.model.layers.1.lora_A.weight",
    ] {
        let mut entries = entries();
        entries.push((extra.into(), "F16", vec![1], 2));
        let header = header(&entries);
        let error = TensorError::Unexpected {
            at: at(&header, extra),
        };
        assert_eq!(check_header(&header), Err(error), "{extra}");
    }
    // What PEFT writes for modules_to_save.
    let mut full = entries();
    full.push(("base_model.model.score.weight".into(), "F16", vec![1], 2));
    let header_full = header(&full);
    let error = TensorError::FullWeight {
        at: at(&header_full, "base_model.model.score.weight"),
    };
    assert_eq!(check_header(&header_full), Err(error));

    let deviate = |change: &dyn Fn(&mut Entry)| {
        let mut entries = entries();
        change(&mut entries[0]);
        let header = header(&entries);
        let at = at(&header, &name(1, 'A'));
        (check_header(&header), at)
    };
    let (result, at_0) = deviate(&|entry| entry.2 = vec![4, 17]);
    let shape = |at| TensorError::Shape {
        at,
        rows: 4,
        columns: 16,
    };
    assert_eq!(result, Err(shape(at_0)));
    let (result, at_0) = deviate(&|entry| entry.2 = vec![4, 4, 4]);
    assert_eq!(result, Err(shape(at_0)));
    let (result, at_0) = deviate(&|entry| entry.2 = vec![8, 16]);
    assert_eq!(result, Err(TensorError::RankPattern { at: at_0, rank: 8 }));
    let (result, at_0) = deviate(&|entry| entry.1 = "BF16");
    assert_eq!(result, Err(TensorError::Dtype { at: at_0 }));
    let (result, at_0) = deviate(&|entry| entry.3 = 120);
    let size = TensorError::Size {
        at: at_0,
        expected: 128,
        actual: 120,
    };
    assert_eq!(result, Err(size));

    // One rank throughout that isn't the declared one is no pattern.
    let mut wrong = entries();
    for entry in &mut wrong {
        for value in &mut entry.2 {
            if *value == 4 {
                *value = 5;
            }
        }
    }
    let header_wrong = header(&wrong);
    assert_eq!(
        check_header(&header_wrong),
        Err(shape(at(&header_wrong, &name(1, 'A'))))
    );
}

#[test]
fn ranges_fill_the_data_exactly() {
    // Moves every range from the second tensor on by `by`.
    let shifted = |by: i64| {
        let mut offset = 0i64;
        let tensors: Vec<_> = entries()
            .iter()
            .enumerate()
            .map(|(index, (name, dtype, shape, size))| {
                if index == 1 {
                    offset += by;
                }
                let begin = offset;
                offset += *size as i64;
                format!(
                    "\"{name}\":{{\"dtype\":\"{dtype}\",\"shape\":[{},{}],\"data_offsets\":[{begin},{offset}]}}",
                    shape[0], shape[1]
                )
            })
            .collect();
        wrap(&format!("{{{}}}", tensors.join(",")))
    };
    let second = &entries()[1].0;
    for by in [8, -8] {
        let header = shifted(by);
        let error = TensorError::Offset {
            at: at(&header, second),
            expected: 128,
            actual: (128 + by) as u64,
        };
        assert_eq!(check_header(&header), Err(error));
    }
    let targets = targets();
    let header = header(&entries());
    let tensors = parse(&header).unwrap();
    for data_len in [895, 897] {
        let expected = Expected {
            data_len,
            ..expected(&targets)
        };
        let error = TensorError::DataLen {
            expected: data_len,
            actual: 896,
        };
        assert_eq!(check(&tensors, &expected), Err(error));
    }
}
