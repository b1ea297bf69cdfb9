use super::*;
use alloy_primitives::{address, b256};
use alloy_sol_types::SolCall;
use openledger_primitives::JovianUpgrade;
use revm::{Context, MainBuilder, MainContext, SystemCallEvm};
use std::{fs, path::Path};

fn parameters() -> GenesisParameters {
    GenesisParameters {
        chain_id: LOCAL_CHAIN_ID,
        timestamp: 1_800_000_000,
        block_time: 1,
        gas_limit: DEFAULT_GAS_LIMIT,
        fee_recipient: address!("70997970C51812dc3A010C7d01b50e0d17dc79C8"),
        funded: BTreeMap::from([(
            address!("f39Fd6e51aad88F6F4ce6aB8827279cffFb92266"),
            U256::from(10_000) * U256::from(10).pow(U256::from(18)),
        )]),
        settled: true,
        l1_origin: GenesisId {
            hash: b256!("1111111111111111111111111111111111111111111111111111111111111111"),
            number: 7,
        },
        l1_chain_id: 900,
        l1_contracts: L1Contracts {
            system_config: Address::repeat_byte(1),
            portal: Address::repeat_byte(2),
            batch_inbox: Address::repeat_byte(3),
            proxy_admin: Address::repeat_byte(4),
            l1_cross_domain_messenger: Address::repeat_byte(6),
            l1_standard_bridge: Address::repeat_byte(7),
            ..L1Contracts::default()
        },
        batcher: Address::repeat_byte(5),
        settings: ProtocolSettings::new(),
        forks: ForkTimes::ISTHMUS,
    }
}

#[test]
fn the_genesis_hash_is_a_function_of_the_parameters() {
    let hash =
        |parameters: &GenesisParameters| chain_files(parameters).unwrap().rollup.genesis.l2.hash;
    let one = parameters();
    assert_eq!(hash(&one), hash(&one.clone()));
    let other = GenesisParameters {
        fee_recipient: Address::repeat_byte(9),
        ..one.clone()
    };
    assert_ne!(hash(&one), hash(&other));
    // Of the L1's addresses only those that L2's contracts call are in the state.
    let other = GenesisParameters {
        batcher: Address::repeat_byte(9),
        l1_contracts: L1Contracts {
            system_config: Address::repeat_byte(9),
            portal: Address::repeat_byte(9),
            batch_inbox: Address::repeat_byte(9),
            proxy_admin: Address::repeat_byte(9),
            ..one.l1_contracts
        },
        ..one.clone()
    };
    assert_eq!(hash(&one), hash(&other));
    for l1_contracts in [
        L1Contracts {
            l1_cross_domain_messenger: Address::repeat_byte(9),
            ..one.l1_contracts
        },
        L1Contracts {
            l1_standard_bridge: Address::repeat_byte(9),
            ..one.l1_contracts
        },
    ] {
        let other = GenesisParameters {
            l1_contracts,
            ..one.clone()
        };
        assert_ne!(hash(&one), hash(&other));
    }
}

#[test]
fn every_predeploy_and_preinstall_has_code() {
    let genesis = chain_files(&parameters()).unwrap().genesis;
    let code = |address: &Address| genesis.alloc[address].code.clone().unwrap_or_default();
    for address in [
        predeploys::WRAPPED_OPEN,
        predeploys::L2_CROSS_DOMAIN_MESSENGER,
        predeploys::L2_STANDARD_BRIDGE,
        predeploys::OPTIMISM_MINTABLE_ERC20_FACTORY,
        predeploys::GAS_PRICE_ORACLE,
        predeploys::SEQUENCER_FEE_VAULT,
        predeploys::L1_BLOCK,
        predeploys::L2_TO_L1_MESSAGE_PASSER,
        predeploys::PROXY_ADMIN,
        predeploys::BASE_FEE_VAULT,
        predeploys::L1_FEE_VAULT,
        predeploys::OPERATOR_FEE_VAULT,
        predeploys::HISTORY_STORAGE,
        predeploys::BEACON_ROOTS,
        address!("cA11bde05977b3631167028862bE2a173976CA11"),
        address!("4e59b44847b379578588920cA78FbF26c0B4956C"),
        address!("000000000022D473030F116dDEE9F6B43aC78BA3"),
        address!("0000000071727De22E5E9d8BAf0edAc6f37da032"),
        address!("4337084D9E255Ff0702461CF8895CE9E3b5Ff108"),
        address!("1820a4B7618BdE71Dce8cdc73aAB6C95905faD24"),
    ] {
        assert!(!code(&address).is_empty(), "{address}");
    }
    // EIP-1967: the slot of each proxy's implementation holds an address that has code.
    let slot = b256!("360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc");
    let mut proxies = 0;
    for account in genesis.alloc.values() {
        if let Some(word) = account
            .storage
            .as_ref()
            .and_then(|storage| storage.get(&slot))
        {
            assert!(!code(&Address::from_word(*word)).is_empty());
            proxies += 1;
        }
    }
    assert_eq!(proxies, 11 + 19);
}

