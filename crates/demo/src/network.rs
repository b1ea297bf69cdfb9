//! The model: a small network in candle, a base and LoRA adapters on it.
//!
//! 16 → 48 → 48 → 6 with ReLU. The base is trained whole, on public samples; an adapter is `W + α/r·B·A` of each of its
//! three matrices, of rank 4, and trained alone. Training is by Adam over all rows at once, so that a run depends on its
//! rows and its seed only.

use crate::{
    random::Random,
    task::{CLASSES, Example, FEATURES},
};
use candle_core::{D, Device, Result, Tensor, Var};
use candle_nn::{
    loss::cross_entropy,
    ops::log_softmax,
    optim::{AdamW, Optimizer, ParamsAdamW},
};
use std::collections::HashMap;

/// Inputs and outputs of each matrix.
pub(crate) const SIZES: [(usize, usize); 3] =
    [(FEATURES, HIDDEN), (HIDDEN, HIDDEN), (HIDDEN, CLASSES)];
/// What of a label is spread over all classes in training, so that the model is never sure: a gradient of what is known by heart
/// says nothing.
const SMOOTHING: f64 = 0.1;
/// Names of the matrices.
pub(crate) const MODULES: [&str; 3] = ["embed", "hidden", "head"];
/// What the adapters' tensors begin with: one layer, number 0.
pub(crate) const PREFIX: &str = "model.layers.";
/// Rank of an adapter.
pub(crate) const RANK: usize = 4;
/// Its scale times its rank.
pub(crate) const ALPHA: usize = 8;

const HIDDEN: usize = 48;
const SCALE: f64 = ALPHA as f64 / RANK as f64;
const BASE_STEPS: usize = 120;
const BASE_RATE: f64 = 0.01;

/// How an adapter is trained.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Training {
    /// Steps of Adam.
    pub(crate) steps: usize,
    /// Its rate.
    pub(crate) rate: f64,
}

/// Rows as tensors.
struct Rows {
    inputs: Tensor,
    labels: Tensor,
}

impl Rows {
    fn new(examples: &[Example]) -> Result<Self> {
        let inputs: Vec<f32> = examples.iter().flat_map(Example::inputs).collect();
        let labels: Vec<u32> = examples.iter().map(|row| row.label as u32).collect();
        Ok(Self {
            inputs: Tensor::from_vec(inputs, (examples.len(), FEATURES), &Device::Cpu)?,
            labels: Tensor::from_vec(labels, examples.len(), &Device::Cpu)?,
        })
    }
}

/// The base model: frozen once it is trained.
#[derive(Debug, Clone)]
pub(crate) struct Base {
    /// [outputs, inputs] of each matrix.
    weights: Vec<Tensor>,
    biases: Vec<Tensor>,
}

impl Base {
    /// Trains a base.
    ///
    /// # Errors
    /// candle's.
    pub(crate) fn train(seed: u64, examples: &[Example]) -> Result<Self> {
        let mut random = Random::new(seed, "base");
        let rows = Rows::new(examples)?;
        let mut weights = Vec::new();
        let mut biases = Vec::new();
        for (inputs, outputs) in SIZES {
            let deviation = (2.0 / inputs as f64).sqrt();
            let values = random.normals(inputs * outputs, deviation);
            weights.push(Var::from_vec(values, (outputs, inputs), &Device::Cpu)?);
            biases.push(Var::from_vec(vec![0f32; outputs], outputs, &Device::Cpu)?);
        }
        let base = Self {
            weights: weights.iter().map(|w| w.as_tensor().clone()).collect(),
            biases: biases.iter().map(|b| b.as_tensor().clone()).collect(),
        };
        let variables = weights.into_iter().chain(biases).collect();
        descend(
            variables,
            Training {
                steps: BASE_STEPS,
                rate: BASE_RATE,
            },
            || smoothed(&base.forward(&rows.inputs, None)?.1, &rows.labels),
        )?;
        let frozen = |tensors: &[Tensor]| tensors.iter().map(Tensor::detach).collect();
        Ok(Self {
            weights: frozen(&base.weights),
            biases: frozen(&base.biases),
        })
    }

