//! The coded values of audit messages: DICOM's own (DCM), IHE's transactions, RFC 3881's.

/// A coded value (CSD).
#[derive(Clone)]
pub struct Code {
    pub value: String,
    pub system: String,
    pub text: String,
}

impl Code {
    pub fn new(value: &str, system: &str, text: &str) -> Self {
        // Both are required; a code without words stands for itself.
        let or_value = |text: &str| if text.trim().is_empty() { value } else { text }.to_owned();
        let system = if system.trim().is_empty() { "unknown" } else { system };
        Self { value: value.to_owned(), system: system.to_owned(), text: or_value(text) }
    }

    pub fn dcm(value: &str, text: &str) -> Self {
        Self::new(value, "DCM", text)
    }

    pub fn rfc3881(value: &str, text: &str) -> Self {
        Self::new(value, "RFC-3881", text)
    }
}

/// What a transaction is called, and whether documents come back.
pub struct TransactionCode {
    pub name: String,
    pub text: &'static str,
    pub is_retrieve: bool,
    /// How the home community is named in the details of its query.
    pub home_detail: &'static str,
}

impl TransactionCode {
    pub fn code(&self) -> Code {
        Code::new(&self.name, "IHE Transactions", self.text)
    }
}

/// A transaction by its name (`ITI-38`).
pub fn transaction(name: &str) -> TransactionCode {
    let known = |text, is_retrieve, home_detail| TransactionCode {
        name: name.to_owned(),
        text,
        is_retrieve,
        home_detail,
    };
    match name {
        "ITI-18" => known("Registry Stored Query", false, XCA_HOME),
        "ITI-38" => known("Cross Gateway Query", false, XCA_HOME),
        "ITI-39" => known("Cross Gateway Retrieve", true, HOME),
        "ITI-43" => known("Retrieve Document Set", true, HOME),
        "ITI-44" => known("Patient Identity Feed", false, HOME),
        "ITI-45" => known("PIX Query", false, HOME),
        "ITI-46" => known("PIX Update Notification", false, HOME),
        "ITI-47" => known("Patient Demographics Query", false, HOME),
        "ITI-55" => known("Cross Gateway Patient Discovery", false, HOME),
        "ITI-56" => known("Patient Location Query", false, HOME),
        _ => known("", false, HOME),
    }
}

/// The detail that names a home community.
pub const HOME: &str = "ihe:homeCommunityID";
const XCA_HOME: &str = "urn:ihe:iti:xca:2010:homeCommunityId";

/// What an audit message calls success.
pub const SUCCESS: u8 = 0;
/// Something is missing.
pub const MINOR: u8 = 4;
/// Nothing came of it.
pub const SERIOUS: u8 = 8;
