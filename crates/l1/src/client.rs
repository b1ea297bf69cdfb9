use crate::{
    BlobSource, L1BlockData, L1Error,
    block::{seal_header, verified_receipts, verified_transactions},
    endpoints::{Endpoints, OnAbsence, OnRefusal, RequestConfig},
    waits::Waits,
};
use alloy_eips::{BlockId, BlockNumberOrTag};
use alloy_primitives::{Address, B256, Bytes, U64, U256};
use alloy_rpc_types_eth::{
    Block as RpcBlock, FeeHistory, Filter, Header as RpcHeader, Log, TransactionReceipt,
    TransactionRequest,
};
use openledger_primitives::{EMPTY_ROOT_HASH, SealedHeader};
use std::{future::ready, sync::Arc};

/// The L1 blocks that have a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum L1Tag {
    /// The newest block.
    Latest,
    /// The newest block that a majority of validators attests to.
    Safe,
    /// The newest block that can't be reorganised.
    Finalized,
}

impl From<L1Tag> for BlockNumberOrTag {
    fn from(tag: L1Tag) -> Self {
        match tag {
            L1Tag::Latest => Self::Latest,
            L1Tag::Safe => Self::Safe,
            L1Tag::Finalized => Self::Finalized,
        }
    }
}

/// The read side of the L1, over one or more endpoints. Cheap to clone.
///
/// What a hash commits to is checked against the hash before it is handed out: headers,
/// transactions and receipts. [`call`](Self::call), [`logs`](Self::logs),
/// [`balance`](Self::balance), [`nonce`](Self::nonce) and fees are the endpoint's word, and nothing
/// in the chain's derivation rests on them.
#[derive(Debug, Clone)]
pub struct L1Client {
    endpoints: Endpoints,
    blobs: Option<BlobSource>,
    waits: Arc<Waits>,
    is_whole: bool,
}

impl L1Client {
    /// A client of the L1 at these URLs (`http` or `https`), which are tried in this order.
    ///
    /// # Errors
    /// If there is no URL, or more than [`ENDPOINTS_MAX`](crate::ENDPOINTS_MAX), or one is invalid.
    /// Nothing is sent.
    pub fn new(urls: &[String], config: RequestConfig) -> Result<Self, L1Error> {
        Ok(Self {
            endpoints: Endpoints::new(urls, config)?,
            blobs: None,
            waits: Arc::default(),
            is_whole: false,
        })
    }

    /// The same client of an L1 that is this one endpoint and no more, as a local one that this program
    /// runs: what it doesn't have does not exist.
    ///
    /// Anywhere else absence proves nothing, for an endpoint may lag behind the L1.
    pub fn of_whole_l1(self) -> Self {
        Self {
            is_whole: true,
            ..self
        }
    }

    /// Whether absence is proof ([`Self::of_whole_l1`]).
    pub const fn is_whole_l1(&self) -> bool {
        self.is_whole
    }

    /// The same client, which gets blobs from `source`.
    pub fn with_blobs(self, source: BlobSource) -> Self {
        Self {
            blobs: Some(source),
            ..self
        }
    }

    /// Where blobs are got from, if anywhere.
    pub const fn blobs(&self) -> Option<&BlobSource> {
        self.blobs.as_ref()
    }

    /// The L1's chain id.
    ///
    /// # Errors
    /// If no endpoint answers.
    pub async fn chain_id(&self) -> Result<u64, L1Error> {
        self.quantity("eth_chainId", ()).await
    }

    /// Checks that the L1 is the configured one.
    ///
    /// # Errors
    /// [`L1Error::WrongChain`] if it is not; others if no endpoint answers.
    pub async fn require_chain_id(&self, expected: u64) -> Result<(), L1Error> {
        match self.chain_id().await? {
            actual if actual == expected => Ok(()),
            actual => Err(L1Error::WrongChain { expected, actual }),
        }
    }