#[test]
fn native_precompiles_are_accounts_that_are_not_empty() {
    let genesis = chain_files(&parameters()).unwrap().genesis;
    for address in [
        address!("0000000000000000000000000000000000000A01"),
        address!("0000000000000000000000000000000000000A02"),
        address!("0000000000000000000000000000000000000A03"),
        address!("0000000000000000000000000000000000000A04"),
    ] {
        let account = &genesis.alloc[&address];
        assert_eq!(account.nonce, Some(1), "{address}");
        assert_eq!(account.code.as_ref().unwrap()[..], [0xfe], "{address}");
        assert!(account.balance.is_zero() && account.storage.is_none());
    }
}

#[test]
fn owner_recipient_and_accounts_are_the_chains() {
    let parameters = parameters();
    let genesis = chain_files(&parameters).unwrap().genesis;
    let slot = |address: Address, slot: u64| {
        genesis.alloc[&address].storage.as_ref().unwrap()[&B256::from(U256::from(slot))]
    };
    assert_eq!(
        Address::from_word(slot(predeploys::PROXY_ADMIN, 0)),
        predeploys::CODE_TIMELOCK
    );
    let recipient = slot(predeploys::BASE_FEE_VAULT, 2);
    assert_eq!(Address::from_word(recipient), parameters.fee_recipient);
    assert_eq!(
        recipient[11], 1,
        "the byte above says that the vault pays on L2"
    );
    for (address, balance) in &parameters.funded {
        assert_eq!(genesis.alloc[address].balance, *balance);
    }
    assert_eq!(genesis.extra_data.as_ref(), [0, 0, 0, 0, 250, 0, 0, 0, 6]);
}

#[test]
fn messenger_and_bridge_know_their_counterparts() {
    let word = |parameters: &GenesisParameters, address: Address, slot: B256| {
        let genesis = chain_files(parameters).unwrap().genesis;
        genesis.alloc[&address]
            .storage
            .as_ref()
            .and_then(|storage| storage.get(&slot))
            .copied()
            .unwrap_or_default()
    };
    let slot = |slot: u64| B256::from(U256::from(slot));
    let settled = parameters();
    let unsettled = GenesisParameters {
        l1_contracts: L1Contracts::default(),
        ..parameters()
    };
    for (parameters, messenger, bridge) in [
        (
            &settled,
            settled.l1_contracts.l1_cross_domain_messenger,
            settled.l1_contracts.l1_standard_bridge,
        ),
        (&unsettled, Address::ZERO, Address::ZERO),
    ] {
        assert_eq!(
            word(parameters, predeploys::L2_CROSS_DOMAIN_MESSENGER, slot(3)),
            messenger.into_word()
        );
        assert_eq!(
            word(parameters, predeploys::L2_STANDARD_BRIDGE, slot(1)),
            bridge.into_word()
        );
        // The factory's tokens obey L2's bridge, and nobody can initialize it again (ERC-7201
        // "openzeppelin.storage.Initializable").
        let factory = predeploys::OPTIMISM_MINTABLE_ERC20_FACTORY;
        assert_eq!(
            word(parameters, factory, slot(0)),
            predeploys::L2_STANDARD_BRIDGE.into_word()
        );
        let initialized = b256!("f0c57e16840df040f15088dc2f81fe391c3923bec73e23a9662efc9c229c6a00");
        assert_eq!(word(parameters, factory, initialized), slot(1));
    }
}

