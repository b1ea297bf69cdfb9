//! A LoRA adapter's file, as PEFT writes it: what its header declares.

use alloy_primitives::{Address, B256, Bytes, keccak256};
use anyhow::{Context, bail, ensure};
use openledger_precompiles::{
    lora::{
        HEADER_LEN_MAX,
        ILoraRegistry::{Adapter, Base, Module},
        MODULES_MAX, UPLOAD_LEN_MAX,
    },
    merkle,
};
use safetensors::{Dtype, tensor::TensorInfo};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs::File,
    io::{BufReader, Read},
    path::Path,
};

/// Chunks of the data root have two to this many bytes.
pub(super) const CHUNK_LOG2: u8 = 16;

/// The header's member that is no tensor.
const METADATA_KEY: &str = "__metadata__";

/// What only DoRA's tensors have in their names.
const DORA_PART: &str = "lora_magnitude_vector";

/// A base model, as it is registered and written to a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BaseFile {
    /// Its number in the registry.
    pub id: u64,
    /// What stands before a layer's number in the tensors' names.
    pub prefix: String,
    /// Layers.
    pub layers: u16,
    /// Modules that adapters can target, in the registry's order.
    pub modules: Vec<ModuleShape>,
}

/// A module of a layer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ModuleShape {
    /// Its path below a layer.
    pub path: String,
    /// Length of its input.
    pub inputs: u32,
    /// Length of its output.
    pub outputs: u32,
}

/// What a file's header declares.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AdapterFile {
    /// The header, with its length prefix.
    pub header: Bytes,
    /// Merkle root over the data's chunks.
    pub data_root: B256,
    /// Bytes of data.
    pub data_len: u64,
    /// Data type of the tensors, as the registry numbers it.
    pub dtype: u8,
    /// Rank of the matrices.
    pub rank: u16,
    /// What stands before a layer's number in the tensors' names.
    pub prefix: String,
    /// First layer, and the one behind the last.
    pub layers: (u16, u16),
    /// Ascending by path.
    pub modules: Vec<ModuleShape>,
}

impl AdapterFile {
    /// Reads a file; its data is hashed chunk by chunk and not kept.
    ///
    /// # Errors
    /// A file that can't be read, or isn't an adapter's.
    pub fn read(path: &Path) -> anyhow::Result<Self> {
        let reading = || format!("reading {}", path.display());
        let file = File::open(path).with_context(reading)?;
        Self::read_from(BufReader::new(file)).with_context(reading)
    }

    fn read_from(mut file: impl Read) -> anyhow::Result<Self> {
        let mut prefix = [0; 8];
        file.read_exact(&mut prefix)
            .context("shorter than a header's length (HeaderTooShort)")?;
        let length = u64::from_le_bytes(prefix);
        let max = (UPLOAD_LEN_MAX - prefix.len()) as u64;
        ensure!(
            length <= max,
            "a header of {length} bytes is longer than {max} (HeaderTooLong)"
        );
        let mut header = prefix.to_vec();
        file.by_ref().take(length).read_to_end(&mut header)?;
        ensure!(
            header.len() as u64 == length + 8,
            "the file ends within its header (HeaderLengthMismatch)"
        );
        let (data_root, data_len) = hash_data(file)?;
        let declared = declared(&header)?;
        Ok(Self {
            header: header.into(),
            data_root,
            data_len,
            ..declared
        })
    }

    /// What this file, registered as base `id` with `layers` layers, says of the base.
    pub fn base_file(self, id: u64, layers: u16) -> BaseFile {
        BaseFile {
            id,
            prefix: self.prefix,
            layers,
            modules: self.modules,
        }
    }

    /// Whether the header has to be uploaded before the registration.
    pub fn needs_upload(&self) -> bool {
        self.header.len() > HEADER_LEN_MAX
    }

    /// The base that this file's tensors fit, with `layers` layers.
    pub fn base(&self, name: &str, config: &[u8], layers: u16, licence: B256) -> Base {
        Base {
            nameHash: keccak256(name),
            configHash: keccak256(config),
            namePrefix: self.prefix.clone().into_bytes().into(),
            layers,
            modules: self
                .modules
                .iter()
                .map(|module| Module {
                    path: module.path.clone().into_bytes().into(),
                    inDim: module.inputs,
                    outDim: module.outputs,
                })
                .collect(),
            licence,
            absBps: 0,
        }
    }

