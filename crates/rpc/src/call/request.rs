use crate::{
    error::Failure,
    params::{FromJson, Object, ParamError, Path},
};
use alloy_consensus::{SignableTransaction as _, TxEip1559, TxEip2930, TxEip7702, TxLegacy};
use alloy_eips::{
    eip2930::{AccessList, AccessListItem},
    eip7702::{Authorization, SignedAuthorization},
};
use alloy_op_evm::OpTx;
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256};
use op_revm::{OpTransaction, transaction::deposit::DepositTransactionParts};
use openledger_primitives::Transaction;
use revm::context::{TxEnv, either::Either};
use serde_json::value::RawValue;

/// EIP-4844's type, which this chain doesn't take.
const BLOB: u64 = 3;

/// A call or an unsigned transaction, as far as the caller has filled it in.
#[derive(Debug, Clone, Default)]
pub(crate) struct CallRequest {
    pub(crate) from: Option<Address>,
    pub(crate) to: Option<Address>,
    pub(crate) gas: Option<u64>,
    pub(crate) gas_price: Option<u128>,
    pub(crate) max_fee_per_gas: Option<u128>,
    pub(crate) max_priority_fee_per_gas: Option<u128>,
    pub(crate) value: Option<U256>,
    pub(crate) nonce: Option<u64>,
    pub(crate) input: Bytes,
    pub(crate) chain_id: Option<u64>,
    pub(crate) access_list: Option<AccessList>,
    pub(crate) authorization_list: Option<Vec<SignedAuthorization>>,
    /// The type, if it was named.
    pub(crate) ty: Option<u64>,
}

impl FromJson<'_> for CallRequest {
    fn from_json(raw: &RawValue, path: &Path<'_>) -> Result<Self, Failure> {
        let object = Object::from_json(raw, path)?;
        let data: Option<Bytes> = object.optional("data", path)?;
        let input: Option<Bytes> = object.optional("input", path)?;
        if let (Some(data), Some(input)) = (&data, &input)
            && data != input
        {
            return Err(path.field("data").error(ParamError::Conflict(
                "both \"data\" and \"input\" are set and not equal: use \"input\" alone",
            )));
        }
        let mut request = Self {
            from: object.optional("from", path)?,
            to: object.optional("to", path)?,
            gas: object.optional("gas", path)?,
            gas_price: object.optional("gasPrice", path)?,
            max_fee_per_gas: object.optional("maxFeePerGas", path)?,
            max_priority_fee_per_gas: object.optional("maxPriorityFeePerGas", path)?,
            value: object.optional("value", path)?,
            nonce: object.optional("nonce", path)?,
            input: input.or(data).unwrap_or_default(),
            chain_id: object.optional("chainId", path)?,
            access_list: object
                .optional::<Vec<Item>>("accessList", path)?
                .map(|items| AccessList(items.into_iter().map(|item| item.0).collect())),
            authorization_list: object
                .optional::<Vec<SignedItem>>("authorizationList", path)?
                .map(|items| items.into_iter().map(|item| item.0).collect()),
            ty: object.optional("type", path)?,
        };
        request.check(&object, path)?;
        if request.max_fee_per_gas.is_some() {
            request.gas_price = None;
        }
        Ok(request)
    }
}

impl CallRequest {
    fn check(&self, object: &Object<'_>, path: &Path<'_>) -> Result<(), Failure> {
        // viem's fee estimates repeat the fee cap as gas price, which contradicts nothing.
        let repeated = self.gas_price.is_some() && self.gas_price == self.max_fee_per_gas;
        if self.gas_price.is_some()
            && !repeated
            && (self.max_fee_per_gas.is_some() || self.max_priority_fee_per_gas.is_some())
        {
            return Err(path.field("gasPrice").error(ParamError::Conflict(
                "both gasPrice and (maxFeePerGas or maxPriorityFeePerGas) specified",
            )));
        }
        let blobs = ["blobVersionedHashes", "maxFeePerBlobGas", "blobs"];
        for name in blobs {
            if object.raw(name).is_some_and(|raw| raw.get() != "[]") {
                return Err(path.field(name).error(ParamError::Conflict(
                    "blob transactions are not supported by this chain",
                )));
            }
        }
        match self.ty {
            Some(BLOB) => Err(path.field("type").error(ParamError::Conflict(
                "blob transactions are not supported by this chain",
            ))),
            Some(0..=4) | None => Ok(()),
            Some(_) => Err(path.field("type").error(ParamError::Unknown {
                expected: "0x0, 0x1, 0x2 or 0x4",
            })),
        }
    }