#[test]
fn our_own_settings_stand_in_genesis_only() {
    let files = chain_files(&parameters()).unwrap();
    let extra: GenesisExtra =
        serde_json::from_value(files.genesis.config.extra_fields[GENESIS_EXTRA_KEY].clone())
            .unwrap();
    assert_eq!(
        extra,
        GenesisExtra {
            native_token: "OPEN".to_owned(),
            settled: true
        }
    );
    let rollup = serde_json::to_value(&files.rollup).unwrap();
    assert!(rollup.get(GENESIS_EXTRA_KEY).is_none());
}

#[test]
fn a_gas_limit_that_l1_refuses_is_refused_here() {
    for gas_limit in [20_999_999, 1_000_000_001] {
        let parameters = GenesisParameters {
            gas_limit,
            ..parameters()
        };
        assert!(matches!(
            chain_files(&parameters),
            Err(GenesisFilesError::GasLimit { given, .. }) if given == gas_limit
        ));
    }
}

#[test]
fn files_survive_writing_and_reading() {
    let directory = tempfile::tempdir().unwrap();
    let files = chain_files(&parameters()).unwrap();
    files.write(directory.path()).unwrap();
    let read = ChainFiles::read(directory.path()).unwrap();
    assert_eq!(read.rollup, files.rollup);
    assert_eq!(read.l1, files.l1);
    assert_eq!(
        genesis_block(&read.genesis).unwrap().0.hash,
        files.rollup.genesis.l2.hash
    );
}

/// What reading the files with these changes says, or nothing where they can be used.
fn refusal(change: impl Fn(&mut ChainFiles)) -> Option<String> {
    let directory = tempfile::tempdir().unwrap();
    let mut files = chain_files(&parameters()).unwrap();
    change(&mut files);
    files.write(directory.path()).unwrap();
    let read = ChainFiles::read(directory.path());
    read.err().map(|error| error.to_string())
}

#[test]
fn forks_that_this_version_can_activate_are_taken() {
    let genesis = parameters().timestamp;
    let unsettle = |files: &mut ChainFiles| {
        let extra = GenesisExtra {
            native_token: "OPEN".to_owned(),
            settled: false,
        };
        let extra = serde_json::to_value(extra).unwrap();
        let fields = &mut files.genesis.config.extra_fields;
        fields.insert(GENESIS_EXTRA_KEY.to_owned(), extra);
    };
    let later = |files: &mut ChainFiles| files.rollup.forks.jovian_time = Some(genesis + 1);
    assert_eq!(refusal(unsettle), None);
    for (words, change) in [
        (
            "rollup.json schedules Jovian at 1800000001, after genesis, and the chain is unsettled",
            &(|files: &mut ChainFiles| {
                later(files);
                unsettle(files);
            }) as &dyn Fn(&mut ChainFiles),
        ),
        (
            "rollup.json schedules Jovian at 1800000001, after genesis, and what its first block deploys is missing",
            &later,
        ),
        (
            "rollup.json schedules Karst at 1800000001, and Jovian not until then",
            &|files| files.rollup.forks.karst_time = Some(genesis + 1),
        ),
        (
            "rollup.json schedules Karst at 1800000001, after genesis: its upgrade transactions",
            &|files| {
                later(files);
                files.rollup.forks.karst_time = Some(genesis + 1);
            },
        ),
        (
            "genesis.json: extraData has 9 bytes, and a genesis with Jovian has 17",
            &|files| files.rollup.forks.jovian_time = Some(genesis),
        ),
        (
            "rollup.json: isthmus_time must be there and not after genesis",
            &|files| files.rollup.forks.isthmus_time = Some(genesis + 1),
        ),
        (
            "rollup.json: ecotone_time must be there and not after genesis",
            &|files| files.rollup.forks.ecotone_time = None,
        ),
    ] {
        let refused = refusal(change).unwrap_or_default();
        assert!(refused.starts_with(words), "{refused}");
    }
}

