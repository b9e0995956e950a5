//! To be built.

pub mod control;
