//! A document entry as the index keeps it: small, because a hospital has millions. What many entries
//! share is kept once, what follows from ids and settings is made when it is asked for.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use smol_str::SmolStr;

use crate::dialect::ssmix2::{FacilitySettings, Form};
use crate::model::{
    Availability, Code, DocumentEntry, DocumentId, Encoded, EntryFields, EntryMetadata, ObjectId, Origin,
    PatientId, Phi,
};

/// Shapes kept shared; entries of further ones own theirs.
const SHAPES_MAX: usize = 100_000;

/// An entry without what others of its kind have in common.
#[derive(Debug)]
pub(super) struct Kept {
    /// The number of its UUID.
    pub(super) uuid: u128,
    pub(super) form: Form,
    shape: Arc<Shape>,
    hash: [u8; 20],
    size: u64,
    metadata: Arc<EntryMetadata>,
}

/// What entries of one kind, form and department have in common.
#[derive(Debug, PartialEq, Eq, Hash)]
struct Shape {
    class: Code,
    type_code: Code,
    format: Code,
    confidentiality: Vec<Code>,
    media_type: SmolStr,
    department: String,
    kind: String,
    original: bool,
    as_is: bool,
}

/// The shapes met so far.
#[derive(Debug, Default)]
pub(super) struct Shapes(Mutex<HashSet<Arc<Shape>>>);

impl Shapes {
    fn share(&self, shape: Shape) -> Arc<Shape> {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(shared) = known.get(&shape) {
            return Arc::clone(shared);
        }
        let shape = Arc::new(shape);
        if known.len() < SHAPES_MAX {
            known.insert(Arc::clone(&shape));
        }
        shape
    }
}

impl Kept {
    /// Takes an entry that the dialect built. `beside` is the other form of the same file, whose
    /// metadata are shared where they are the same. None when it lacks what we promise: hash, size,
    /// origin.
    pub(super) fn new(
        entry: DocumentEntry,
        form: Form,
        uuid: u128,
        shapes: &Shapes,
        beside: Option<&Self>,
    ) -> Option<Self> {
        let Encoded::Metadata(metadata) = entry.encoded else { return None };
        let fields = Arc::unwrap_or_clone(entry.fields);
        let origin = fields.origin?;
        let mut hash = [0; 20];
        hex::decode_to_slice(fields.hash?.as_str(), &mut hash).ok()?;
        let shape = Shape {
            class: fields.class,
            type_code: fields.type_code,
            format: fields.format,
            confidentiality: fields.confidentiality,
            media_type: fields.media_type,
            department: origin.department,
            kind: origin.kind,
            original: origin.original,
            as_is: origin.as_is,
        };
        let same = beside.map(|beside| &beside.metadata).filter(|beside| **beside == metadata);
        let metadata = same.map_or(metadata, Arc::clone);
        Some(Self { uuid, form, shape: shapes.share(shape), hash, size: fields.size?, metadata })
    }

    pub(super) const fn metadata(&self) -> &Arc<EntryMetadata> {
        &self.metadata
    }

    /// The entry whole, as the dialect built it.
    pub(super) fn entry(&self, facility: &FacilitySettings, availability: Availability) -> DocumentEntry {
        let shape = &self.shape;
        let patient: &PatientId = &self.metadata.source_patient;
        let mut hash = [0; 40];
        let hash = hex::encode_to_slice(self.hash, &mut hash).ok().and_then(|()| str::from_utf8(&hash).ok());
        DocumentEntry::new(
            EntryFields {
                id: DocumentId {
                    community: facility.community.clone(),
                    repository: facility.repository.clone(),
                    unique: Phi::new(format!("2.25.{}", self.uuid)),
                },
                object: ObjectId(Phi::new(uuid::Uuid::from_u128(self.uuid).urn().to_string())),
                patient: patient.clone(),
                class: shape.class.clone(),
                type_code: shape.type_code.clone(),
                format: shape.format.clone(),
                confidentiality: shape.confidentiality.clone(),
                availability,
                media_type: shape.media_type.clone(),
                hash: hash.map(SmolStr::new),
                size: Some(self.size),
                origin: Some(Box::new(Origin {
                    facility: facility.code.clone(),
                    department: shape.department.clone(),
                    kind: shape.kind.clone(),
                    patient: patient.clone(),
                    original: shape.original,
                    as_is: shape.as_is,
                })),
            },
            Encoded::Metadata(Arc::clone(&self.metadata)),
        )
    }
}