    /// The canonical header at a height; `None` if no endpoint has one now, which proves nothing unless
    /// this is the [whole L1](Self::of_whole_l1).
    ///
    /// # Errors
    /// If no endpoint gives an answer that hashes to what it says.
    pub async fn header_by_number(&self, number: u64) -> Result<Option<SealedHeader>, L1Error> {
        self.header(
            "eth_getBlockByNumber",
            BlockNumberOrTag::Number(number).into(),
            OnRefusal::Retry,
        )
        .await
    }

    /// The header with a name; `None` if the L1 has none yet (a young chain has no finalized block).
    ///
    /// # Errors
    /// If no endpoint gives an answer that hashes to what it says.
    pub async fn header_by_tag(&self, tag: L1Tag) -> Result<Option<SealedHeader>, L1Error> {
        if tag == L1Tag::Latest {
            return self
                .header(
                    "eth_getBlockByNumber",
                    BlockNumberOrTag::Latest.into(),
                    OnRefusal::Retry,
                )
                .await;
        }
        match self
            .header(
                "eth_getBlockByNumber",
                BlockNumberOrTag::from(tag).into(),
                OnRefusal::Return,
            )
            .await
        {
            // Clients answer by an error where the block does not exist yet.
            Err(L1Error::Refused { .. }) => Ok(None),
            outcome => outcome,
        }
    }

    /// The header with this hash; `None` if no endpoint knows it now.
    ///
    /// # Errors
    /// If no endpoint gives an answer that hashes to what was asked for.
    pub async fn header_by_hash(&self, hash: B256) -> Result<Option<SealedHeader>, L1Error> {
        self.header("eth_getBlockByHash", hash.into(), OnRefusal::Retry)
            .await
    }

    /// The newest header.
    ///
    /// # Errors
    /// If no endpoint gives an answer that hashes to what it says.
    pub async fn latest(&self) -> Result<SealedHeader, L1Error> {
        let id = BlockNumberOrTag::Latest;
        self.header_by_tag(L1Tag::Latest)
            .await?
            .ok_or(L1Error::BlockNotFound { id: id.into() })
    }

    /// The newest header, where block `known` was the newest that was seen: endpoints that are behind it
    /// are passed over for others that are not.
    ///
    /// # Errors
    /// [`L1Error::Behind`] if all are behind; otherwise if no endpoint gives an answer that hashes to
    /// what it says.
    pub(crate) async fn latest_from(&self, known: u64) -> Result<SealedHeader, L1Error> {
        let id = BlockId::latest();
        self.endpoints
            .request(
                block_method(id),
                (block_parameter(id), false),
                OnRefusal::Retry,
                OnAbsence::Return,
                |answer: Option<RpcHeader>| {
                    ready(match answer {
                        None => Err(L1Error::BlockNotFound { id }),
                        Some(header) if header.number < known => Err(L1Error::Behind {
                            answered: header.number,
                            known,
                        }),
                        Some(header) => verified_header(id, header),
                    })
                },
            )
            .await
    }

    /// A block with its transactions and receipts, by number, hash or tag.
    ///
    /// # Errors
    /// [`L1Error::BlockNotFound`] if no endpoint has it now; otherwise if no endpoint gives an answer
    /// that the hashes confirm.
    pub async fn block_with_receipts(
        &self,
        id: impl Into<BlockId>,
    ) -> Result<L1BlockData, L1Error> {
        let id = id.into();
        let (header, transactions) = self
            .endpoints
            .request(
                block_method(id),
                (block_parameter(id), true),
                OnRefusal::Retry,
                OnAbsence::Retry,
                |answer: Option<RpcBlock>| async move {
                    let block = answer.ok_or(L1Error::BlockNotFound { id })?;
                    off_thread(move || {
                        let header = verified_header(id, block.header.clone())?;
                        Ok((header, verified_transactions(block)?))
                    })
                    .await
                },
            )
            .await?;
        let hash = header.hash();
        if header.receipts_root == EMPTY_ROOT_HASH {
            let header = header.into_inner();
            return Ok(L1BlockData {
                header,
                hash,
                transactions,
                receipts: Vec::new(),
            });
        }
        let receipts = self
            .endpoints
            .request(
                "eth_getBlockReceipts",
                [BlockNumberOrHash::Hash(hash)],
                OnRefusal::Retry,
                OnAbsence::Retry,
                |answer: Option<Vec<TransactionReceipt>>| {
                    let header = header.inner().clone();
                    async move {
                        let receipts = answer.ok_or(L1Error::BlockNotFound { id: hash.into() })?;
                        off_thread(move || verified_receipts(&header, receipts)).await
                    }
                },
            )
            .await?;
        Ok(L1BlockData {
            header: header.into_inner(),
            hash,
            transactions,
            receipts,
        })
    }