    /// Checks that the call is meant for this chain, if it says.
    pub(crate) fn check_chain(&self, chain_id: u64, path: &Path<'_>) -> Result<(), Failure> {
        match self.chain_id {
            Some(given) if given != chain_id => Err(path
                .field("chainId")
                .error(ParamError::Conflict("chainId does not match node's"))),
            _ => Ok(()),
        }
    }

    /// Whom it calls, or that it creates a contract.
    pub(crate) fn kind(&self) -> TxKind {
        self.to.map_or(TxKind::Create, TxKind::Call)
    }

    /// The most that it pays for a gas, wei.
    pub(crate) fn fee_cap(&self) -> u128 {
        self.gas_price
            .or(self.max_fee_per_gas)
            .or(self.max_priority_fee_per_gas)
            .unwrap_or_default()
    }

    /// The least transaction type that has all its fields.
    pub(crate) fn tx_type(&self) -> u8 {
        if self.authorization_list.is_some() {
            4
        } else if self.max_fee_per_gas.is_some() || self.max_priority_fee_per_gas.is_some() {
            2
        } else if self.access_list.is_some() {
            1
        } else {
            0
        }
    }

    /// What the EVM runs. `nonce` counts only where nonces are checked; `encoded` is what the L1 fee is
    /// charged for, empty for none.
    pub(crate) fn tx_env(&self, chain_id: u64, gas_limit: u64, nonce: u64, encoded: Bytes) -> OpTx {
        let tx_type = self.tx_type();
        let fee_cap = self.max_fee_per_gas.or(self.gas_price);
        let tip = self.max_priority_fee_per_gas;
        let base = TxEnv {
            tx_type,
            caller: self.from.unwrap_or_default(),
            gas_limit,
            // A tip alone is its own cap.
            gas_price: fee_cap.or(tip).unwrap_or_default(),
            gas_priority_fee: if tx_type == 2 || tx_type == 4 {
                Some(tip.or(self.gas_price).unwrap_or_default())
            } else {
                None
            },
            kind: self.kind(),
            value: self.value.unwrap_or_default(),
            data: self.input.clone(),
            nonce,
            chain_id: Some(chain_id),
            access_list: self.access_list.clone().unwrap_or_default(),
            authorization_list: self
                .authorization_list
                .iter()
                .flatten()
                .cloned()
                .map(Either::Left)
                .collect(),
            ..TxEnv::default()
        };
        OpTx(OpTransaction {
            base,
            enveloped_tx: Some(encoded),
            deposit: DepositTransactionParts::default(),
        })
    }

    /// A transaction of these fields with `signature`: a placeholder where none is known.
    pub(crate) fn to_transaction(
        &self,
        chain_id: u64,
        gas_limit: u64,
        nonce: u64,
        signature: Signature,
    ) -> Transaction {
        let value = self.value.unwrap_or_default();
        let input = self.input.clone();
        let access_list = self.access_list.clone().unwrap_or_default();
        let to = self.kind();
        let tip = self
            .max_priority_fee_per_gas
            .or(self.gas_price)
            .unwrap_or_default();
        let fee_cap = self.fee_cap();
        match self.effective_type() {
            4 => Transaction::Eip7702(
                TxEip7702 {
                    chain_id,
                    nonce,
                    gas_limit,
                    max_fee_per_gas: fee_cap,
                    max_priority_fee_per_gas: tip,
                    to: self.to.unwrap_or_default(),
                    value,
                    access_list,
                    authorization_list: self.authorization_list.clone().unwrap_or_default(),
                    input,
                }
                .into_signed(signature),
            ),
            2 => Transaction::Eip1559(
                TxEip1559 {
                    chain_id,
                    nonce,
                    gas_limit,
                    max_fee_per_gas: fee_cap,
                    max_priority_fee_per_gas: tip,
                    to,
                    value,
                    access_list,
                    input,
                }
                .into_signed(signature),
            ),
            1 => Transaction::Eip2930(
                TxEip2930 {
                    chain_id,
                    nonce,
                    gas_price: fee_cap,
                    gas_limit,
                    to,
                    value,
                    access_list,
                    input,
                }
                .into_signed(signature),
            ),
            _ => Transaction::Legacy(
                TxLegacy {
                    chain_id: Some(chain_id),
                    nonce,
                    gas_price: fee_cap,
                    gas_limit,
                    to,
                    value,
                    input,
                }
                .into_signed(signature),
            ),
        }
    }

