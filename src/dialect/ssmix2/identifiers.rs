//! Document identifiers: UUIDv5 over what names a file, under a namespace of 16 secret bytes, so that
//! re-indexing finds the same ids and nobody outside can guess a patient's number from one
//! (decisions A1, C6).

use uuid::Uuid;

use super::entry::Form;
use super::path::StorageFile;

/// The id of a file in one form: of its object and, as `2.25.<decimal>`, of its document.
pub fn unique_id(file: &StorageFile, facility: &str, form: Form, secret: &[u8; 16]) -> Uuid {
    let date = file.date.as_deref().unwrap_or("-");
    let mut name =
        [facility, file.patient.reveal(), date, file.kind.folder(), &file.order_key, &file.sent_at].join("|");
    if let Some(document) = &file.document {
        name.push('|');
        name.push_str(document);
    }
    name.push_str(match form {
        Form::Original => "|original",
        Form::Rendition => "|html",
    });
    Uuid::new_v5(&Uuid::from_bytes(*secret), name.as_bytes())
}

/// `2.25.<decimal>` (ITU-T X.667), at most 44 characters.
pub fn oid(id: Uuid) -> String {
    format!("2.25.{}", id.as_u128())
}
