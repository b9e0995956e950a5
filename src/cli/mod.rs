//! Floor 9: what a person types.

pub mod check;
