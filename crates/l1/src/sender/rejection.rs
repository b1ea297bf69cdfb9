use crate::L1Error;

/// What it means that an L1 node refuses a transaction.
///
/// JSON-RPC gives these refusals no codes of their own: nodes tell them apart in words only, and
/// this table is the one place where words are read. They are those of geth, Nethermind, Besu,
/// Erigon, reth and anvil.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejection {
    /// The node has it already.
    AlreadyKnown,
    /// A transaction with this nonce is in a block.
    NonceTooLow,
    /// The node has another transaction with this nonce, and this one doesn't offer enough more; or
    /// it offers less than the node takes at all.
    Underpriced,
    /// The account can't pay for it.
    InsufficientFunds,
    /// No node takes it, whatever its fees: too large, too little gas, too many blobs, wrong chain.
    Invalid,
    /// The account has a transaction of the other kind (with blobs, or without) waiting, beside
    /// which, or in whose place, the node takes none of this kind.
    Reserved,
    /// The node wants blobs to be proved in the other way: EIP-4844 before Osaka, EIP-7594 since. Some
    /// nodes say of that no more than that the proofs are wrong, which those of our blobs never are.
    SidecarVersion,
    /// The node can't take it now.
    Temporary,
}

/// Lower-case parts of node messages, and what they mean; the first match counts.
const TABLE: &[(&str, Rejection)] = &[
    ("already known", Rejection::AlreadyKnown),
    ("already imported", Rejection::AlreadyKnown),
    ("alreadyknown", Rejection::AlreadyKnown),
    ("known transaction", Rejection::AlreadyKnown),
    ("with same hash", Rejection::AlreadyKnown),
    ("nonce too low", Rejection::NonceTooLow),
    ("nonce is too low", Rejection::NonceTooLow),
    ("oldnonce", Rejection::NonceTooLow),
    ("nonce too old", Rejection::NonceTooLow),
    ("address already reserved", Rejection::Reserved),
    ("conflicts with existing transaction", Rejection::Reserved),
    ("pendingtxsofconflictingtype", Rejection::Reserved),
    ("pending transaction type conflict", Rejection::Reserved),
    ("can't replace blob-txn", Rejection::Reserved),
    ("sidecar version", Rejection::SidecarVersion),
    ("unexpected eip-4844 sidecar", Rejection::SidecarVersion),
    ("unexpected eip-7594 sidecar", Rejection::SidecarVersion),
    ("cell proofs", Rejection::SidecarVersion),
    ("invalidtxproofversion", Rejection::SidecarVersion),
    ("blobs failed kzg validation", Rejection::SidecarVersion),
    (
        "must match the corresponding blobs and proofs",
        Rejection::SidecarVersion,
    ),
    (
        "commitments and proofs must have equal number",
        Rejection::SidecarVersion,
    ),
    ("underpriced", Rejection::Underpriced),
    ("feetoolow", Rejection::Underpriced),
    ("fee too low", Rejection::Underpriced),
    (
        "max fee per gas less than block base fee",
        Rejection::Underpriced,
    ),
    ("could not replace existing", Rejection::Underpriced),
    ("replacementnotallowed", Rejection::Underpriced),
    ("max fee per blob gas less than", Rejection::Underpriced),
    ("blob fee cap", Rejection::Underpriced),
    ("below minimum", Rejection::Underpriced),
    ("below configured minimum", Rejection::Underpriced),
    ("below current", Rejection::Underpriced),
    ("insufficient funds", Rejection::InsufficientFunds),
    ("insufficientfunds", Rejection::InsufficientFunds),
    ("balance is too low", Rejection::InsufficientFunds),
    ("exceeds account balance", Rejection::InsufficientFunds),
    ("oversized data", Rejection::Invalid),
    ("transaction too large", Rejection::Invalid),
    ("maxtxsizeexceeded", Rejection::Invalid),
    ("rlptoolong", Rejection::Invalid),
    ("too many blobs", Rejection::Invalid),
    ("blob limit exceeded", Rejection::Invalid),
    ("number of blobs exceeded", Rejection::Invalid),
    ("blob gas too high", Rejection::Invalid),
    ("intrinsic gas", Rejection::Invalid),
    ("intrinsicgas", Rejection::Invalid),
    ("gas floor", Rejection::Invalid),
    ("floor data gas", Rejection::Invalid),
    ("floor data cost", Rejection::Invalid),
    ("exceeds block gas limit", Rejection::Invalid),
    ("gas limit too high", Rejection::Invalid),
    ("gas limit is too high", Rejection::Invalid),
    ("gas limit is greater than", Rejection::Invalid),
    ("gas limit reached", Rejection::Invalid),
    ("gaslimitexceeded", Rejection::Invalid),
    ("gaslimitcapexceeded", Rejection::Invalid),
    ("exceeds transaction gas limit", Rejection::Invalid),
    ("invalid sender", Rejection::Invalid),
    ("chain id", Rejection::Invalid),
    ("chainid", Rejection::Invalid),
    ("max initcode size", Rejection::Invalid),
    ("not supported", Rejection::Invalid),
    ("unsupported transaction type", Rejection::Invalid),
    ("notsupportedtxtype", Rejection::Invalid),
];