    /// What a call of `to` with `data` returns in the state after `block`. Not verified.
    ///
    /// # Errors
    /// [`L1Error::Refused`] with the revert data if the call reverts; others if no endpoint answers.
    pub async fn call(&self, to: Address, data: Bytes, block: BlockId) -> Result<Bytes, L1Error> {
        let request = TransactionRequest::default().to(to).input(data.into());
        self.plain("eth_call", (request, block), OnRefusal::Retry)
            .await
    }

    /// The logs that match a filter. Not verified: an endpoint can leave some out.
    ///
    /// # Errors
    /// If no endpoint answers.
    pub async fn logs(&self, filter: &Filter) -> Result<Vec<Log>, L1Error> {
        self.plain("eth_getLogs", [filter.clone()], OnRefusal::Retry)
            .await
    }

    /// The code at an address in the state after `block`. Not verified.
    ///
    /// # Errors
    /// If no endpoint answers.
    pub async fn code(&self, address: Address, block: BlockId) -> Result<Bytes, L1Error> {
        self.plain("eth_getCode", (address, block), OnRefusal::Retry)
            .await
    }

    /// The balance of an account, wei of ETH. Not verified.
    ///
    /// # Errors
    /// If no endpoint answers.
    pub async fn balance(&self, address: Address, block: BlockId) -> Result<U256, L1Error> {
        self.plain("eth_getBalance", (address, block), OnRefusal::Retry)
            .await
    }

    /// How many transactions an account has sent; with the `pending` tag, those that wait in the
    /// endpoint's pool included. Not verified.
    ///
    /// # Errors
    /// If no endpoint answers.
    pub async fn nonce(&self, address: Address, block: BlockId) -> Result<u64, L1Error> {
        self.quantity("eth_getTransactionCount", (address, block))
            .await
    }

    /// The receipt of a transaction; `None` if it is in no block. Not verified.
    ///
    /// # Errors
    /// If no endpoint answers.
    pub async fn receipt(&self, tx_hash: B256) -> Result<Option<TransactionReceipt>, L1Error> {
        self.plain("eth_getTransactionReceipt", [tx_hash], OnRefusal::Retry)
            .await
    }

    /// Base fees of the newest `blocks` blocks and the next, with the given percentiles of priority
    /// fees. Not verified.
    ///
    /// # Errors
    /// If no endpoint answers.
    pub async fn fee_history(
        &self,
        blocks: u64,
        percentiles: &[f64],
    ) -> Result<FeeHistory, L1Error> {
        let params = (
            U64::from(blocks),
            BlockNumberOrTag::Latest,
            percentiles.to_vec(),
        );
        self.plain("eth_feeHistory", params, OnRefusal::Retry).await
    }

