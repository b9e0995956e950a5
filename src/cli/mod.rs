//! To be built.

pub mod consent;
