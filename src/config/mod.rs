//! Floor 2: files to settings, all or nothing, every fault with file, line, key and hint.

mod audit;
mod broker;
mod budgets;
mod certificates;
mod error;
mod kind_table;
mod limits;
mod load;
mod saml;
mod section;
mod target;
mod tls;
mod xds;

#[cfg(test)]
pub(crate) mod fixture;
#[cfg(test)]
mod tests;

pub use audit::ForwardConfig;
pub use broker::{BrokerConfig, ListenerConfig, SamlConfig};
pub use budgets::{Budget, Budgets};
pub use error::{ConfigError, ConfigErrors, nearest};
pub use kind_table::KindTable;
pub use limits::{BreakerSettings, Limits, Rates, TargetLimits};
pub use load::{Check, Settings, load, load_with};
pub use saml::{NameFormat, PeerSaml};
pub use target::{Endpoints, TargetFile, TargetKind};
pub use tls::{CaFile, CertificateIdentity, Exemption, KeyPair, PeerTls};
pub use xds::{KindRow, SearchedBy, XdsConfig};
