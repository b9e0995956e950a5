//! What a ledger lets through, counts, and remembers; and the simulation over virtual months.

mod rules;
mod trawlers;
