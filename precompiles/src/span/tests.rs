mod calls;
mod pure;
mod records;
mod scoring;
pub(crate) mod vectors;
mod world;
