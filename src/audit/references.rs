//! What an event refers to: the two ends of a connection, who asked, messages, documents. The fields
//! are those an ATNA message (ITI-20) needs, written as deterministic CBOR.

use minicbor::bytes::{ByteArray, ByteVec};
use minicbor::{Decode, Encode};
use smol_str::SmolStr;

use super::record::sha256;
use crate::model::{self, Phi};

/// The far end of the connection and our own address.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct EndpointRef {
    /// Certificate subject.
    #[n(0)]
    pub subject: String,
    /// SHA-256 of its SubjectPublicKeyInfo, hex.
    #[n(1)]
    pub spki_sha256: String,
    /// The far address with port.
    #[n(2)]
    pub address: String,
    /// Our address with port.
    #[n(3)]
    pub local: String,
}

impl From<&model::Endpoint> for EndpointRef {
    fn from(endpoint: &model::Endpoint) -> Self {
        Self {
            subject: endpoint.subject.clone(),
            spki_sha256: endpoint.spki_sha256.clone(),
            address: endpoint.address.to_string(),
            local: endpoint.local.to_string(),
        }
    }
}

/// A coded value.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct CodeRef {
    /// Code.
    #[n(0)]
    pub value: String,
    /// Coding scheme.
    #[n(1)]
    pub system: String,
    /// Display name.
    #[n(2)]
    pub display: String,
}

/// Who asked.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct RequesterRef {
    /// The configured peer or portal.
    #[n(0)]
    pub system: String,
    /// Its community, bare OID.
    #[n(1)]
    pub community: String,
    /// Organisation id.
    #[n(2)]
    pub organization: String,
    /// Organisation name.
    #[n(3)]
    pub organization_name: String,
    /// Person id at the issuer.
    #[n(4)]
    pub person: String,
    /// The person's name.
    #[n(5)]
    pub person_name: String,
    /// The person's alias (SPProvidedID).
    #[n(6)]
    pub alias: Option<String>,
    /// Roles inside the broker.
    #[n(7)]
    pub roles: Vec<String>,
    /// Role codes as they came.
    #[n(8)]
    pub role_codes: Vec<CodeRef>,
    /// Purpose of use.
    #[n(9)]
    pub purpose: String,
    /// Issuer of the assertion or token, or as the portal's file names who vouches.
    #[n(10)]
    pub issuer: String,
    /// Id of the assertion or token.
    #[n(11)]
    pub assertion: String,
    /// How the person was vouched for: `assertion`, `headers`, `token`; `nobody` where nobody was, and
    /// everything about a person is empty then. Absent in records from before there was a choice.
    #[n(12)]
    pub vouched_by: Option<String>,
}

impl RequesterRef {
    /// Whether it names a person. Records from before there was a choice always do.
    pub fn names_somebody(&self) -> bool {
        self.vouched_by.as_deref() != Some(NOBODY)
    }
}

impl From<&model::Requester> for RequesterRef {
    fn from(requester: &model::Requester) -> Self {
        let nobody = Self {
            system: requester.system.to_string(),
            community: requester.community.0.to_string(),
            organization: String::new(),
            organization_name: String::new(),
            person: String::new(),
            person_name: String::new(),
            alias: None,
            roles: Vec::new(),
            role_codes: Vec::new(),
            purpose: String::new(),
            issuer: String::new(),
            assertion: String::new(),
            vouched_by: Some(NOBODY.to_owned()),
        };
        let Some(vouched) = &requester.vouched else { return nobody };
        let codes = vouched.role_codes.iter().map(|code| CodeRef {
            value: code.value.to_string(),
            system: code.system.to_string(),
            display: code.display.to_string(),
        });
        Self {
            organization: vouched.organization.id.clone(),
            organization_name: vouched.organization.name.clone(),
            person: vouched.person.id.clone(),
            person_name: vouched.person.name.clone(),
            alias: vouched.person.alias.clone(),
            roles: vouched.roles.iter().map(ToString::to_string).collect(),
            role_codes: codes.collect(),
            purpose: vouched.purpose.code().to_owned(),
            issuer: vouched.by.issuer.clone(),
            assertion: vouched.by.id.clone().unwrap_or_default(),
            vouched_by: Some(vouched.by.means.word().to_owned()),
            ..nobody
        }
    }
}

/// The query element of a message, byte for byte up to 16 KiB, beyond that its hash and length.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct QueryElement {
    /// The element.
    #[n(0)]
    pub bytes: Option<Phi<ByteVec>>,
    /// SHA-256 of the element.
    #[n(1)]
    pub sha256: ByteArray<32>,
    /// Its length in bytes.
    #[n(2)]
    pub length: u64,
}

