//! Readable pages (HTML, UTF-8) made from SS-MIX2 messages and CDA documents: for each kind the fields a clinician
//! reads, in the order of japan.md 1.5. Pure and deterministic, because hash and size are promised.
//! Hospital number, address, telephone and insurance are left out (decisions A1).

mod allergies;
mod basics;
mod clinical;
mod imaging;
mod laboratory;
mod layout;
mod medication;
mod movement;
mod page;
mod privacy;
mod problems;
mod values;

pub(super) use page::page;
