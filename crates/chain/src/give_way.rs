use crate::BoxFuture;

/// Why a block builder could not give way; its own error.
pub type GiveWayError = Box<dyn std::error::Error + Send + Sync>;

/// Whoever builds blocks on the unsafe head beside derivation: a sequencer's builder.
///
/// L1 has the last word about every block, and a sequencer's may come out otherwise: it was dead past the
/// sequencing window, or its batcher's key posted something else. Its blocks give way then, and what it
/// acknowledged goes into later ones.
pub trait GiveWay: Send + Sync {
    /// L1 holds another block `number`: unwinds the chain from it on, queues the transactions of what was
    /// unwound again, and builds nothing until [`Self::go_on`]. Answers how many blocks were unwound.
    ///
    /// # Errors
    /// An unwinding that the chain refuses, or in which the store fails; it may have gone part of the way then.
    fn give_way(&self, number: u64) -> BoxFuture<'_, Result<usize, GiveWayError>>;

    /// Derivation has come to the L1's head: builds again, if it did before.
    fn go_on(&self);
}