impl QueryElement {
    /// Of these bytes.
    pub fn new(bytes: &Phi<bytes::Bytes>) -> Self {
        let element = bytes.reveal();
        let kept = element.len() <= QUERY_ELEMENT_BYTES_MAX;
        Self {
            bytes: kept.then(|| Phi::new(element.to_vec().into())),
            sha256: sha256(element).into(),
            length: element.len() as u64,
        }
    }
}

/// One message to one target.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct LegRef {
    /// The target's name.
    #[n(0)]
    pub target: String,
    /// Its community, bare OID.
    #[n(1)]
    pub community: Option<String>,
    /// `ITI-55`.
    #[n(2)]
    pub transaction: Option<String>,
    /// wsa:MessageID.
    #[n(3)]
    pub message: String,
    /// queryId root.
    #[n(4)]
    pub query_root: Option<String>,
    /// queryId extension.
    #[n(5)]
    pub query_extension: Option<String>,
    /// The query element as it leaves.
    #[n(6)]
    pub element: Option<QueryElement>,
    /// Another network, or a source of our own.
    #[n(7)]
    pub is_peer: bool,
    /// Why it gave nothing. May quote the peer, so it counts as a patient's.
    #[n(8)]
    pub failure: Option<Phi<String>>,
    /// How much it found.
    #[n(9)]
    pub found: Option<u64>,
    /// How much of that was about something not asked for, and dropped.
    #[n(10)]
    pub dropped: Option<u64>,
    /// The far end as its certificate named it.
    #[n(11)]
    pub endpoint: Option<EndpointRef>,
    /// The URL it goes to.
    #[n(12)]
    pub url: Option<String>,
}

/// A document or an entry that is shown.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct DocumentRef {
    /// Home community, bare OID.
    #[cbor(n(0), with = "short_text")]
    pub home: SmolStr,
    /// Repository, bare OID.
    #[cbor(n(1), with = "short_text")]
    pub repository: SmolStr,
    /// Unique id.
    #[n(2)]
    pub unique: Phi<String>,
    /// SS-MIX2 kind of our own, typeCode of a peer's.
    #[cbor(n(3), with = "short_text")]
    pub kind: SmolStr,
    /// Facility code of our own.
    #[cbor(n(4), with = "short_text")]
    pub facility: SmolStr,
    /// Size in bytes as announced.
    #[n(5)]
    pub size: Option<u64>,
    /// Bytes handed over; in closing records.
    #[n(6)]
    pub bytes_sent: Option<u64>,
    /// SHA-256 of the bytes handed over; in closing records.
    #[n(7)]
    pub sha256: Option<ByteArray<32>>,
    /// `whole`, `withdrawn`, `broken`, `idle`, `too-large`, `dropped`; in closing records.
    #[n(8)]
    pub ending: Option<String>,
}

/// A submission set, folder or association that is shown.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
#[cbor(map)]
pub struct ObjectRef {
    /// Home community, bare OID.
    #[n(0)]
    pub home: String,
    /// `submission-set`, `folder`, or the last word of an association's type.
    #[n(1)]
    pub kind: String,
    /// Its id.
    #[n(2)]
    pub object: Phi<String>,
    /// Unique id of a submission set or folder.
    #[n(3)]
    pub unique: Option<Phi<String>>,
}

impl<C, T: Encode<C>> Encode<C> for Phi<T> {
    fn encode<W: minicbor::encode::Write>(
        &self,
        e: &mut minicbor::Encoder<W>,
        context: &mut C,
    ) -> Result<(), minicbor::encode::Error<W::Error>> {
        self.reveal().encode(e, context)
    }
}

impl<'b, C, T: Decode<'b, C>> Decode<'b, C> for Phi<T> {
    fn decode(d: &mut minicbor::Decoder<'b>, context: &mut C) -> Result<Self, minicbor::decode::Error> {
        T::decode(d, context).map(Self::new)
    }
}

// What a list of hundreds says again and again is no allocation each time.
mod short_text {
    use minicbor::decode::Error as Undecoded;
    use minicbor::encode::{Error as Unencoded, Write};
    use minicbor::{Decoder, Encoder};
    use smol_str::SmolStr;

    pub(super) fn encode<C, W: Write>(
        text: &SmolStr,
        e: &mut Encoder<W>,
        _: &mut C,
    ) -> Result<(), Unencoded<W::Error>> {
        e.str(text)?.ok()
    }

    pub(super) fn decode<C>(d: &mut Decoder<'_>, _: &mut C) -> Result<SmolStr, Undecoded> {
        d.str().map(SmolStr::new)
    }
}

/// Nobody was vouched for.
const NOBODY: &str = "nobody";
/// Beyond this a query element is kept as hash and length.
pub const QUERY_ELEMENT_BYTES_MAX: usize = 16 * 1024;