    /// The priority fee that the endpoint suggests, wei a gas; `None` if it doesn't offer the method.
    ///
    /// # Errors
    /// If no endpoint answers.
    pub async fn priority_fee_suggestion(&self) -> Result<Option<u128>, L1Error> {
        match self
            .plain::<_, U256>("eth_maxPriorityFeePerGas", (), OnRefusal::Return)
            .await
        {
            Ok(fee) => Ok(Some(fee.saturating_to())),
            Err(L1Error::Refused { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The gas that a transaction would take on the newest state.
    ///
    /// # Errors
    /// [`L1Error::Refused`] if it would fail, with the revert data where it would revert.
    pub async fn estimate_gas(&self, request: TransactionRequest) -> Result<u64, L1Error> {
        let gas: U64 = self
            .plain(
                "eth_estimateGas",
                (request, BlockNumberOrTag::Latest),
                OnRefusal::Return,
            )
            .await?;
        Ok(gas.to())
    }

    /// Hands a signed transaction to the L1.
    ///
    /// # Errors
    /// [`L1Error::Refused`] if the first endpoint that answers refuses it; others if none answers.
    /// After an error other than a refusal the transaction may or may not have arrived.
    pub async fn broadcast(&self, raw: Bytes) -> Result<B256, L1Error> {
        self.plain("eth_sendRawTransaction", [raw], OnRefusal::Return)
            .await
    }

    pub(crate) const fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    pub(crate) const fn waits(&self) -> &Arc<Waits> {
        &self.waits
    }

    async fn header(
        &self,
        method: &'static str,
        id: BlockId,
        on_refusal: OnRefusal,
    ) -> Result<Option<SealedHeader>, L1Error> {
        let found = self
            .endpoints
            .request(
                method,
                (block_parameter(id), false),
                on_refusal,
                OnAbsence::Return,
                |answer: Option<RpcHeader>| {
                    // A block answers with the fields of its header beside its transactions.
                    let header = answer.ok_or(L1Error::BlockNotFound { id });
                    ready(header.and_then(|header| verified_header(id, header)))
                },
            )
            .await;
        match found {
            Ok(header) => Ok(Some(header)),
            Err(error) if error.is_absence() => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn quantity<P>(&self, method: &'static str, params: P) -> Result<u64, L1Error>
    where
        P: serde::Serialize + Clone + std::fmt::Debug + Send + Sync + Unpin,
    {
        Ok(self
            .plain::<P, U64>(method, params, OnRefusal::Retry)
            .await?
            .to())
    }

    async fn plain<P, R>(
        &self,
        method: &'static str,
        params: P,
        on_refusal: OnRefusal,
    ) -> Result<R, L1Error>
    where
        P: serde::Serialize + Clone + std::fmt::Debug + Send + Sync + Unpin,
        R: serde::de::DeserializeOwned + std::fmt::Debug + Send + Sync + Unpin + 'static,
    {
        self.endpoints
            .request(method, params, on_refusal, OnAbsence::Retry, |answer: R| {
                ready(Ok(answer))
            })
            .await
    }
}

/// A block by number, tag or hash, as the `eth_getBlock…` methods take it: a hash is a plain string
/// there and an object (EIP-1898) elsewhere.
#[derive(Debug, Clone, Copy, serde::Serialize)]
#[serde(untagged)]
enum BlockNumberOrHash {
    Number(BlockNumberOrTag),
    Hash(B256),
}

const fn block_parameter(id: BlockId) -> BlockNumberOrHash {
    match id {
        BlockId::Number(number) => BlockNumberOrHash::Number(number),
        BlockId::Hash(hash) => BlockNumberOrHash::Hash(hash.block_hash),
    }
}

const fn block_method(id: BlockId) -> &'static str {
    match id {
        BlockId::Number(_) => "eth_getBlockByNumber",
        BlockId::Hash(_) => "eth_getBlockByHash",
    }
}

/// The header of an answer, if it hashes to what it says and is the one that was asked for.
fn verified_header(id: BlockId, header: RpcHeader) -> Result<SealedHeader, L1Error> {
    let claimed = match id {
        BlockId::Hash(hash) => hash.block_hash,
        BlockId::Number(_) => header.hash,
    };
    let sealed = seal_header(header.inner, claimed)?;
    match id {
        BlockId::Number(BlockNumberOrTag::Number(requested)) if requested != sealed.number => {
            Err(L1Error::HeaderNumber {
                requested,
                returned: sealed.number,
            })
        }
        _ => Ok(sealed),
    }
}

/// Hashing a full block takes milliseconds: too long for the threads that serve requests.
async fn off_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, L1Error> + Send + 'static,
) -> Result<T, L1Error> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|_| L1Error::Interrupted)?
}
