//! What must hold, shown on whole brokers: each runs in this process from configuration files, in
//! front of SS-MIX2 trees in temporary folders, and is asked over mutual TLS.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

mod simulators;

mod both_ways;
