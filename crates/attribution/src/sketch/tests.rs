use super::*;
use safetensors::{Dtype, tensor::TensorView};
use serde_json::Value;
use std::fs;

fn args(dim: u16, seed: u64, shift: u8) -> SketchArgs {
    SketchArgs {
        list: PathBuf::new(),
        out: PathBuf::new(),
        form: SketchForm {
            dim,
            seed,
            frac_bits: 0,
            shift,
            sparsity: 0,
            norm_cap2: None,
        },
        raw: false,
    }
}

fn file_of(values: &[f64]) -> Vec<u8> {
    let data: Vec<u8> = values
        .iter()
        .flat_map(|value| value.to_le_bytes())
        .collect();
    let view = TensorView::new(Dtype::F64, vec![values.len()], &data).unwrap();
    safetensors::serialize([("gradient", view)], None).unwrap()
}

fn gradient_of(values: &[f64]) -> Gradient {
    Gradient::new(file_of(values)).unwrap()
}

#[test]
fn rows_are_the_references() {
    let vectors: Value =
        serde_json::from_str(include_str!("../../../../precompiles/vectors/golden.json")).unwrap();
    let cases = vectors["project"].as_array().unwrap();
    assert_eq!(cases.len(), 3);
    for case in cases {
        let number = |name: &str| case[name].as_u64().unwrap();
        let list = |name: &str| -> Vec<f64> {
            let items = case[name].as_array().unwrap().iter();
            items.map(|value| value.as_f64().unwrap()).collect()
        };
        let args = args(number("D") as u16, number("seed"), number("shift") as u8);
        let row = sketch_gradient(&args.form, &gradient_of(&list("t"))).unwrap();
        let entries: Vec<f64> = row.entries.iter().map(|entry| f64::from(*entry)).collect();
        assert_eq!(entries, list("out"));
        assert_eq!(row.factor, 1.0);
    }
}

/// Whatever saturates or exceeds the cap is scaled to just below it, in the same direction.
#[test]
fn caps_are_met_and_hardly_undercut() {
    let values: Vec<f64> = (0..500)
        .map(|i| f64::from(i * 7_919 % 1_000 - 500))
        .collect();
    for (shift, cap) in [(4, 20_000), (0, 20_000), (10, 20_000), (12, 3), (0, 0)] {
        let form = SketchForm {
            norm_cap2: Some(cap),
            ..args(64, 9, shift).form
        };
        let row = sketch_gradient(&form, &gradient_of(&values)).unwrap();
        assert!(row.norm2 <= u64::from(cap), "{} {cap}", row.norm2);
        if row.factor < 1.0 && cap > 1_000 {
            assert!(
                100 * row.norm2 >= 81 * u64::from(cap),
                "{} {cap}",
                row.norm2
            );
        }
    }
}

#[test]
fn records_come_by_cluster() {
    let directory = tempfile::tempdir().unwrap();
    let path = |name: &str| directory.path().join(name);
    for (name, value) in [("x", 100.0), ("y", -50.0)] {
        fs::write(path(name), file_of(&[value; 3])).unwrap();
    }
    fs::write(path("list"), "5 1 x\n2 258 y\n5 3 y\n").unwrap();
    let mut args = SketchArgs {
        list: path("list"),
        out: path("rows"),
        ..args(64, 3, 2)
    };
    run(&args).unwrap();
    let rows = fs::read(path("rows")).unwrap();
    let records: Vec<&[u8]> = rows.chunks(70).collect();
    let heads: Vec<&[u8]> = records.iter().map(|record| &record[..6]).collect();
    assert_eq!(
        heads,
        [[0, 0, 0, 2, 1, 2], [0, 0, 0, 5, 0, 1], [0, 0, 0, 5, 0, 3]]
    );
    assert_eq!(records[0][6..], records[2][6..]);
    assert_ne!(records[0][6..], records[1][6..]);
    args.raw = true;
    run(&args).unwrap();
    assert_eq!(fs::read(path("rows")).unwrap().len(), 3 * 64);
    args.form.dim = 65;
    assert!(run(&args).is_err());
}
