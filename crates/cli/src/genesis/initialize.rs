//! The initialisers that genesis runs: each contract's `initialize(Setting[])`, in the EVM, on the accounts that
//! stand already. What they write is part of the genesis state.

use super::{GenesisFilesError, GenesisParameters};
use alloy_genesis::GenesisAccount;
use alloy_primitives::{Address, B256, Bytes, U256, b256};
use alloy_sol_types::{SolCall, SolInterface, sol};
use revm::{
    Context, MainBuilder, MainContext, SystemCallCommitEvm,
    bytecode::Bytecode,
    context_interface::result::ExecutionResult,
    database::{CacheDB, EmptyDB},
    primitives::hardfork::SpecId,
    state::AccountInfo,
};
use std::collections::BTreeMap;

sol! {
    /// A parameter's first value (`contracts/src/interfaces/IParameterized.sol`).
    struct Setting {
        bytes32 name;
        uint256 value;
    }

    function initialize(Setting[] calldata settings) external;

    /// Why a contract doesn't take its settings.
    #[derive(Debug)]
    interface IParameterizedErrors {
        error UnknownParameter(bytes32 name);
        error ParameterOutOfBounds(bytes32 name, uint256 value, uint256 min, uint256 max);
        error ParametersConflict(bytes32 name, bytes32 other);
    }
}

/// First values of parameters by their contract and name, in the contracts' own units; others have their defaults.
/// `docs/spec/parameters.md` has them all.
pub type ProtocolSettings = BTreeMap<String, BTreeMap<String, U256>>;

/// Settings that `openledger dev` gives its chains, but for the council: windows of seconds.
const LOCAL_SETTINGS: &str = include_str!("../../../../contracts/genesis/local.json");
/// Longest name of a parameter: it is a `bytes32`.
const NAME_BYTES_MAX: usize = 32;
/// ERC-7201 "openzeppelin.storage.Initializable": the version that a contract was initialized with.
const INITIALIZABLE_SLOT: B256 =
    b256!("f0c57e16840df040f15088dc2f81fe391c3923bec73e23a9662efc9c229c6a00");

/// The settings of a local chain, where `council` may approve models beside governance.
///
/// # Errors
/// [`GenesisFilesError::Form`] only if the committed file is broken.
pub(crate) fn local_settings(council: Address) -> Result<ProtocolSettings, GenesisFilesError> {
    let settings =
        serde_json::from_str::<BTreeMap<String, BTreeMap<String, String>>>(LOCAL_SETTINGS)
            .map_err(|source| GenesisFilesError::Form {
                name: "local.json",
                source,
            })?;
    let mut settings: ProtocolSettings = settings
        .into_iter()
        .map(|(contract, values)| {
            let values = values.into_iter().map(|(name, value)| {
                let value = value.parse().map_err(|_| GenesisFilesError::Setting {
                    contract: contract.clone(),
                    name: name.clone(),
                })?;
                Ok((name, value))
            });
            Ok((
                contract.clone(),
                values.collect::<Result<_, GenesisFilesError>>()?,
            ))
        })
        .collect::<Result<_, GenesisFilesError>>()?;
    let council = U256::from_be_slice(council.as_slice());
    let models = settings.entry("ModelRegistry".to_owned()).or_default();
    models.insert("council".to_owned(), council);
    Ok(settings)
}

/// Storage of an implementation, which nobody may initialize: as `_disableInitializers` leaves it.
pub(super) fn sealed() -> BTreeMap<B256, B256> {
    BTreeMap::from([(INITIALIZABLE_SLOT, U256::from(u64::MAX).into())])
}

