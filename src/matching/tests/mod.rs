//! The matcher on single pairs (`rules`) and on whole invented populations (`sweep`).

pub mod population;
mod rules;
mod sweep;
