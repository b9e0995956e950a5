//! Floor 9: what a person types. Each command is a file with its arguments and its help.

pub mod consent;
pub mod exit;
pub mod r#match;
