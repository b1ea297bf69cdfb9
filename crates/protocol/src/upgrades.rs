//! The deposits with which a fork changes contracts, in the first block that it is active in.

use alloc::{string::ToString, vec::Vec};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, address, b256, hex, keccak256};
use op_alloy_consensus::{TxDeposit, UpgradeDepositSource};
use openledger_primitives::{
    JovianUpgrade,
    predeploys::{DEPOSITOR, GAS_PRICE_ORACLE, L1_BLOCK},
};

/// Hash of the code that Jovian's `L1Block` has once it is deployed.
const JOVIAN_L1_BLOCK_CODE_HASH: B256 =
    b256!("5f885ca815d2cf27a203123e50b8ae204fdca910b6995d90b2d7700cbb9240d1");
/// Hash of the code that Jovian's `GasPriceOracle` has once it is deployed.
const JOVIAN_GAS_PRICE_ORACLE_CODE_HASH: B256 =
    b256!("e9fc7c96c4db0d6078e3d359d7e8c982c350a513cb2c31121adf5e1e8a446614");

/// Deploys Jovian's `L1Block`; has never sent anything.
const JOVIAN_L1_BLOCK_DEPLOYER: Address = address!("4210000000000000000000000000000000000006");
/// Deploys Jovian's `GasPriceOracle`; has never sent anything.
const JOVIAN_GAS_PRICE_ORACLE_DEPLOYER: Address =
    address!("4210000000000000000000000000000000000007");

const JOVIAN_L1_BLOCK_GAS: u64 = 447_315;
const JOVIAN_GAS_PRICE_ORACLE_GAS: u64 = 1_750_714;
const PROXY_UPDATE_GAS: u64 = 50_000;
const SET_JOVIAN_GAS: u64 = 90_000;

/// Gas limits of [`jovian_upgrade_deposits`] together: what the block that activates Jovian needs beyond its
/// L1 attributes and user deposits.
pub const JOVIAN_UPGRADE_GAS: u64 =
    JOVIAN_L1_BLOCK_GAS + JOVIAN_GAS_PRICE_ORACLE_GAS + 2 * PROXY_UPDATE_GAS + SET_JOVIAN_GAS;

/// `upgradeTo(address)`.
const UPGRADE_TO: [u8; 4] = [0x36, 0x59, 0xcf, 0xe6];
/// `setJovian()`.
const SET_JOVIAN: [u8; 4] = [0xb3, 0xd7, 0x20, 0x79];

/// Why code isn't what a fork deploys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UpgradeCodeError {
    /// It doesn't begin with the instructions that copy what follows and return it.
    #[error("{len} bytes of {contract} are no init code of a contract without a constructor")]
    Constructor {
        /// The contract.
        contract: &'static str,
        /// How much there is.
        len: usize,
    },
    /// What it deploys is another contract.
    #[error("the code of {contract} has the hash {found}, not {expected}")]
    Hash {
        /// The contract.
        contract: &'static str,
        /// What the specification says.
        expected: B256,
        /// The hash of the code.
        found: B256,
    },
}

/// Checks that this is what every OP chain deploys in the block that activates Jovian, to the last byte.
///
/// Source: OP specification, Jovian, "L1Block deployment" and "GasPriceOracle deployment".
///
/// # Errors
/// Anything else.
pub fn check_jovian_upgrade(upgrade: &JovianUpgrade) -> Result<(), UpgradeCodeError> {
    for (contract, init_code, expected) in [
        ("L1Block", &upgrade.l1_block, JOVIAN_L1_BLOCK_CODE_HASH),
        (
            "GasPriceOracle",
            &upgrade.gas_price_oracle,
            JOVIAN_GAS_PRICE_ORACLE_CODE_HASH,
        ),
    ] {
        check_init_code(contract, init_code, expected)?;
    }
    Ok(())
}