    /// The declaration of this file as an adapter of a base. What it doesn't say is left empty.
    ///
    /// # Errors
    /// A file that doesn't fit the base.
    pub fn adapter(&self, base: &BaseFile, alpha: u32) -> anyhow::Result<Adapter> {
        ensure!(
            self.prefix == base.prefix,
            "the tensors' names begin with {}, the base's with {}",
            self.prefix,
            base.prefix
        );
        let mut mask = 0u32;
        for module in &self.modules {
            let place = base.modules.iter().position(|known| known == module);
            let place = place.with_context(|| {
                format!(
                    "the base has no module {} of {} inputs and {} outputs",
                    module.path, module.inputs, module.outputs
                )
            })?;
            ensure!(place < MODULES_MAX, "more than {MODULES_MAX} modules");
            mask |= 1 << place;
        }
        Ok(Adapter {
            base: base.id,
            rank: self.rank,
            alpha,
            moduleMask: mask,
            layerFrom: self.layers.0,
            layerTo: self.layers.1,
            dtype: self.dtype,
            headerHash: keccak256(&self.header),
            dataRoot: self.data_root,
            dataLen: self.data_len,
            chunkLog2: CHUNK_LOG2,
            train: Vec::new(),
            parents: Vec::new(),
            licence: B256::ZERO,
            absBps: 0,
            developer: Address::ZERO,
            version: 0,
            supersedes: 0,
        })
    }
}

/// Root over the chunks of what follows the header, and its length.
fn hash_data(mut data: impl Read) -> anyhow::Result<(B256, u64)> {
    let size = 1u64 << CHUNK_LOG2;
    let (mut leaves, mut length) = (Vec::new(), 0u64);
    let mut chunk = Vec::new();
    loop {
        chunk.clear();
        data.by_ref().take(size).read_to_end(&mut chunk)?;
        if chunk.is_empty() {
            break;
        }
        leaves.push(merkle::leaf(leaves.len() as u64, &chunk));
        length += chunk.len() as u64;
    }
    let root = merkle::root(&leaves).context("the file has no data")?;
    Ok((root, length))
}

/// Ranks, layers and modules, from the tensors' names and shapes. Whether they fit together is the
/// registry's to say, by its own names for what doesn't.
fn declared(header: &[u8]) -> anyhow::Result<AdapterFile> {
    // The registry's parser is stricter; here only what the header says is wanted.
    let tensors: BTreeMap<String, Value> =
        serde_json::from_slice(header.get(8..).unwrap_or_default())
            .context("not a safetensors header")?;
    let mut modules: BTreeMap<String, (Option<u32>, Option<u32>)> = BTreeMap::new();
    let mut prefix: Option<String> = None;
    let mut layers: Option<(u16, u16)> = None;
    let (mut rank, mut dtype) = (None, None);
    for (name, tensor) in tensors {
        if name == METADATA_KEY {
            continue;
        }
        let tensor: TensorInfo =
            serde_json::from_value(tensor).with_context(|| format!("tensor {name}"))?;
        ensure!(
            !name.contains(DORA_PART),
            "tensor {name} is DoRA's (DoraUnsupported)"
        );
        let (before, layer, path, factor) = parts(&name).with_context(|| {
            format!(
                "tensor {name} isn't a low-rank factor of a layer's module (ModulesToSaveUnsupported)"
            )
        })?;
        let prefix = prefix.get_or_insert_with(|| before.to_owned());
        ensure!(
            *prefix == before,
            "tensors' names begin with {prefix} and with {before}: one registration is of one stack of layers"
        );
        let (from, to) = layers.get_or_insert((layer, layer));
        (*from, *to) = ((*from).min(layer), (*to).max(layer));
        let (outer, inner) = shape(&tensor).with_context(|| format!("tensor {name}"))?;
        let (module, of_rank) = (modules.entry(path.to_owned()).or_default(), &mut rank);
        if factor == "A" {
            of_rank.get_or_insert(outer);
            module.0.get_or_insert(inner);
        } else {
            of_rank.get_or_insert(inner);
            module.1.get_or_insert(outer);
        }
        dtype.get_or_insert(tensor.dtype);
    }
    let modules = modules.into_iter().map(|(path, sides)| match sides {
        (Some(inputs), Some(outputs)) => Ok(ModuleShape {
            path,
            inputs,
            outputs,
        }),
        _ => bail!("module {path} has one factor of two"),
    });
    let (from, last) = layers.context("the file has no tensors")?;
    Ok(AdapterFile {
        header: Bytes::new(),
        data_root: B256::ZERO,
        data_len: 0,
        dtype: match dtype {
            Some(Dtype::F32) => 0,
            Some(Dtype::F16) => 1,
            Some(Dtype::BF16) => 2,
            other => bail!("data type {other:?} isn't F32, F16 or BF16 (HeaderUnknownDtype)"),
        },
        rank: u16::try_from(rank.unwrap_or_default()).context("the rank is too large (BadRank)")?,
        prefix: prefix.unwrap_or_default(),
        layers: (from, last.saturating_add(1)),
        modules: modules.collect::<anyhow::Result<_>>()?,
    })
}