impl Rejection {
    /// What a refusal means; `None` if the error is no refusal but trouble in reaching the L1.
    pub fn of(error: &L1Error) -> Option<Self> {
        let L1Error::Refused { message, .. } = error else {
            return None;
        };
        let message = message.to_lowercase();
        let known = TABLE.iter().find(|(words, _)| message.contains(words));
        // Unknown words: trying again loses nothing, giving up might.
        Some(known.map_or(Self::Temporary, |(_, meaning)| *meaning))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn refusal(message: &str) -> L1Error {
        L1Error::Refused {
            method: "eth_sendRawTransaction",
            endpoint: "l1".into(),
            code: -32000,
            message: message.into(),
            data: None,
        }
    }

    fn check(meaning: Rejection, messages: &[&str]) {
        for message in messages {
            assert_eq!(Rejection::of(&refusal(message)), Some(meaning), "{message}");
        }
    }

    #[test]
    fn words_of_nodes_are_understood() {
        check(
            Rejection::AlreadyKnown,
            &[
                "already known",
                "Known transaction",
                "transaction already imported",
                "existing txn with same hash",
            ],
        );
        check(
            Rejection::NonceTooLow,
            &["nonce too low: next nonce 5, tx nonce 3", "OldNonce"],
        );
        check(
            Rejection::Underpriced,
            &[
                "replacement transaction underpriced",
                "ReplacementNotAllowed",
                "transaction underpriced: gas tip cap 0, minimum needed 1",
                "transaction gas price below minimum: gas tip cap 0, minimum needed 1",
                "Gas price below configured minimum gas price",
                "Gas price below current base fee",
                "max fee per blob gas less than block blob gas fee",
                "blob gas price below current blob base fee",
            ],
        );
        check(
            Rejection::InsufficientFunds,
            &[
                "Insufficient funds for gas * price + value",
                "Upfront cost exceeds account balance",
            ],
        );
        check(
            Rejection::Invalid,
            &[
                "intrinsic gas too low: gas 1, minimum needed 21000",
                "IntrinsicGas",
                "gas below floor data cost",
                "oversized data: transaction size 200000, limit 131072",
                "transaction too large",
                "transaction gas limit too high (cap: 16777216, tx: 20000000)",
                "Transaction gas limit exceeds block gas limit",
                "Wrong chainId",
            ],
        );
        check(
            Rejection::Temporary,
            &["txpool is full", "nonce too high", "anything else"],
        );
        let timeout = L1Error::Timeout {
            method: "m",
            endpoint: "l1".into(),
            after: Duration::ZERO,
        };
        assert_eq!(Rejection::of(&timeout), None);
    }

    /// What nodes say of a transaction with blobs beside others of its account, or the reverse.
    #[test]
    fn an_account_reserved_for_the_other_kind_is_recognized() {
        check(
            Rejection::Reserved,
            &[
                // geth, from either pool, and reth.
                "address already reserved",
                // reth, where the pool's own words come through.
                "transaction type 2 conflicts with existing transaction for 0x0b0b",
                // Nethermind, before and since it took over geth's words.
                "PendingTxsOfConflictingType",
                "pending transaction type conflict",
                // Erigon, which minds it only for the same nonce.
                "can't replace blob-txn with a non-blob-txn",
            ],
        );
    }

    #[test]
    fn blobs_that_are_to_be_proved_otherwise_are_no_hopeless_ones() {
        check(
            Rejection::SidecarVersion,
            &[
                // geth, of different years.
                "invalid sidecar version post-osaka: 0",
                "Wrong sidecar format: unexpected sidecar version, want: 1, got: 0",
                // reth.
                "unexpected eip-4844 sidecar after osaka",
                // Nethermind.
                "Invalid, InvalidTxProofVersion: Version of network wrapper is not supported.",
                // Besu.
                "blobs failed kzg validation",
                // Erigon, since Osaka and before.
                "KZGcommitments must match the corresponding blobs and proofs",
                "blob_versioned_hashes, blobs, commitments and proofs must have equal number",
            ],
        );
        check(
            Rejection::Invalid,
            &[
                "transaction blob limit exceeded: blob count 9, limit 6",
                "too many blobs in transaction: have 9, permitted 6",
                "max number of blobs exceeded",
                "Total blob gas too high",
                "BlobTxGasLimitExceeded: Transaction's totalDataGas=1179648 exceeded MaxBlobGas per transaction=786432.",
            ],
        );
    }
}