/// Runs the initialisers of `contracts`, which have names and addresses, one after the other with their settings, and
/// puts what they wrote into `accounts`.
///
/// # Errors
/// [`GenesisFilesError::UnknownContract`], [`GenesisFilesError::Setting`] and [`GenesisFilesError::Initialize`] for
/// settings that aren't taken.
pub(super) fn run(
    accounts: &mut BTreeMap<Address, GenesisAccount>,
    contracts: &[(String, Address)],
    parameters: &GenesisParameters,
) -> Result<(), GenesisFilesError> {
    for name in parameters.settings.keys() {
        if !contracts.iter().any(|(known, _)| known == name) {
            return Err(GenesisFilesError::UnknownContract { name: name.clone() });
        }
    }
    let database = database(accounts);
    let mut evm = Context::mainnet()
        .with_db(database)
        .modify_cfg_chained(|config| {
            config.chain_id = parameters.chain_id;
            config.set_spec_and_mainnet_gas_params(SpecId::PRAGUE);
        })
        .modify_block_chained(|block| {
            block.timestamp = U256::from(parameters.timestamp);
            block.gas_limit = parameters.gas_limit;
        })
        .build_mainnet();
    for (name, address) in contracts {
        let settings = parameters.settings.get(name);
        let settings = settings.into_iter().flatten().map(|(parameter, value)| {
            let unknown = || GenesisFilesError::Setting {
                contract: name.clone(),
                name: parameter.clone(),
            };
            if parameter.len() > NAME_BYTES_MAX {
                return Err(unknown());
            }
            Ok(Setting {
                name: B256::right_padding_from(parameter.as_bytes()),
                value: *value,
            })
        });
        let call = initializeCall {
            settings: settings.collect::<Result<_, _>>()?,
        };
        let result = evm.system_call_commit(*address, call.abi_encode().into());
        let reason = match result {
            Ok(ExecutionResult::Success { .. }) => continue,
            Ok(ExecutionResult::Revert { output, .. }) => in_words(&output),
            Ok(ExecutionResult::Halt { reason, .. }) => format!("it halts: {reason:?}"),
            Err(error) => error.to_string(),
        };
        return Err(GenesisFilesError::Initialize {
            contract: name.clone(),
            reason,
        });
    }
    for (_, address) in contracts {
        let (Some(account), Some(written)) = (
            accounts.get_mut(address),
            evm.ctx.journaled_state.database.cache.accounts.get(address),
        ) else {
            continue;
        };
        let storage = written.storage.iter().filter(|(_, value)| !value.is_zero());
        account.storage = Some(
            storage
                .map(|(slot, value)| ((*slot).into(), (*value).into()))
                .collect(),
        );
    }
    Ok(())
}

/// Accounts as the EVM reads them.
pub(super) fn database(accounts: &BTreeMap<Address, GenesisAccount>) -> CacheDB<EmptyDB> {
    let mut database = CacheDB::new(EmptyDB::new());
    for (address, account) in accounts {
        let code = Bytecode::new_raw(account.code.clone().unwrap_or_default());
        let info = AccountInfo {
            balance: account.balance,
            nonce: account.nonce.unwrap_or_default(),
            code_hash: code.hash_slow(),
            code: Some(code),
            ..Default::default()
        };
        database.insert_account_info(*address, info);
        for (slot, value) in account.storage.iter().flatten() {
            // An account that was just put in is there.
            let _ = database.insert_account_storage(*address, (*slot).into(), (*value).into());
        }
    }
    database
}

/// A contract's refusal of its settings.
fn in_words(output: &Bytes) -> String {
    use IParameterizedErrors::IParameterizedErrorsErrors as Errors;
    let text = |name: &B256| {
        let name: Vec<u8> = name.iter().copied().take_while(|byte| *byte != 0).collect();
        String::from_utf8_lossy(&name).into_owned()
    };
    match Errors::abi_decode(output) {
        Ok(Errors::UnknownParameter(error)) => format!("it has no parameter {}", text(&error.name)),
        Ok(Errors::ParameterOutOfBounds(error)) => format!(
            "{} is {}: from {} to {} are possible",
            text(&error.name),
            error.value,
            error.min,
            error.max
        ),
        Ok(Errors::ParametersConflict(error)) => format!(
            "{} and {} don't go together",
            text(&error.name),
            text(&error.other)
        ),
        Err(_) => format!("it reverts with {output}"),
    }
}