/// What Jovian deploys is the same on every chain: anything else would make another chain than other OP
/// software derives.
#[test]
fn other_code_than_the_specified_is_refused() {
    let with = |l1_block: &[u8], oracle: &[u8]| {
        refusal(|files| {
            files.rollup.forks.jovian_time = Some(parameters().timestamp + 1);
            files.rollup.jovian_upgrade = Some(JovianUpgrade {
                l1_block: l1_block.to_vec().into(),
                gas_price_oracle: oracle.to_vec().into(),
            });
        })
        .unwrap()
    };
    assert!(with(&[1; 60], &[1; 60]).contains("60 bytes of L1Block are no init code"));
    let directory = tempfile::tempdir().unwrap();
    let mut files = chain_files(&parameters()).unwrap();
    files.rollup.forks.jovian_time = Some(parameters().timestamp + 1);
    files.write(directory.path()).unwrap();
    let upgrades = directory.path().join("upgrades");
    fs::create_dir(&upgrades).unwrap();
    let refused = |content: &str| {
        fs::write(upgrades.join("jovian-l1-block-deployment.txt"), content).unwrap();
        ChainFiles::read(directory.path()).unwrap_err().to_string()
    };
    let said = refused("0x60806040\n");
    assert!(
        said.contains("jovian-gas-price-oracle-deployment.txt"),
        "{said}"
    );
    let said = refused("0x6z");
    assert!(said.contains("jovian-l1-block-deployment.txt"), "{said}");
}

/// With the files of the OP specification, which `OPENLEDGER_UPGRADES` names the directory of where they
/// are at hand.
#[test]
fn the_specified_code_is_taken() {
    let Some(given) = std::env::var_os("OPENLEDGER_UPGRADES") else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let mut files = chain_files(&parameters()).unwrap();
    files.rollup.forks.jovian_time = Some(parameters().timestamp + 1);
    files.write(directory.path()).unwrap();
    let upgrades = directory.path().join("upgrades");
    fs::create_dir(&upgrades).unwrap();
    for name in [
        "jovian-l1-block-deployment.txt",
        "jovian-gas-price-oracle-deployment.txt",
    ] {
        fs::copy(Path::new(&given).join(name), upgrades.join(name)).unwrap();
    }
    let read = ChainFiles::read(directory.path()).unwrap();
    let upgrade = read.rollup.jovian_upgrade.clone().unwrap();
    assert_eq!(
        (upgrade.l1_block.len(), upgrade.gas_price_oracle.len()),
        (1_845, 7_880)
    );
    // Written again they are the same.
    let copy = tempfile::tempdir().unwrap();
    read.write(copy.path()).unwrap();
    assert_eq!(ChainFiles::read(copy.path()).unwrap().rollup, read.rollup);
}

#[test]
fn a_genesis_with_jovian_or_karst_is_one() {
    let directory = tempfile::tempdir().unwrap();
    let flags = |files: &ChainFiles| {
        let oracle = &files.genesis.alloc[&predeploys::GAS_PRICE_ORACLE];
        oracle.storage.as_ref().unwrap()[&B256::ZERO]
    };
    let time = parameters().timestamp;
    for (jovian_time, karst_time, oracle, extra_bytes) in [
        (None, None, 0x0001_0101_u32, 9),
        (Some(time + 1), None, 0x0001_0101, 9),
        (Some(0), None, 0x0101_0101, 17),
        (Some(time), Some(time), 0x0101_0101, 17),
    ] {
        let files = chain_files(&GenesisParameters {
            forks: ForkTimes {
                jovian_time,
                karst_time,
                ..ForkTimes::ISTHMUS
            },
            ..parameters()
        })
        .unwrap();
        assert_eq!(flags(&files), B256::from(U256::from(oracle)));
        assert_eq!(files.genesis.extra_data.len(), extra_bytes);
        let config = serde_json::to_value(&files.genesis.config).unwrap();
        assert_eq!(
            config.get("jovianTime"),
            jovian_time.map(Into::into).as_ref()
        );
        assert_eq!(config.get("karstTime"), karst_time.map(Into::into).as_ref());
        assert_eq!(config.get("osakaTime"), karst_time.map(Into::into).as_ref());
        files.write(directory.path()).unwrap();
        if jovian_time != Some(time + 1) {
            let read = ChainFiles::read(directory.path()).unwrap();
            assert_eq!(read.rollup, files.rollup);
        }
    }
}

