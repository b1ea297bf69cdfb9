//! Blobs: where they are got from, and how they are proved.
//!
//! [`BlobSource`] asks [beacon nodes](beacon) and [archives](archive) for blobs by versioned hash
//! and hands out only what has that hash; [`kzg`] is the cryptography.

mod archive;
mod beacon;
mod kzg;
mod request;
mod source;

pub use archive::ArchiveLocation;
pub(crate) use beacon::{ANSWER_BLOBS_MAX, Route, parse_blobs, parse_slots};
pub use kzg::{BLOBS_PER_TX_MAX, BlobSidecar, KzgError, SidecarVersion, versioned_hash};
pub use source::{
    BlobBlock, BlobSource, BlobSourceConfig, BlobSourceError, BlobStatus, MissingBlob,
};