/// Checks that `init_code` deploys the code with this hash, by solc's instructions for a contract without a
/// constructor: refuse value, copy what follows, return it.
fn check_init_code(
    contract: &'static str,
    init_code: &[u8],
    expected: B256,
) -> Result<(), UpgradeCodeError> {
    const SIZE_AT: usize = 19;
    /// With zeros where the size of the code stands, a big-endian u16.
    const CONSTRUCTOR: [u8; 32] =
        hex!("608060405234801561001057600080fd5b50610000806100206000396000f3fe");
    let len = init_code.len();
    let malformed = UpgradeCodeError::Constructor { contract, len };
    let (constructor, code) = init_code.split_first_chunk::<32>().ok_or(malformed)?;
    let size = u16::try_from(code.len()).map_err(|_| malformed)?;
    let mut constructed = CONSTRUCTOR;
    for (byte, digit) in constructed.iter_mut().skip(SIZE_AT).zip(size.to_be_bytes()) {
        *byte = digit;
    }
    if *constructor != constructed {
        return Err(malformed);
    }
    let found = keccak256(code);
    if found != expected {
        return Err(UpgradeCodeError::Hash {
            contract,
            expected,
            found,
        });
    }
    Ok(())
}

/// The upgrade transactions of Jovian, in their order: OP's implementations of `L1Block` and
/// `GasPriceOracle` are deployed, the proxies pointed to them, and the oracle told to use Jovian's operator
/// fee.
///
/// Source: OP specification, Jovian, "Network upgrade transactions". Its text has other intents for the
/// first four source hashes than op-node and kona; the chains that activated Jovian have theirs, as these do.
pub fn jovian_upgrade_deposits(upgrade: &JovianUpgrade) -> Vec<TxDeposit> {
    let deposit = |intent: &str, from, to, gas_limit, input| TxDeposit {
        source_hash: UpgradeDepositSource::new(intent.to_string()).source_hash(),
        from,
        to,
        mint: 0,
        value: U256::ZERO,
        gas_limit,
        is_system_transaction: false,
        input,
    };
    [
        deposit(
            "Jovian: L1 Block Deployment",
            JOVIAN_L1_BLOCK_DEPLOYER,
            TxKind::Create,
            JOVIAN_L1_BLOCK_GAS,
            upgrade.l1_block.clone(),
        ),
        deposit(
            "Jovian: L1 Block Proxy Update",
            Address::ZERO,
            TxKind::Call(L1_BLOCK),
            PROXY_UPDATE_GAS,
            upgrade_to(JOVIAN_L1_BLOCK_DEPLOYER.create(0)),
        ),
        deposit(
            "Jovian: Gas Price Oracle Deployment",
            JOVIAN_GAS_PRICE_ORACLE_DEPLOYER,
            TxKind::Create,
            JOVIAN_GAS_PRICE_ORACLE_GAS,
            upgrade.gas_price_oracle.clone(),
        ),
        deposit(
            "Jovian: Gas Price Oracle Proxy Update",
            Address::ZERO,
            TxKind::Call(GAS_PRICE_ORACLE),
            PROXY_UPDATE_GAS,
            upgrade_to(JOVIAN_GAS_PRICE_ORACLE_DEPLOYER.create(0)),
        ),
        deposit(
            "Jovian: Gas Price Oracle Set Jovian",
            DEPOSITOR,
            TxKind::Call(GAS_PRICE_ORACLE),
            SET_JOVIAN_GAS,
            Bytes::from_static(&SET_JOVIAN),
        ),
    ]
    .into()
}

