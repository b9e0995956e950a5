//! What a registry of another network holds of one patient: documents, the submission sets and folders
//! they lie in, and all that joins them; and its honest answer to every stored query.

use http::Response;
use kakehashi::dialect::ebxml::CrossGatewayQuery;
use kakehashi::dialect::hl7v3::CrossGatewayPatientDiscovery;
use kakehashi::model::{
    Answer, Association, Availability, Code, CommunityId, DocumentQuery, FoundPatient, ObjectId, Package,
    PackageKind, PatientId, PatientMatch, Phi, QueryKey, RegistryObject, Wanted, WireBytes,
};

use super::client::oid;
use super::gateway::{Arrived, Body, entry};
use super::hospital::HANAKO;
use super::network::Place;

pub const REPLACES: &str = "urn:ihe:iti:2007:AssociationType:RPLC";

/// The id of an object by its number.
pub fn id(number: u32) -> ObjectId {
    ObjectId(Phi::new(format!("urn:uuid:00000000-0000-4000-8000-{number:012}")))
}

/// All it holds.
#[derive(Clone)]
pub struct Holdings {
    place: Place,
    patient: PatientId,
    pub objects: Vec<RegistryObject>,
}

impl Holdings {
    pub fn new(place: Place, patient: PatientId) -> Self {
        Self { place, patient, objects: Vec::new() }
    }

    fn home(&self) -> CommunityId {
        CommunityId(oid(self.place.community))
    }

    /// A document of a class.
    pub fn document(mut self, number: u32, class: &str, availability: Availability) -> Self {
        let unique = format!("{}.7.{number}", self.place.community);
        let one = entry(self.place, self.patient.clone(), &unique).with(|entry| {
            entry.object = id(number);
            entry.class = Code::new(class, "2.999.9.1", class);
            entry.availability = availability;
        });
        self.objects.push(RegistryObject::Entry(one));
        self
    }

    /// A submission set or folder.
    pub fn package(mut self, number: u32, kind: PackageKind, title: &str) -> Self {
        let unique = format!("{}.8.{number}", self.place.community);
        self.objects.push(package(&self.home(), number, kind, &self.patient, &unique, title));
        self
    }

    /// Something that joins two of them.
    pub fn joined(mut self, number: u32, kind: &str, source: u32, target: u32) -> Self {
        self.objects.push(RegistryObject::Association(Association {
            community: self.home(),
            object: id(number),
            kind: kind.to_owned(),
            source: id(source),
            target: id(target),
            encoded: None,
        }));
        self
    }

    pub fn member(self, number: u32, source: u32, target: u32) -> Self {
        self.joined(number, Association::HAS_MEMBER, source, target)
    }

    /// What an honest registry finds.
    pub fn found(&self, query: &DocumentQuery) -> Vec<RegistryObject> {
        let named = |object: &&RegistryObject| match &query.by {
            QueryKey::Patient(patient) => object.patient().is_none_or(|of| of == patient),
            by => by.names(object),
        };
        let named: Vec<&ObjectId> = self.objects.iter().filter(named).map(RegistryObject::object).collect();
        let joins = |object: &RegistryObject| {
            object.association().is_some_and(|a| a.ends().into_iter().any(|end| named.contains(&end)))
        };
        let holds = |package: &ObjectId, member: &ObjectId| {
            let all = self.objects.iter().filter_map(RegistryObject::association);
            all.filter(|a| a.is_membership()).any(|a| a.source == *package && a.target == *member)
        };
        let contents = |object: &RegistryObject| {
            let is_within = |id: &ObjectId| named.iter().any(|package| *package == id || holds(package, id));
            match object.association() {
                Some(a) => a.ends().into_iter().all(is_within),
                None => is_within(object.object()),
            }
        };
        let is_set = |id: &ObjectId| {
            let all = self.objects.iter().filter_map(RegistryObject::package);
            all.filter(|package| package.kind == PackageKind::SubmissionSet).any(|set| set.object == *id)
        };
        let related = |a: &Association| {
            query.criteria.admits_kind(&a.kind) && a.ends().into_iter().any(|end| named.contains(&end))
        };
        let is_found = |object: &&RegistryObject| {
            let id = object.object();
            let is_named = named.contains(&id);
            let status = match object {
                RegistryObject::Entry(entry) => {
                    let statuses = &query.criteria.statuses;
                    statuses.is_empty() || statuses.contains(&entry.availability)
                }
                RegistryObject::Package(package) => query.criteria.admits_package(package),
                RegistryObject::Association(_) => true,
            };
            status
                && query.may_hold(object)
                && match query.criteria.wanted {
                    Wanted::Associations => joins(object),
                    Wanted::DocumentsAndAssociations => is_named || joins(object),
                    Wanted::FolderAndContents | Wanted::SubmissionSetAndContents => contents(object),
                    Wanted::FoldersForDocument => named.iter().any(|document| holds(id, document)),
                    Wanted::SubmissionSets if !matches!(query.by, QueryKey::Patient(_)) => {
                        match object.association() {
                            Some(a) => a.is_membership() && is_set(&a.source) && named.contains(&&a.target),
                            None => named.iter().any(|member| holds(id, member)),
                        }
                    }
                    Wanted::RelatedDocuments => match object.association() {
                        Some(a) => related(a),
                        None => {
                            let all = self.objects.iter().filter_map(RegistryObject::association);
                            all.filter(|a| related(a)).any(|a| a.ends().contains(&id))
                        }
                    },
                    _ => is_named,
                }
        };
        self.objects.iter().filter(is_found).cloned().collect()
    }

