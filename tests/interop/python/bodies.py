"""Request bodies as zeep takes them (dicts by the schema), and what a document entry must hold."""

import re
import uuid
from dataclasses import dataclass
from datetime import datetime, timezone

from client_file import bare

HL7 = "urn:hl7-org:v3"
SEMANTICS = {
    "livingSubjectAdministrativeGender": "LivingSubject.administrativeGender",
    "livingSubjectBirthTime": "LivingSubject.birthTime",
    "livingSubjectName": "LivingSubject.name",
    "patientTelecom": "Patient.telecom",
}
RIM = "urn:oasis:names:tc:ebxml-regrep:xsd:rim:3.0"
FIND_DOCUMENTS = "urn:uuid:14d4debf-8f97-4251-9a74-a90016b0af0d"
GET_DOCUMENTS = "urn:uuid:5c4f972b-d56b-40ac-a5fc-c8ca9b40b9d4"
APPROVED = "urn:oasis:names:tc:ebxml-regrep:StatusType:Approved"
STABLE = "urn:uuid:7edca82f-054d-47f2-a032-9b2a5b5186c1"
UNIQUE_ID = "urn:uuid:2e82c1f6-a085-4c72-9da3-8640a32e42ab"
PATIENT_ID = "urn:uuid:58a6f841-87b3-4a3e-92fd-a8ffeff98427"
ONE_EACH = {
    "classCode": "urn:uuid:41a5887f-8865-4c09-adf7-e362475b143a",
    "formatCode": "urn:uuid:a09d5840-386c-46f2-b5ad-9c3699a4309d",
    "healthcareFacilityTypeCode": "urn:uuid:f33fb8ac-18af-42cc-ae0e-ed0b0bdb91e1",
    "practiceSettingCode": "urn:uuid:cccf5598-8b07-4b77-a05e-ae952c785ead",
    "typeCode": "urn:uuid:f0306f51-975f-434e-a61c-c59651d33983",
}
CONFIDENTIALITY = "urn:uuid:f4f85eac-e6cb-4883-b524-f2705394840f"


@dataclass(frozen=True)
class Document:
    """What a retrieve names."""

    home: str
    repository: str
    unique: str


def device(oid, community, url=None):
    """HL7 V3 sender or receiver."""
    organization = {"classCode": "ORG", "determinerCode": "INSTANCE", "id": [{"root": bare(community)}]}
    agent = {"classCode": "AGNT", "representedOrganization": organization}
    made = {"classCode": "DEV", "determinerCode": "INSTANCE", "id": [{"root": oid}], "asAgent": agent}
    if url:
        made["telecom"] = [{"value": url}]
    return made


def discovery(door, url, person, telephone=True):
    """PRPA_IN201305UV02."""
    number = uuid.uuid4().hex

    def said(value):
        return {"value": [value], "semanticsText": {}}

    names = [{"use": [use], "_value_1": [{"family": {}}, {"given": {}}]} for use in ("IDE", "SYL")]
    parameters = {
        "livingSubjectAdministrativeGender": [said({"code": person.sex})],
        "livingSubjectBirthTime": [said({"value": person.birth})],
        "livingSubjectName": [said(name) for name in names],
    }
    if telephone:
        parameters["patientTelecom"] = [said({"value": "tel:" + person.phone})]
    author = {"typeCode": "AUT", "assignedDevice": {"classCode": "ASSIGNED", "id": [{"root": door.asker.authority}]}}
    query = {
        "queryId": {"root": door.asker.device, "extension": number},
        "statusCode": {"code": "new"},
        "responseModalityCode": {"code": "R"},
        "responsePriorityCode": {"code": "I"},
        "parameterList": parameters,
    }
    return {
        "ITSVersion": "XML_1.0",
        "id": {"root": door.asker.device, "extension": number},
        "creationTime": {"value": datetime.now(timezone.utc).strftime("%Y%m%d%H%M%S+0000")},
        "interactionId": {"root": "2.16.840.1.113883.1.6", "extension": "PRPA_IN201305UV02"},
        "processingCode": {"code": "P"},
        "processingModeCode": {"code": "T"},
        "acceptAckCode": {"code": "AL"},
        "receiver": [{"typeCode": "RCV", "device": device(door.receiver_device, door.receiver, url)}],
        "sender": {"typeCode": "SND", "device": device(door.asker.device, door.asker.community)},
        "controlActProcess": {
            "classCode": "CACT",
            "moodCode": "EVN",
            "code": {"code": "PRPA_TE201305UV02", "codeSystem": "2.16.840.1.113883.1.6"},
            "authorOrPerformer": [author],
            "queryByParameter": query,
        },
    }


