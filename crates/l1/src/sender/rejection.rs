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
    /// No node takes it, whatever its fees: too large, too little gas, wrong chain.
    Invalid,
    /// The account has a transaction of the other kind (with blobs, or without) waiting, beside
    /// which the node takes none of this kind.
    Reserved,
    /// The node wants blobs to be proved in the other way: EIP-4844 before Osaka, EIP-7594 since.
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
    ("nonce too low", Rejection::NonceTooLow),
    ("nonce is too low", Rejection::NonceTooLow),
    ("oldnonce", Rejection::NonceTooLow),
    ("nonce too old", Rejection::NonceTooLow),
    ("address already reserved", Rejection::Reserved),
    ("conflicts with existing transaction", Rejection::Reserved),
    ("pendingtxsofconflictingtype", Rejection::Reserved),
    ("sidecar version", Rejection::SidecarVersion),
    ("unexpected eip-4844 sidecar", Rejection::SidecarVersion),
    ("unexpected eip-7594 sidecar", Rejection::SidecarVersion),
    ("cell proofs", Rejection::SidecarVersion),
    ("underpriced", Rejection::Underpriced),
    ("feetoolow", Rejection::Underpriced),
    ("fee too low", Rejection::Underpriced),
    (
        "max fee per gas less than block base fee",
        Rejection::Underpriced,
    ),
    ("could not replace existing", Rejection::Underpriced),
    ("max fee per blob gas less than", Rejection::Underpriced),
    ("blob fee cap", Rejection::Underpriced),
    ("insufficient funds", Rejection::InsufficientFunds),
    ("insufficientfunds", Rejection::InsufficientFunds),
    ("balance is too low", Rejection::InsufficientFunds),
    ("exceeds account balance", Rejection::InsufficientFunds),
    ("oversized data", Rejection::Invalid),
    ("intrinsic gas", Rejection::Invalid),
    ("gas floor", Rejection::Invalid),
    ("floor data gas", Rejection::Invalid),
    ("exceeds block gas limit", Rejection::Invalid),
    ("gas limit too high", Rejection::Invalid),
    ("gas limit is greater than", Rejection::Invalid),
    ("exceeds transaction gas limit", Rejection::Invalid),
    ("invalid sender", Rejection::Invalid),
    ("invalid chain id", Rejection::Invalid),
    ("chain id", Rejection::Invalid),
    ("max initcode size", Rejection::Invalid),
    ("not supported", Rejection::Invalid),
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

    #[test]
    fn words_of_nodes_are_understood() {
        for (message, meaning) in [
            ("already known", Rejection::AlreadyKnown),
            ("transaction already imported", Rejection::AlreadyKnown),
            (
                "nonce too low: next nonce 5, tx nonce 3",
                Rejection::NonceTooLow,
            ),
            (
                "replacement transaction underpriced",
                Rejection::Underpriced,
            ),
            (
                "transaction underpriced: gas tip cap 0, minimum needed 1",
                Rejection::Underpriced,
            ),
            (
                "Insufficient funds for gas * price + value",
                Rejection::InsufficientFunds,
            ),
            (
                "intrinsic gas too low: gas 1, minimum needed 21000",
                Rejection::Invalid,
            ),
            (
                "oversized data: transaction size 200000, limit 131072",
                Rejection::Invalid,
            ),
            ("address already reserved", Rejection::Reserved),
            (
                "invalid sidecar version post-osaka: 0",
                Rejection::SidecarVersion,
            ),
            (
                "max fee per blob gas less than block blob gas fee",
                Rejection::Underpriced,
            ),
            ("txpool is full", Rejection::Temporary),
            ("anything else", Rejection::Temporary),
        ] {
            assert_eq!(Rejection::of(&refusal(message)), Some(meaning), "{message}");
        }
        let timeout = L1Error::Timeout {
            method: "m",
            endpoint: "l1".into(),
            after: Duration::ZERO,
        };
        assert_eq!(Rejection::of(&timeout), None);
    }
}
