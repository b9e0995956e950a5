//! The source as the broker meets it, over small trees of synthetic patients in temporary folders.

mod corpus;
mod fixture;
mod grown_equals_rebuilt;
mod hostile;
mod life_cycle;
mod messages;
mod query;
mod renditions;
mod retrieve;