    /// The inputs of each matrix and its output before the bias's nonlinearity, and the last output; with an adapter, and
    /// with *taps* added to the outputs, if there are.
    fn forward(
        &self,
        inputs: &Tensor,
        adapter: Option<(&Adapter, &[Var])>,
    ) -> Result<(Vec<Tensor>, Tensor)> {
        let mut layers = vec![inputs.clone()];
        let mut value = inputs.clone();
        for (index, (weight, bias)) in self.weights.iter().zip(&self.biases).enumerate() {
            if index > 0 {
                value = value.relu()?;
                layers.push(value.clone());
            }
            let mut out = value.matmul(&weight.t()?)?.broadcast_add(bias)?;
            if let Some((adapter, taps)) = adapter {
                let low = value.matmul(&adapter.a[index].t()?)?;
                out = (out + (low.matmul(&adapter.b[index].t()?)? * SCALE)?)?;
                if let Some(tap) = taps.get(index) {
                    out = (out + tap.as_tensor())?;
                }
            }
            value = out;
        }
        Ok((layers, value))
    }
}

/// An adapter: low-rank changes of the base's matrices.
#[derive(Debug, Clone)]
pub(crate) struct Adapter {
    /// [rank, inputs] of each matrix.
    a: Vec<Tensor>,
    /// [outputs, rank] of each matrix.
    b: Vec<Tensor>,
}

impl Adapter {
    /// One that changes nothing yet.
    ///
    /// # Errors
    /// candle's.
    pub(crate) fn new(seed: u64) -> Result<Self> {
        let mut random = Random::new(seed, "adapter");
        let (mut a, mut b) = (Vec::new(), Vec::new());
        for (inputs, outputs) in SIZES {
            let values = random.normals(RANK * inputs, (1.0 / inputs as f64).sqrt());
            a.push(Tensor::from_vec(values, (RANK, inputs), &Device::Cpu)?);
            b.push(Tensor::from_vec(
                vec![0f32; outputs * RANK],
                (outputs, RANK),
                &Device::Cpu,
            )?);
        }
        Ok(Self { a, b })
    }

    /// This adapter, trained further on rows, of which there is one at least.
    ///
    /// # Errors
    /// candle's.
    pub(crate) fn trained(
        &self,
        base: &Base,
        examples: &[Example],
        training: Training,
    ) -> Result<Self> {
        let rows = Rows::new(examples)?;
        let variables = |tensors: &[Tensor]| -> Result<Vec<Var>> {
            tensors.iter().map(Var::from_tensor).collect()
        };
        let (a, b) = (variables(&self.a)?, variables(&self.b)?);
        let adapter = Self {
            a: a.iter().map(|v| v.as_tensor().clone()).collect(),
            b: b.iter().map(|v| v.as_tensor().clone()).collect(),
        };
        descend(a.into_iter().chain(b).collect(), training, || {
            smoothed(
                &base.forward(&rows.inputs, Some((&adapter, &[])))?.1,
                &rows.labels,
            )
        })?;
        Ok(Self {
            a: adapter.a.iter().map(Tensor::detach).collect(),
            b: adapter.b.iter().map(Tensor::detach).collect(),
        })
    }

    /// What the model answers: the likeliest class of each row.
    ///
    /// # Errors
    /// candle's.
    pub(crate) fn answers(&self, base: &Base, examples: &[Example]) -> Result<Vec<usize>> {
        let rows = Rows::new(examples)?;
        let out = base.forward(&rows.inputs, Some((self, &[])))?.1;
        let classes = out.argmax(D::Minus1)?.to_vec1::<u32>()?;
        Ok(classes.into_iter().map(|class| class as usize).collect())
    }