/// The file that `crates/testing/kona` loads with another implementation is the one that we write.
/// `UPDATE_VECTORS=1` rewrites it.
#[test]
fn the_rollup_file_that_kona_loads_is_ours() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../testing/kona/rollup.json");
    let directory = tempfile::tempdir().unwrap();
    chain_files(&parameters())
        .unwrap()
        .write(directory.path())
        .unwrap();
    let written = fs::read_to_string(directory.path().join("rollup.json")).unwrap();
    if std::env::var_os("UPDATE_VECTORS").is_some() {
        fs::write(&path, &written).unwrap();
    }
    assert_eq!(
        fs::read_to_string(&path).unwrap(),
        written,
        "run it with UPDATE_VECTORS=1"
    );
}

/// The rows of `docs/spec/parameters.md`: contract, parameter, unit, and default, minimum, maximum and local value.
fn documented() -> Vec<(&'static str, &'static str, &'static str, [&'static str; 4])> {
    let mut contract = "";
    let mut rows = Vec::new();
    for line in include_str!("../../../../docs/spec/parameters.md").lines() {
        if let Some(name) = line.strip_prefix("## ") {
            contract = name;
        }
        let Some(row) = line.strip_prefix("| `") else {
            continue;
        };
        let cells: Vec<&str> = row.split('|').map(str::trim).collect();
        let name = cells[0].trim_end_matches('`');
        rows.push((
            contract,
            name,
            cells[1],
            [cells[2], cells[3], cells[4], cells[5]],
        ));
    }
    rows
}

/// A cell's value in the contract's unit.
fn value(cell: &str, unit: &str) -> U256 {
    let (cell, _) = cell.split_once(" (").unwrap_or((cell, ""));
    let digits = cell.replace(',', "");
    if digits == "2¹⁶⁰ − 1" {
        return U256::MAX >> 96;
    }
    if let Some(wei) = digits.strip_suffix(" wei") {
        return wei.parse().unwrap();
    }
    match unit {
        "OPEN" | "points" => alloy_primitives::utils::parse_ether(&digits).unwrap(),
        _ => digits.parse().unwrap(),
    }
}

/// What a call answers on a genesis state.
fn ask<C: SolCall>(genesis: &Genesis, contract: Address, call: C) -> C::Return {
    let database = initialize::database(&genesis.alloc);
    let mut evm = Context::mainnet().with_db(database).build_mainnet();
    let result = evm
        .system_call(contract, call.abi_encode().into())
        .unwrap()
        .result;
    assert!(result.is_success(), "{result:?}");
    C::abi_decode_returns(result.output().unwrap()).unwrap()
}

mod contract {
    alloy_sol_types::sol! {
        struct Bounds { bytes32 name; uint256 initial; uint256 min; uint256 max; }
        function parameters() external view returns (Bounds[] memory);
        function parameter(bytes32 name) external view returns (uint256);
        function getMinDelay() external view returns (uint256);
    }
}

