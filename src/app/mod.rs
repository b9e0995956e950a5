//! Floor 8: builds the rooms from the settings, opens the listeners, drains them.

mod background;
pub mod control;
mod feeding;
mod notes;
mod saml;
mod startup;
mod targets;

pub use startup::{StartError, run, run_on};
pub use targets::{check_policies, check_sources, read_source};