    /// Cross-entropy of each row's label.
    ///
    /// # Errors
    /// candle's.
    pub(crate) fn losses(&self, base: &Base, examples: &[Example]) -> Result<Vec<f64>> {
        let rows = Rows::new(examples)?;
        let out = log_softmax(&base.forward(&rows.inputs, Some((self, &[])))?.1, D::Minus1)?;
        let chosen = out.gather(&rows.labels.unsqueeze(1)?, 1)?.squeeze(1)?;
        let values = chosen.to_vec1::<f32>()?;
        Ok(values.into_iter().map(|value| -f64::from(value)).collect())
    }

    /// The gradient of each row's loss by the adapter's parameters: the tensors in the byte order of their names, each
    /// row-major, as a set's projection takes them.
    ///
    /// # Errors
    /// candle's.
    pub(crate) fn gradients(&self, base: &Base, examples: &[Example]) -> Result<Vec<Vec<f32>>> {
        let rows = Rows::new(examples)?;
        // The loss's gradient by what is added to a matrix's output is that by the output, row by row: rows don't mix.
        let taps = SIZES
            .iter()
            .map(|(_, outputs)| {
                Var::from_vec(
                    vec![0f32; examples.len() * outputs],
                    (examples.len(), *outputs),
                    &Device::Cpu,
                )
            })
            .collect::<Result<Vec<_>>>()?;
        let (layers, out) = base.forward(&rows.inputs, Some((self, &taps)))?;
        let loss = (cross_entropy(&out, &rows.labels)? * examples.len() as f64)?;
        let store = loss.backward()?;
        let mut gradients = vec![Vec::new(); examples.len()];
        // "embed" < "head" < "hidden", and "lora_A" < "lora_B".
        for module in sorted_modules() {
            let Some(delta) = store.get(&taps[module]) else {
                candle_core::bail!("matrix {module} has no gradient");
            };
            let delta = (delta * SCALE)?;
            let low = layers[module].matmul(&self.a[module].t()?)?;
            let back = delta.matmul(&self.b[module])?;
            let of_a = back
                .unsqueeze(2)?
                .broadcast_mul(&layers[module].unsqueeze(1)?)?;
            let of_b = delta.unsqueeze(2)?.broadcast_mul(&low.unsqueeze(1)?)?;
            for tensor in [of_a, of_b] {
                for (row, values) in gradients
                    .iter_mut()
                    .zip(tensor.flatten_from(1)?.to_vec2::<f32>()?)
                {
                    row.extend(values);
                }
            }
        }
        Ok(gradients)
    }

    /// The adapter as a safetensors file.
    ///
    /// # Errors
    /// candle's.
    pub(crate) fn safetensors(&self) -> Result<HashMap<String, Tensor>> {
        let mut tensors = HashMap::new();
        for (index, module) in MODULES.iter().enumerate() {
            for (name, tensor) in [("A", &self.a[index]), ("B", &self.b[index])] {
                tensors.insert(
                    format!("{PREFIX}0.{module}.lora_{name}.weight"),
                    tensor.clone(),
                );
            }
        }
        Ok(tensors)
    }
}

/// The matrices in the byte order of their names.
fn sorted_modules() -> Vec<usize> {
    let mut order: Vec<_> = (0..MODULES.len()).collect();
    order.sort_unstable_by_key(|index| MODULES[*index]);
    order
}

/// Adam on all rows at once.
fn descend(
    variables: Vec<Var>,
    training: Training,
    loss: impl Fn() -> Result<Tensor>,
) -> Result<()> {
    let settings = ParamsAdamW {
        lr: training.rate,
        weight_decay: 0.0,
        ..ParamsAdamW::default()
    };
    let mut optimizer = AdamW::new(variables, settings)?;
    for _ in 0..training.steps {
        optimizer.backward_step(&loss()?)?;
    }
    Ok(())
}

/// Cross-entropy with smoothed labels, the mean over rows.
fn smoothed(out: &Tensor, labels: &Tensor) -> Result<Tensor> {
    let spread = log_softmax(out, D::Minus1)?.mean_all()?.neg()?;
    (cross_entropy(out, labels)? * (1.0 - SMOOTHING))? + (spread * SMOOTHING)?
}