#[test]
fn parameters_are_those_of_the_page_by_default_and_on_a_local_chain() {
    const TIMELOCKS: [&str; 2] = ["ParamTimelock", "CodeTimelock"];
    let council = Address::repeat_byte(0x77);
    let layout: serde_json::Value =
        serde_json::from_str(include_str!("../../../../contracts/genesis/layout.json")).unwrap();
    let addresses: BTreeMap<&str, Address> = layout["predeploys"]
        .as_array()
        .unwrap()
        .iter()
        .map(|row| {
            let address = row["address"].as_str().unwrap().parse().unwrap();
            (row["name"].as_str().unwrap(), address)
        })
        .collect();
    let plain = chain_files(&parameters()).unwrap().genesis;
    let local = GenesisParameters {
        settings: local_settings(council).unwrap(),
        ..parameters()
    };
    let local = chain_files(&local).unwrap().genesis;
    let rows = documented();
    assert!(rows.len() > 60);
    let mut listed: BTreeMap<&str, Vec<[U256; 3]>> = BTreeMap::new();
    for (contract, name, unit, [default, min, max, in_local]) in rows {
        let address = addresses[contract];
        let in_local = match in_local {
            "the first account" => U256::from_be_slice(council.as_slice()),
            cell => value(cell, unit),
        };
        if TIMELOCKS.contains(&contract) {
            assert_eq!(
                ask(&plain, address, contract::getMinDelayCall {}),
                value(default, unit)
            );
            assert_eq!(ask(&local, address, contract::getMinDelayCall {}), in_local);
            continue;
        }
        let call = contract::parameterCall {
            name: B256::right_padding_from(name.as_bytes()),
        };
        assert_eq!(
            ask(&plain, address, call.clone()),
            value(default, unit),
            "{contract}.{name}"
        );
        assert_eq!(ask(&local, address, call), in_local, "{contract}.{name}");
        listed
            .entry(contract)
            .or_default()
            .push([default, min, max].map(|cell| value(cell, unit)));
    }
    // None is left out, and the bounds are those that the contracts enforce.
    for (contract, listed) in listed {
        let bounds = ask(&plain, addresses[contract], contract::parametersCall {});
        let bounds: Vec<_> = bounds
            .iter()
            .map(|one| [one.initial, one.min, one.max])
            .collect();
        assert_eq!(bounds, listed, "{contract}");
    }
}

#[test]
fn settings_that_the_contracts_refuse_are_refused_in_words() {
    let refused = |contract: &str, name: &str, value: u64| {
        let values = BTreeMap::from([(name.to_owned(), U256::from(value))]);
        let parameters = GenesisParameters {
            settings: BTreeMap::from([(contract.to_owned(), values)]),
            ..parameters()
        };
        chain_files(&parameters).unwrap_err().to_string()
    };
    assert_eq!(
        refused("Jury", "drawSeconds", 4),
        "Jury can't be initialized: drawSeconds is 4: from 5 to 7200 are possible"
    );
    assert_eq!(
        refused("Jury", "drawMinutes", 4),
        "Jury can't be initialized: it has no parameter drawMinutes"
    );
    assert_eq!(
        refused("EpochQuestions", "questionBond", 1),
        "EpochQuestions can't be initialized: questionBond is 1: from 1000000000000000000 to 100000000000000000000000 are possible"
    );
    assert!(refused("ValidatorStaking", "unbondingSeconds", 10).contains("don't go together"));
    assert!(refused("Bank", "interest", 1).contains("settings for Bank, which is no contract"));
    let long = "x".repeat(33);
    assert!(refused("Jury", &long, 1).contains(&long));
}

#[test]
fn nobody_initializes_again_neither_predeploys_nor_their_implementations() {
    let genesis = chain_files(&parameters()).unwrap().genesis;
    let slot = b256!("360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc");
    let mut tried = 0;
    for number in 0x1000_u16..=0x1012 {
        let predeploy = predeploys::GOPEN.0.0;
        let mut predeploy = Address::from(predeploy);
        predeploy.0[18..].copy_from_slice(&number.to_be_bytes());
        let storage = genesis.alloc[&predeploy].storage.as_ref().unwrap();
        for address in [predeploy, Address::from_word(storage[&slot])] {
            let mut evm = Context::mainnet()
                .with_db(initialize::database(&genesis.alloc))
                .build_mainnet();
            let call = initialize::initializeCall { settings: vec![] };
            let result = evm
                .system_call(address, call.abi_encode().into())
                .unwrap()
                .result;
            assert!(!result.is_success(), "{address}");
            // InvalidInitialization().
            assert_eq!(
                result.output().unwrap()[..],
                [0xf9, 0x2e, 0xe8, 0xa9],
                "{address}"
            );
            tried += 1;
        }
    }
    assert_eq!(tried, 38);
}