fn upgrade_to(implementation: Address) -> Bytes {
    let word = implementation.into_word();
    [&UPGRADE_TO[..], word.as_slice()].concat().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_config::upgrade;

    #[test]
    fn selectors_are_the_functions() {
        assert_eq!(UPGRADE_TO, keccak256("upgradeTo(address)")[..4]);
        assert_eq!(SET_JOVIAN, keccak256("setJovian()")[..4]);
    }

    /// The numbers of op-node's and kona's own tests (`jovian_upgrade_transactions_test.go`, `jovian.rs`).
    #[test]
    fn deposits_are_those_of_other_implementations() {
        let deposits = jovian_upgrade_deposits(&upgrade());
        let summary: Vec<(B256, Address, Option<Address>, u64)> = deposits
            .iter()
            .map(|tx| (tx.source_hash, tx.from, tx.to.to().copied(), tx.gas_limit))
            .collect();
        let (l1_block, oracle) = (
            address!("4200000000000000000000000000000000000015"),
            address!("420000000000000000000000000000000000000F"),
        );
        assert_eq!(
            summary,
            [
                (
                    b256!("bb1a656f65401240fac3db12e7a79ebb954b11e62f7626eb11691539b798d3bf"),
                    address!("4210000000000000000000000000000000000006"),
                    None,
                    447_315
                ),
                (
                    b256!("f3275f829340521028f9ad5bce4ecb1c64a45d448794effa2a77674627338e76"),
                    Address::ZERO,
                    Some(l1_block),
                    50_000
                ),
                (
                    b256!("239b7021a6c2cf3a918481242bbb5a9499057f24501539467536c691bb133962"),
                    address!("4210000000000000000000000000000000000007"),
                    None,
                    1_750_714
                ),
                (
                    b256!("a70c60aa53b8c1c0d52b39b1e901e7d7c09f7819595cb24048a6bb1983b401ff"),
                    Address::ZERO,
                    Some(oracle),
                    50_000
                ),
                (
                    b256!("e836db6a959371756f8941be3e962d000f7e12a32e49e2c9ca42ba177a92716c"),
                    address!("DeaDDEaDDeAdDeAdDEAdDEaddeAddEAdDEAd0001"),
                    Some(oracle),
                    90_000
                ),
            ]
        );
        let gas: u64 = deposits.iter().map(|tx| tx.gas_limit).sum();
        assert_eq!(gas, JOVIAN_UPGRADE_GAS);
        assert!(
            deposits.iter().all(|tx| {
                (tx.mint, tx.value, tx.is_system_transaction) == (0, U256::ZERO, false)
            })
        );
        let input = |at: usize| hex::encode(&deposits[at].input);
        assert_eq!(deposits[0].input, upgrade().l1_block);
        assert_eq!(
            input(1),
            "3659cfe60000000000000000000000003ba4007f5c922fbb33c454b41ea7a1f11e83df2c"
        );
        assert_eq!(deposits[2].input, upgrade().gas_price_oracle);
        assert_eq!(
            input(3),
            "3659cfe60000000000000000000000004f1db3c6abd250ba86e0928471a8f7db3afd88f1"
        );
        assert_eq!(input(4), "b3d72079");
    }

    #[test]
    fn code_is_known_by_its_hash_and_nothing_may_be_around_it() {
        let code = [0xfe_u8; 0x0715];
        let good = [
            &hex!("608060405234801561001057600080fd5b506107158061002060003960 00f3fe")[..],
            &code,
        ]
        .concat();
        let hash = keccak256(code);
        assert_eq!(check_init_code("L1Block", &good, hash), Ok(()));
        for at in [0, 15, 20, 31] {
            let mut other = good.clone();
            other[at] ^= 1;
            assert!(matches!(
                check_init_code("L1Block", &other, hash),
                Err(UpgradeCodeError::Constructor { .. })
            ));
        }
        let more = [&good[..], &[0]].concat();
        for other in [&good[..31], &good[..good.len() - 1], &more] {
            assert!(check_init_code("L1Block", other, hash).is_err());
        }
        let mut other = good.clone();
        other[40] = 0;
        assert!(matches!(
            check_init_code("L1Block", &other, hash),
            Err(UpgradeCodeError::Hash { .. })
        ));
        assert!(check_jovian_upgrade(&JovianUpgrade::default()).is_err());
        let other = JovianUpgrade {
            l1_block: good.clone().into(),
            gas_price_oracle: good.into(),
        };
        assert!(matches!(
            check_jovian_upgrade(&other),
            Err(UpgradeCodeError::Hash {
                contract: "L1Block",
                ..
            })
        ));
    }
}
