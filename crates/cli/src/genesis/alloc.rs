//! The genesis state, from the committed contract artifacts.

use super::{GenesisFilesError, GenesisParameters, initialize};
use alloy_genesis::GenesisAccount;
use alloy_primitives::{Address, B256, Bytes};
use openledger_primitives::predeploys;
use serde::Deserialize;
use std::collections::BTreeMap;

const LAYOUT: &str = include_str!("../../../../contracts/genesis/layout.json");
const PREINSTALLS: &str = include_str!("../../../../contracts/artifacts/preinstalls.json");
/// Byte of `GasPriceOracle`'s slot 0 that says whether Jovian's operator fee applies
/// (`contracts/storage/GasPriceOracle.txt`).
const ORACLE_JOVIAN_BYTE: usize = 31 - 3;
/// Pairs of names and the committed artifacts' texts.
macro_rules! artifacts {
    ($($name:literal)*) => {
        &[$(($name, include_str!(concat!("../../../../contracts/artifacts/", $name, ".json")))),*]
    };
}

/// The artifacts that `layout.json` names.
const ARTIFACTS: &[(&str, &str)] = artifacts! {
    "AdapterMarket"
    "AgentRegistry"
    "BaseFeeVault"
    "ClaimVault"
    "ClusterReview"
    "CodeTimelock"
    "DatanetRegistry"
    "EpochQuestions"
    "EpochScoring"
    "EpochSettlement"
    "GOpen"
    "GasPriceOracle"
    "Governor"
    "InferenceRouter"
    "Jury"
    "L1Block"
    "L1FeeVault"
    "L2CrossDomainMessenger"
    "L2StandardBridge"
    "L2ToL1MessagePasser"
    "ModelRegistry"
    "OperatorFeeVault"
    "OptimismMintableERC20Factory"
    "ParamTimelock"
    "Proxy"
    "ProxyAdmin"
    "Reputation"
    "SequencerFeeVault"
    "Treasury"
    "ValidatorStaking"
    "VoucherChannels"
    "WOPEN"
};

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Layout {
    proxy_artifact: String,
    nonce: u64,
    predeploys: Vec<Predeploy>,
    precompiles: Vec<NativePrecompile>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Predeploy {
    name: String,
    address: Address,
    implementation: Option<Address>,
    artifact: String,
    storage: BTreeMap<B256, B256>,
    chain_dependent: Vec<ChainDependent>,
    /// Whether genesis calls its `initialize(Setting[])`, in the order of the file.
    #[serde(default)]
    initialize: bool,
}

/// An account that a native precompile answers for; its code runs only where the precompile is unknown.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NativePrecompile {
    #[serde(rename = "name")]
    _name: String,
    address: Address,
    code: Bytes,
}

/// A slot whose low 20 bytes are an address of this chain.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ChainDependent {
    slot: B256,
    value: String,
    #[serde(rename = "note")]
    _note: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Preinstall {
    #[serde(rename = "name")]
    _name: String,
    address: Address,
    code: Bytes,
    nonce: u64,
    storage: Option<BTreeMap<B256, B256>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Artifact {
    deployed_bytecode: Bytes,
}

/// The accounts of the genesis block: what stands at which address in every chain, with the addresses of this
/// one put in, and those that hold OPEN.
///
/// # Errors
/// [`GenesisFilesError::Duplicate`] for an account with OPEN at a contract's address,
/// [`GenesisFilesError::UnknownContract`] and [`GenesisFilesError::Initialize`] for settings that the contracts don't take;
/// otherwise only if the committed contract files are broken.
pub(super) fn alloc(
    parameters: &GenesisParameters,
) -> Result<BTreeMap<Address, GenesisAccount>, GenesisFilesError> {
    let layout: Layout = parse("layout.json", LAYOUT)?;
    let preinstalls: Vec<Preinstall> = parse("preinstalls.json", PREINSTALLS)?;
    let proxy_code = deployed_code(&layout.proxy_artifact)?;
    let mut accounts = Accounts::default();
    let mut initialized = Vec::new();

    for predeploy in layout.predeploys {
        let mut storage = predeploy.storage;
        for dependent in predeploy.chain_dependent {
            let address = match dependent.value.as_str() {
                "feeRecipient" => parameters.fee_recipient,
                "l1CrossDomainMessenger" => parameters.l1_contracts.l1_cross_domain_messenger,
                "l1StandardBridge" => parameters.l1_contracts.l1_standard_bridge,
                _ => {
                    return Err(GenesisFilesError::UnknownValue {
                        name: dependent.value,
                    });
                }
            };
            let word = storage.entry(dependent.slot).or_default();
            word.0[12..].copy_from_slice(address.as_slice());
        }
        if predeploy.address == predeploys::GAS_PRICE_ORACLE && parameters.begins_with_jovian() {
            storage.entry(B256::ZERO).or_default().0[ORACLE_JOVIAN_BYTE] = 1;
        }
        let code = deployed_code(&predeploy.artifact)?;
        let code = match predeploy.implementation {
            Some(implementation) => {
                let sealed = predeploy.initialize.then(initialize::sealed);
                accounts.add(implementation, contract(layout.nonce, code, sealed))?;
                proxy_code.clone()
            }
            None => code,
        };
        if predeploy.initialize {
            initialized.push((predeploy.name, predeploy.address));
        }
        accounts.add(
            predeploy.address,
            contract(layout.nonce, code, Some(storage)),
        )?;
    }
    for precompile in layout.precompiles {
        let account = contract(layout.nonce, precompile.code, None);
        accounts.add(precompile.address, account)?;
    }
    for preinstall in preinstalls {
        let account = contract(preinstall.nonce, preinstall.code, preinstall.storage);
        accounts.add(preinstall.address, account)?;
    }
    for (address, balance) in &parameters.funded {
        accounts.add(
            *address,
            GenesisAccount {
                balance: *balance,
                ..Default::default()
            },
        )?;
    }
    initialize::run(&mut accounts.0, &initialized, parameters)?;
    Ok(accounts.0)
}

#[derive(Default)]
struct Accounts(BTreeMap<Address, GenesisAccount>);

impl Accounts {
    fn add(&mut self, address: Address, account: GenesisAccount) -> Result<(), GenesisFilesError> {
        match self.0.insert(address, account) {
            None => Ok(()),
            Some(_) => Err(GenesisFilesError::Duplicate { address }),
        }
    }
}

fn contract(nonce: u64, code: Bytes, storage: Option<BTreeMap<B256, B256>>) -> GenesisAccount {
    GenesisAccount {
        nonce: Some(nonce),
        code: Some(code),
        storage: storage.filter(|slots| !slots.is_empty()),
        ..Default::default()
    }
}

fn deployed_code(name: &str) -> Result<Bytes, GenesisFilesError> {
    let (name, text) = ARTIFACTS
        .iter()
        .find(|(known, _)| *known == name)
        .ok_or_else(|| GenesisFilesError::UnknownArtifact {
            name: name.to_owned(),
        })?;
    Ok(parse::<Artifact>(name, text)?.deployed_bytecode)
}

fn parse<T: serde::de::DeserializeOwned>(
    name: &'static str,
    text: &str,
) -> Result<T, GenesisFilesError> {
    serde_json::from_str(text).map_err(|source| GenesisFilesError::Form { name, source })
}