    /// Its gateway's answer to anything.
    pub fn answer(&self, arrived: &Arrived) -> Response<Body> {
        self.answer_bent(arrived, |_, xml| xml)
    }

    /// Its gateway's answer, its words bent where it lists objects.
    pub fn answer_bent(
        &self,
        arrived: &Arrived,
        bend: impl FnOnce(&DocumentQuery, String) -> String,
    ) -> Response<Body> {
        if arrived.path == "/xcpd" {
            let found = PatientMatch::Found(FoundPatient {
                community: self.home(),
                id: self.patient.clone(),
                demographics: Some(HANAKO.bare().into()),
                confidence: 95,
                also: Vec::new(),
            });
            return arrived.answer::<CrossGatewayPatientDiscovery>(Ok(Answer::found(vec![found])));
        }
        let query = arrived.request::<CrossGatewayQuery>();
        let found = Ok(Answer::found(self.found(&query)));
        arrived.answer_bent::<CrossGatewayQuery>(found, |xml| bend(&query, xml))
    }
}

// A package as a network shows it.
fn package(
    home: &CommunityId,
    number: u32,
    kind: PackageKind,
    patient: &PatientId,
    unique: &str,
    title: &str,
) -> RegistryObject {
    let (node, of_patient, of_unique) = match kind {
        PackageKind::Folder => (
            "urn:uuid:d9d542f3-6cc4-48b6-8870-ea235fbc94c2",
            "urn:uuid:f64ffdf0-4b97-4e06-b79f-a52b38ec2f8a",
            "urn:uuid:75df8f67-9973-4fbe-a900-df66cefecc5a",
        ),
        PackageKind::SubmissionSet => (
            "urn:uuid:a54d6aa5-d40d-43f9-88c5-b4633d873bdd",
            "urn:uuid:6b5aea1a-874d-4603-a4bc-96a0a7b38446",
            "urn:uuid:96fdda7c-d067-4183-912e-bf5ee74998a8",
        ),
    };
    let object = id(number);
    let this = object.0.reveal();
    let cx = patient.cx().reveal().replace('&', "&amp;");
    let external = |scheme: &str, value: &str| {
        format!(
            "<rim:ExternalIdentifier id=\"{this}-{value}\" registryObject=\"{this}\" \
             identificationScheme=\"{scheme}\" value=\"{value}\"/>"
        )
    };
    let xml = format!(
        "<rim:RegistryPackage id=\"{this}\" home=\"{home}\" \
         status=\"urn:oasis:names:tc:ebxml-regrep:StatusType:Approved\">\
         <rim:Slot name=\"urn:x:kept\"><rim:ValueList><rim:Value>kept as it was</rim:Value></rim:ValueList></rim:Slot>\
         <rim:Name><rim:LocalizedString value=\"{title}\"/></rim:Name>\
         <rim:Classification id=\"{this}-c\" classifiedObject=\"{this}\" classificationNode=\"{node}\"/>\
         {}{}</rim:RegistryPackage>",
        external(of_patient, &cx),
        external(of_unique, unique),
    );
    let rim = "urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0";
    RegistryObject::Package(Package {
        kind,
        community: home.clone(),
        object,
        unique: Phi::new(unique.to_owned()),
        patient: patient.clone(),
        availability: Availability::Approved,
        classification: None,
        encoded: WireBytes {
            text: Phi::new(xml.into()),
            namespaces: [("rim".to_owned(), rim.to_owned())].into(),
            places: None,
        },
    })
}
