mod calls;
mod pure;
mod scoring;
pub(crate) mod vectors;
mod world;
