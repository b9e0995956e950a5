//! The matcher on single pairs (`rules`) and on whole invented populations (`sweep`).

mod rules;
