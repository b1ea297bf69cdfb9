//! The block builder: executes transactions as they arrive, journals them and seals blocks on time.