def put_texts(envelope, person):
    """zeep neither writes nor reads the text of mixed content, which names and semanticsText are: put here."""
    names = {"IDE": (person.family, person.given), "SYL": (person.family_kana, person.given_kana)}
    for value in envelope.iterfind(f".//{{{HL7}}}livingSubjectName/{{{HL7}}}value"):
        family, given = names[value.get("use")]
        value.find(f"{{{HL7}}}family").text, value.find(f"{{{HL7}}}given").text = family, given
    for element in envelope.iter(f"{{{HL7}}}semanticsText"):
        element[:] = []
        element.text = SEMANTICS[element.getparent().tag.rsplit("}", 1)[-1]]


def find_documents(patient, status=APPROVED):
    """Slots of FindDocuments."""
    return {"$XDSDocumentEntryPatientId": f"'{patient}'", "$XDSDocumentEntryStatus": f"('{status}')"}


def stored_query(query, slots, home=None, returns="LeafClass"):
    """AdhocQueryRequest."""
    made = [{"name": key, "ValueList": {"_value_1": [{"Value": value}]}} for key, value in slots.items()]
    adhoc = {"id": query, "Slot": made}
    if home:
        adhoc["home"] = home
    return {"ResponseOption": {"returnComposedObjects": True, "returnType": returns}, "AdhocQuery": adhoc}


def retrieve(*documents):
    """RetrieveDocumentSetRequest."""
    asked = [
        {"HomeCommunityId": d.home, "RepositoryUniqueId": d.repository, "DocumentUniqueId": d.unique} for d in documents
    ]
    return {"DocumentRequest": asked}


def slot(entry, wanted):
    """The one value of a slot, or None."""
    values = [
        v.text for s in entry.findall(f"{{{RIM}}}Slot") if s.get("name") == wanted for v in s.iter(f"{{{RIM}}}Value")
    ]
    return values[0] if len(values) == 1 else None


def external(entry, scheme):
    """The one external identifier of a scheme, or None."""
    found = [
        e.get("value") for e in entry.findall(f"{{{RIM}}}ExternalIdentifier") if e.get("identificationScheme") == scheme
    ]
    return found[0] if len(found) == 1 else None


def unique_id(entry):
    """XDSDocumentEntry.uniqueId."""
    return external(entry, UNIQUE_ID)


def document_of(entry):
    """What a retrieve of this entry names."""
    return Document(entry.get("home"), slot(entry, "repositoryUniqueId"), unique_id(entry))


def codes(entry, scheme):
    """Codes of a classification, each with its coding scheme."""
    found = [c for c in entry.findall(f"{{{RIM}}}Classification") if c.get("classificationScheme") == scheme]
    return [(c.get("nodeRepresentation"), slot(c, "codingScheme")) for c in found]


def entry_faults(entry, home, patient):
    """What IHE ITI volume 3, 4.2.3.2 misses in an entry of a gateway's answer."""
    faults = []
    if entry.get("home") != f"urn:oid:{home}":
        faults.append(f"home {entry.get('home')}")
    if (entry.get("objectType"), entry.get("status")) != (STABLE, APPROVED):
        faults.append("objectType or status")
    if external(entry, PATIENT_ID) != patient:
        faults.append("the patient id is not the one asked for")
    if not unique_id(entry):
        faults.append("uniqueId")
    rules = {
        "creationTime": r"\d{4}(\d\d){0,5}",
        "hash": r"[0-9a-f]{40}",
        "size": r"\d+",
        "languageCode": r"[a-z]{2}(-[A-Z]{2})?",
        "repositoryUniqueId": r"[0-9]+(\.[0-9]+)+",
        "sourcePatientId": r"[^&^]+\^\^\^&[0-9.]+&ISO",
    }
    for key, rule in rules.items():
        if not re.fullmatch(rule, slot(entry, key) or ""):
            faults.append(f"{key} {slot(entry, key)}")
    for key, scheme in ONE_EACH.items():
        found = codes(entry, scheme)
        if len(found) != 1 or not all(found[0]):
            faults.append(f"{key} {found}")
    if not codes(entry, CONFIDENTIALITY):
        faults.append("confidentialityCode")
    return faults