    /// The type that was named if it has all the fields, or else the least that has.
    pub(crate) fn effective_type(&self) -> u8 {
        let least = self.tx_type();
        match self.ty {
            Some(named @ 1..=2) if least < 2 && self.gas_price.is_none() || named == 1 => {
                (named as u8).max(least)
            }
            _ => least,
        }
    }
}

struct Item(AccessListItem);

impl FromJson<'_> for Item {
    fn from_json(raw: &RawValue, path: &Path<'_>) -> Result<Self, Failure> {
        let object = Object::from_json(raw, path)?;
        let storage_keys: Option<Vec<B256>> = object.optional("storageKeys", path)?;
        Ok(Self(AccessListItem {
            address: object.get("address", path)?,
            storage_keys: storage_keys.unwrap_or_default(),
        }))
    }
}

struct SignedItem(SignedAuthorization);

impl FromJson<'_> for SignedItem {
    fn from_json(raw: &RawValue, path: &Path<'_>) -> Result<Self, Failure> {
        let object = Object::from_json(raw, path)?;
        let authorization = Authorization {
            chain_id: object.get("chainId", path)?,
            address: object.get("address", path)?,
            nonce: object.get("nonce", path)?,
        };
        let parity: u64 = match object.optional("yParity", path)? {
            Some(parity) => parity,
            None => object.get("v", path)?,
        };
        let parity = u8::try_from(parity).map_err(|_| {
            path.field("yParity").error(ParamError::Unknown {
                expected: "0x0 or 0x1",
            })
        })?;
        Ok(Self(SignedAuthorization::new_unchecked(
            authorization,
            parity,
            object.get("r", path)?,
            object.get("s", path)?,
        )))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> Result<CallRequest, Failure> {
        let raw: &RawValue = serde_json::from_str(json).unwrap();
        CallRequest::from_json(raw, &Path::new("transaction"))
    }

    #[test]
    fn fields_are_read() {
        let request = parse(
            r#"{"from":"0x0000000000000000000000000000000000000001","to":null,"gas":"0x5208",
                "maxFeePerGas":"0x2","value":"0x3","nonce":"0x4","data":"0x0506","input":"0x0506",
                "accessList":[{"address":"0x0000000000000000000000000000000000000002","storageKeys":[]}],
                "somethingElse":1}"#,
        )
        .unwrap();
        assert_eq!(request.kind(), TxKind::Create);
        assert_eq!((request.gas, request.tx_type()), (Some(21_000), 2));
        assert_eq!(request.fee_cap(), 2);
        assert_eq!(request.input, Bytes::from_static(&[5, 6]));
        let env = request.tx_env(1, 21_000, 4, Bytes::new());
        assert_eq!(env.0.base.gas_price, 2);
        assert_eq!(env.0.base.gas_priority_fee, Some(0));
    }

    #[test]
    fn contradictions_are_refused_by_name() {
        for (json, name) in [
            (r#"{"data":"0x01","input":"0x02"}"#, "transaction.data"),
            (
                r#"{"gasPrice":"0x1","maxFeePerGas":"0x2"}"#,
                "transaction.gasPrice",
            ),
            (r#"{"type":"0x3"}"#, "transaction.type"),
            (r#"{"type":"0x9"}"#, "transaction.type"),
            (r#"{"gas":"21000"}"#, "transaction.gas"),
            (r#"{"value":"0x01"}"#, "transaction.value"),
            (
                r#"{"accessList":[{"address":"0x1"}]}"#,
                "transaction.accessList[0].address",
            ),
            (
                r#"{"authorizationList":[{}]}"#,
                "transaction.authorizationList[0].chainId",
            ),
        ] {
            let failure = parse(json).expect_err(json);
            assert_eq!(failure.code(), -32602);
            assert!(failure.to_string().contains(name), "{failure}");
        }
    }

    #[test]
    fn the_type_is_the_least_that_fits() {
        let ty = |json: &str| parse(json).unwrap().effective_type();
        assert_eq!(ty("{}"), 0);
        assert_eq!(ty(r#"{"gasPrice":"0x1"}"#), 0);
        assert_eq!(ty(r#"{"accessList":[]}"#), 1);
        assert_eq!(ty(r#"{"maxFeePerGas":"0x1"}"#), 2);
        assert_eq!(ty(r#"{"gasPrice":"0x1","maxFeePerGas":"0x1"}"#), 2);
        assert_eq!(ty(r#"{"type":"0x2"}"#), 2);
        assert_eq!(ty(r#"{"type":"0x1","gasPrice":"0x1"}"#), 1);
        assert_eq!(ty(r#"{"authorizationList":[]}"#), 4);
    }
}
