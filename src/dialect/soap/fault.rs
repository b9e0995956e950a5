//! SOAP 1.2 faults (wire.md 2, 3.2, 5.1).

/// A fault to write, or one read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// `Sender`, `Receiver`, `MustUnderstand`, `VersionMismatch`, `DataEncodingUnknown`.
    pub code: String,
    /// Subcodes from the outer to the inner, with the prefix we declare (`wsa:ActionNotSupported`).
    pub subcodes: Vec<String>,
    /// For a person; no patient value, no host name.
    pub reason: String,
    /// For MustUnderstand: the blocks (namespace, local name) nobody here knows.
    pub not_understood: Vec<(String, String)>,
}
