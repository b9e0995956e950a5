//! What clients were given, byte for byte, noted as it came.

use std::sync::{Arc, Mutex};

use crate::simulators::client::Message;

/// One message that was sent, and what had come back when the program died.
#[derive(Clone)]
pub struct Noted {
    pub message: Message,
    /// Request id, 32 hexadecimal digits.
    pub request: String,
    pub person: &'static str,
    pub community: &'static str,
    pub status: Option<u16>,
    /// Bytes of the body that came, heads and all.
    pub bytes: u64,
    /// Whether the answer came to its end.
    pub is_whole: bool,
    /// Ids of persons who were shown.
    pub patients: Vec<String>,
    /// Unique ids of documents whose entries were shown.
    pub entries: Vec<String>,
    /// Documents of which bytes came.
    pub documents: Vec<Received>,
    /// Whether the far end was asked as well.
    pub is_fault: bool,
}

#[derive(Clone)]
pub struct Received {
    pub unique: String,
    pub bytes: u64,
    /// SHA-256 of what came, hex.
    pub sha256: String,
    pub is_whole: bool,
}

impl Noted {
    /// Whether anything about a patient came.
    pub fn discloses(&self) -> bool {
        !self.patients.is_empty() || !self.entries.is_empty() || self.documents.iter().any(|d| d.bytes > 0)
    }
}

/// What was acknowledged to somebody who changed something.
#[derive(Clone, Default)]
pub struct Acknowledged {
    /// Network ids whose consents were taken.
    pub imported: Vec<String>,
    /// Those that were taken back afterwards.
    pub withdrawn: Vec<String>,
    /// Emergency ids that were handed out.
    pub emergencies: Vec<kakehashi::model::PatientId>,
}

/// Everything of one load.
#[derive(Clone, Default)]
pub struct Oracle {
    noted: Arc<Mutex<Vec<Noted>>>,
    acknowledged: Arc<Mutex<Acknowledged>>,
}

impl Oracle {
    pub fn note(&self, noted: Noted) {
        self.noted.lock().unwrap().push(noted);
    }

    pub fn acknowledge(&self, change: impl FnOnce(&mut Acknowledged)) {
        change(&mut self.acknowledged.lock().unwrap());
    }

    pub fn noted(&self) -> Vec<Noted> {
        self.noted.lock().unwrap().clone()
    }

    pub fn acknowledged(&self) -> Acknowledged {
        self.acknowledged.lock().unwrap().clone()
    }
}
