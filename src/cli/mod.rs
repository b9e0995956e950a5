//! Floor 9: what a person types. Each command is a file with its arguments and its help.

pub mod ask;
pub mod audit;
pub mod check;
mod command;
pub mod consent;
pub mod decode;
pub mod demo;
pub mod exit;
mod limits;
pub mod r#match;
pub mod serve;

pub use command::run;
