//! Signing for accounts that the node holds, and for impersonated ones: local chains only.

use super::typed_data_hash;
use crate::{
    api::Api,
    call::CallRequest,
    error::Failure,
    json::{Place, TransactionJson},
    params::{ParamError, Params, Path},
    registry::{Methods, Outcome, Run},
    reply::Reply,
    workers::Work,
};
use alloy_eips::Encodable2718 as _;
use alloy_primitives::{Address, Bytes, Signature, U256};
use alloy_signer::SignerSync as _;
use alloy_signer_local::PrivateKeySigner;
use futures::future::BoxFuture;
use openledger_mempool::RecoveredTransaction;
use openledger_primitives::Transaction;
use serde::Serialize;
use serde_json::value::RawValue;
use std::{borrow::Cow, sync::Arc};

pub(super) const METHODS: Methods = &[
    ("eth_sendTransaction", Run::Async(send_transaction)),
    ("eth_sign", Run::Light(sign)),
    (
        "eth_signTransaction",
        Run::Heavy(Work::Call, sign_transaction),
    ),
    (
        "eth_signTypedData_v4",
        Run::Heavy(Work::Call, sign_typed_data),
    ),
];

fn signer(api: &Api, address: Address) -> Result<&PrivateKeySigner, Failure> {
    api.signers
        .get(&address)
        .ok_or(Failure::UnknownAccount(address))
}

/// Signs a request that is filled in.
fn signed(api: &Api, request: &CallRequest) -> Result<RecoveredTransaction, Failure> {
    let sender = request.from.unwrap_or_default();
    let make = |signature| {
        request.to_transaction(
            api.chain_config().l2_chain_id,
            request.gas.unwrap_or_default(),
            request.nonce.unwrap_or_default(),
            signature,
        )
    };
    if let Some(signer) = api.signers.get(&sender) {
        let unsigned = make(Signature::new(U256::ZERO, U256::ZERO, false));
        let hash = signature_hash(&unsigned);
        let signature = signer.sign_hash_sync(&hash).map_err(Failure::Signing)?;
        return Ok(RecoveredTransaction::new_unchecked(make(signature), sender));
    }
    if api.is_impersonated(&sender) {
        // The sender is in the placeholder, so that no two senders' transactions have one hash.
        let placeholder = U256::from_be_slice(sender.as_slice());
        let transaction = make(Signature::new(placeholder, U256::from(1), false));
        return Ok(RecoveredTransaction::new_unchecked(transaction, sender));
    }
    Err(Failure::UnknownAccount(sender))
}

fn signature_hash(transaction: &Transaction) -> alloy_primitives::B256 {
    match transaction {
        Transaction::Legacy(signed) => signed.signature_hash(),
        Transaction::Eip2930(signed) => signed.signature_hash(),
        Transaction::Eip1559(signed) => signed.signature_hash(),
        Transaction::Eip7702(signed) => signed.signature_hash(),
        // Requests become nothing else.
        _ => alloy_primitives::B256::ZERO,
    }
}

/// Reads and fills in a request whose sender the node can sign for.
fn request(api: &Api, params: &Params) -> Result<CallRequest, Failure> {
    let mut request: CallRequest = params.args(&["transaction"])?.get(0)?;
    let path = Path::new("transaction");
    let sender = request
        .from
        .ok_or_else(|| path.field("from").error(ParamError::Missing))?;
    if !api.signers.contains_key(&sender) && !api.is_impersonated(&sender) {
        return Err(Failure::UnknownAccount(sender));
    }
    request.check_chain(api.chain_config().l2_chain_id, &path)?;
    api.fill(&mut request, params)?;
    Ok(request)
}

fn send_transaction(api: Arc<Api>, params: Params) -> BoxFuture<'static, Outcome> {
    Box::pin(async move {
        let deadline = params.deadline;
        let transaction = {
            let api = api.clone();
            let job = {
                let api = api.clone();
                move || signed(&api, &request(&api, &params)?)
            };
            api.workers.run(Work::Call, deadline, job).await?
        };
        let hash = transaction.hash;
        api.sequencer()?.submit(transaction).await?;
        Reply::small(&hash)
    })
}

#[derive(Serialize)]
struct SignedJson<'a> {
    raw: Bytes,
    tx: TransactionJson<'a>,
}

fn sign_transaction(api: &Api, params: &Params) -> Outcome {
    let request = request(api, params)?;
    signer(api, request.from.unwrap_or_default())?;
    let signed = signed(api, &request)?;
    let tx = TransactionJson::new(&signed.transaction, signed.sender, Place::Unsent, None);
    api.reply(&SignedJson {
        raw: signed.transaction.encoded_2718().into(),
        tx,
    })
}

/// EIP-191, version 0x45: what wallets call a personal message.
fn sign_message(api: &Api, address: Address, message: &[u8]) -> Outcome {
    let signature = signer(api, address)?
        .sign_message_sync(message)
        .map_err(Failure::Signing)?;
    Reply::small(&Bytes::from(signature.as_bytes().to_vec()))
}

fn sign(api: &Api, params: &Params) -> Outcome {
    let args = params.args(&["address", "message"])?;
    let message: Bytes = args.get(1)?;
    sign_message(api, args.get(0)?, &message)
}

/// `personal_sign`: hex, or a text as it is; the account comes second, and perhaps a password, which
/// counts for nothing.
pub(crate) fn personal_sign(api: &Api, params: &Params) -> Outcome {
    let args = params.args(&["message", "address", "password"])?;
    let message: Cow<'_, str> = args.get(0)?;
    let address: Address = args.get(1)?;
    match alloy_primitives::hex::decode(&*message) {
        Ok(bytes) if message.starts_with("0x") => sign_message(api, address, &bytes),
        _ => sign_message(api, address, message.as_bytes()),
    }
}

/// EIP-712; the data is an object, or its JSON as a string.
fn sign_typed_data(api: &Api, params: &Params) -> Outcome {
    let args = params.args(&["address", "typed data"])?;
    let address: Address = args.get(0)?;
    let raw: &RawValue = args.get(1)?;
    let signer = signer(api, address)?;
    let hash = typed_data_hash(raw)?;
    let signature = signer.sign_hash_sync(&hash).map_err(Failure::Signing)?;
    Reply::small(&Bytes::from(signature.as_bytes().to_vec()))
}