fn shape(tensor: &TensorInfo) -> anyhow::Result<(u32, u32)> {
    let [outer, inner] = tensor.shape[..] else {
        bail!("it has {} dimensions, not 2", tensor.shape.len())
    };
    Ok((u32::try_from(outer)?, u32::try_from(inner)?))
}

/// `{prefix}{layer}.{path}.lora_{factor}.weight`; the layer is the first part that is a number.
fn parts(name: &str) -> Option<(&str, u16, &str, &str)> {
    let stem = name.strip_suffix(".weight")?;
    let (stem, factor) = ["A", "B"]
        .into_iter()
        .find_map(|factor| Some((stem.strip_suffix(&format!(".lora_{factor}"))?, factor)))?;
    let mut start = 0;
    for part in stem.split('.') {
        if let Ok(layer) = part.parse() {
            let path = stem.get(start + part.len() + 1..)?;
            return Some((stem.get(..start)?, layer, path, factor));
        }
        start += part.len() + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use safetensors::{serialize, tensor::TensorView};

    fn file(shapes: &[(&str, [usize; 2])]) -> Vec<u8> {
        let data = vec![7; 4_096];
        let views = shapes.iter().map(|(name, shape)| {
            let len = shape[0] * shape[1] * 2;
            (
                name,
                TensorView::new(Dtype::BF16, shape.to_vec(), &data[..len]).unwrap(),
            )
        });
        serialize(views, None).unwrap()
    }

    const NAMES: [(&str, [usize; 2]); 4] = [
        ("base_model.model.layers.3.mlp.up.lora_A.weight", [2, 8]),
        ("base_model.model.layers.3.mlp.up.lora_B.weight", [16, 2]),
        ("base_model.model.layers.4.mlp.up.lora_A.weight", [2, 8]),
        ("base_model.model.layers.4.mlp.up.lora_B.weight", [16, 2]),
    ];

    #[test]
    fn a_file_declares_its_adapter() {
        let bytes = file(&NAMES);
        let read = AdapterFile::read_from(&bytes[..]).unwrap();
        let module = ModuleShape {
            path: "mlp.up".to_owned(),
            inputs: 8,
            outputs: 16,
        };
        assert_eq!(read.prefix, "base_model.model.layers.");
        assert_eq!((read.layers, read.rank, read.dtype), ((3, 5), 2, 2));
        assert_eq!(read.modules, std::slice::from_ref(&module));
        assert_eq!(read.data_len, 2 * 2 * (16 + 32));
        assert_eq!(read.data_root, merkle::leaf(0, &bytes[read.header.len()..]));
        assert!(!read.needs_upload());
        let other = ModuleShape {
            path: "attn".to_owned(),
            ..module.clone()
        };
        let base = BaseFile {
            id: 9,
            prefix: read.prefix.clone(),
            layers: 8,
            modules: vec![other, module],
        };
        let adapter = read.adapter(&base, 16).unwrap();
        assert_eq!(
            (adapter.base, adapter.moduleMask, adapter.alpha),
            (9, 2, 16)
        );
        let smaller = BaseFile {
            modules: Vec::new(),
            ..base
        };
        assert!(read.adapter(&smaller, 16).is_err());
    }

    #[test]
    fn what_is_no_adapter_is_refused() {
        assert!(AdapterFile::read_from(&[1, 2, 3][..]).is_err());
        assert!(AdapterFile::read_from(&u64::MAX.to_le_bytes()[..]).is_err());
        assert!(AdapterFile::read_from(&[20, 0, 0, 0, 0, 0, 0, 0, b'{'][..]).is_err());
        for names in [
            &[("embed.weight", [2, 2])][..],
            &NAMES[..1],
            &[("x.lora_A.weight", [2, 2])],
        ] {
            assert!(AdapterFile::read_from(&file(names)[..]).is_err());
        }
        assert_eq!(
            parts("a.b.12.c.d.lora_B.weight"),
            Some(("a.b.", 12, "c.d", "B"))
        );
        assert_eq!(parts("12.c.lora_A.weight"), Some(("", 12, "c", "A")));
        assert_eq!(parts("a.lora_A.weight"), None);
    }
}
