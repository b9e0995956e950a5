"""zeep asks Kakehashi: ITI-55, ITI-38, ITI-39 as the other network's gateway and as a portal.

What zeep cannot: it writes no MTOM, so ITI-39 goes out as plain SOAP (decisions.md takes both); it reads
the MTOM answer whole, into memory, does not look at `start`, and cuts line ends off the documents, so
hashes are taken over the parts as they came. Its schema gaps stand in schemas.py and zeep_client.py.
"""

import hashlib
import logging

import bodies
import schemas
from client_file import ClientFile, arguments, bare, endpoint
from rows import Rows, expect, named
from zeep_client import Gateway, addressed_to, same_message_id

SUCCESS = "urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Success"
FAILURE = "urn:oasis:names:tc:ebxml-regrep:ResponseStatusType:Failure"
PARTIAL = "urn:ihe:iti:2007:ResponseStatusType:PartialSuccess"
WHO = {"person": "zeep-1"}


class Asking:
    """One door: the three transactions and what an answer must be."""

    def __init__(self, file, side, door):
        self.file = file
        self.door = file.door(side, door)
        self.gateways = {name: Gateway(file, self.door, name, WHO) for name in ("ITI-55", "ITI-38", "ITI-39")}

    def find(self, example, change=None, **parts):
        """ITI-55."""
        message = bodies.discovery(self.door, endpoint(self.file, self.door, "ITI-55"), example, **parts)
        self.gateways["ITI-55"].watch.texts = example
        answer = self.gateways["ITI-55"].ask(change, **message)
        query = message["controlActProcess"]["queryByParameter"]["queryId"]
        ack = answer.controlActProcess.queryAck
        expect((ack.queryId.root, ack.queryId.extension) == (query["root"], query["extension"]), "queryId differs")
        (acknowledgement,) = answer.acknowledgement
        target = acknowledgement.targetMessage.id
        expect(target.extension == message["id"]["extension"], "targetMessage is not the request")
        expect(answer.interactionId.extension == "PRPA_IN201306UV02", answer.interactionId.extension)
        expect(answer.acceptAckCode.code == "NE", f"acceptAckCode {answer.acceptAckCode.code}")
        return answer

    def query(self, query, slots, change=None, **options):
        """ITI-38."""
        return self.gateways["ITI-38"].ask(change, **bodies.stored_query(query, slots, **options))

    def retrieve(self, *documents, change=None):
        """ITI-39."""
        return self.gateways["ITI-39"].ask(change, **bodies.retrieve(*documents))

    def of_patient(self, patient, **options):
        """FindDocuments of a patient."""
        return self.query(bodies.FIND_DOCUMENTS, bodies.find_documents(patient), **options)


def code_of(answer):
    """typeCode and queryResponseCode of an ITI-55 answer."""
    return answer.acknowledgement[0].typeCode.code, answer.controlActProcess.queryAck.queryResponseCode.code


def read_entries(asking, answer):
    """Success demanded, and that zeep has read every object that is on the wire."""
    expect(answer.status == SUCCESS, f"status {answer.status}: {errors(answer)}")
    listed = answer.RegistryObjectList
    parsed = [item for row in (listed._value_1 if listed else []) for item in row.values() if item is not None]
    expect(
        len(parsed) == len(elements(asking, "*")), f"zeep read {len(parsed)} objects of {len(elements(asking, '*'))}"
    )


def elements(asking, name):
    """Children of the RegistryObjectList on the wire."""
    body = schemas.body_of(asking.gateways["ITI-38"].watch.answer)
    (listed,) = body.findall(f"{{{bodies.RIM}}}RegistryObjectList")
    return listed.findall(f"{{{bodies.RIM}}}{name}")


def errors(answer):
    """Error codes of an ebXML answer."""
    listed = answer.RegistryErrorList
    return [error.errorCode for error in listed.RegistryError] if listed else []


def discovery_cases(rows, asking, home):
    """ITI-55."""
    examples = asking.door.examples

    def match():
        answer = asking.find(examples.match)
        expect(code_of(answer) == ("AA", "OK"), code_of(answer))
        (subject,) = answer.controlActProcess.subject
        event = subject.registrationEvent
        patient = event.subject1.patient
        (number,) = patient.id
        authority = examples.match.patient.split("&")[1]
        expect(number.root == authority, f"patient id under {number.root}")
        (custodian,) = event.custodian.assignedEntity.id
        expect(custodian.root == home and not custodian.extension, f"custodian {custodian.root}")
        expect(patient.patientPerson.birthTime.value == examples.match.birth, "another birth date")
        expect(not patient.patientPerson.telecom and not patient.patientPerson.addr, "address or telephone crossed")

    def nobody(example):
        def judge():
            answer = asking.find(example)
            expect(code_of(answer) == ("AA", "NF"), code_of(answer))
            expect(not answer.controlActProcess.subject, "NF with a subject")

        return judge

    rows.case("a patient who is found, with one id and no address", match)
    rows.case("a withheld patient is answered like nobody", nobody(examples.withheld))
    rows.case("an unknown patient", nobody(examples.unknown))


def addressing_cases(rows, asking):
    """WS-Addressing as zeep writes it, and as it must not be."""

    def elsewhere():
        message = bodies.discovery(asking.door, "https://127.0.0.1/", asking.door.examples.match)
        codes = asking.gateways["ITI-55"].fault(addressed_to("https://elsewhere.example/inbox"), **message)
        expect(codes[:1] == ["Sender"] and "OnlyAnonymousAddressSupported" in codes, codes)
        return codes

    def anonymous():
        answer = asking.find(asking.door.examples.match, addressed_to("http://www.w3.org/2005/08/addressing/anonymous"))
        expect(code_of(answer) == ("AA", "OK"), code_of(answer))

    def twice():
        change = same_message_id()
        patient = asking.door.examples.match.patient
        asking.of_patient(patient, change=change)
        message = bodies.stored_query(bodies.FIND_DOCUMENTS, bodies.find_documents(patient))
        codes = asking.gateways["ITI-38"].fault(change, **message)
        expect(codes[:1] == ["Sender"] and "DuplicateMessageID" in codes, codes)
        return codes

    rows.case("ReplyTo anonymous", anonymous)
    rows.case("ReplyTo at another address is refused", elsewhere)
    rows.case("a MessageID sent twice is refused", twice, transaction="ITI-38")


def query_cases(rows, asking, home):
    """ITI-38."""
    match = asking.door.examples.match

    def leaves():
        answer = asking.of_patient(match.patient)
        read_entries(asking, answer)
        found = elements(asking, "ExtrinsicObject")
        expect(found, "no entries")
        for entry in found:
            faults = bodies.entry_faults(entry, home, match.patient)
            expect(not faults, faults)
        return f"{len(found)} entries"

    def references():
        wanted = {e.get("id") for e in found_entries(asking, match.patient)}
        read_entries(asking, asking.of_patient(match.patient, returns="ObjectRef"))
        got = elements(asking, "ObjectRef")
        expect({e.get("id") for e in got} == wanted, f"{len(got)} references, {len(wanted)} entries")
        expect(all(e.get("home") == f"urn:oid:{home}" for e in got), "an ObjectRef without home")

    def by_id(slot, value_of):
        def judge():
            entry = found_entries(asking, match.patient)[0]
            value = value_of(entry)
            read_entries(asking, asking.query(bodies.GET_DOCUMENTS, {slot: f"('{value}')"}, home=f"urn:oid:{home}"))
            (got,) = elements(asking, "ExtrinsicObject")
            expect(got.get("id") == entry.get("id"), f"{got.get('id')} for {entry.get('id')}")

        return judge

    def empty(patient):
        def judge():
            read_entries(asking, asking.of_patient(patient))
            expect(not elements(asking, "ExtrinsicObject"), "entries for nobody")

        return judge

    def failing(code, query, slots, **options):
        def judge():
            answer = asking.query(query, slots, **options)
            expect(answer.status == FAILURE and errors(answer) == [code], f"{answer.status} {errors(answer)}")
            (error,) = answer.RegistryErrorList.RegistryError
            expect(error.codeContext and error.location == f"urn:oid:{home}", f"location {error.location}")
            return error.codeContext

        return judge

    patient_slot = {"$XDSDocumentEntryPatientId": f"'{match.patient}'"}
    unique = {"$XDSDocumentEntryUniqueId": f"('{match.document.unique}')"}
    rows.case("FindDocuments with LeafClass: every entry complete", leaves)
    rows.case("FindDocuments with ObjectRef: the same documents", references)
    rows.case("FindDocuments of an unknown patient: Success, empty", empty(asking.door.examples.unknown.patient))
    rows.case("GetDocuments by uniqueId", by_id("$XDSDocumentEntryUniqueId", bodies.unique_id))
    rows.case("GetDocuments by entryUUID", by_id("$XDSDocumentEntryEntryUUID", lambda e: e.get("id")))
    rows.case(
        "an unknown stored query",
        failing("XDSUnknownStoredQuery", "urn:uuid:00000000-0000-4000-8000-000000000000", patient_slot),
    )
    rows.case(
        "FindDocuments without status", failing("XDSStoredQueryMissingParam", bodies.FIND_DOCUMENTS, patient_slot)
    )
    both = {**unique, "$XDSDocumentEntryEntryUUID": "('urn:uuid:00000000-0000-4000-8000-000000000000')"}
    rows.case(
        "GetDocuments with both alternatives",
        failing("XDSStoredQueryParamNumber", bodies.GET_DOCUMENTS, both, home=f"urn:oid:{home}"),
    )
    rows.case("GetDocuments without home", failing("XDSMissingHomeCommunityId", bodies.GET_DOCUMENTS, unique))
    rows.case(
        "GetDocuments with a foreign home",
        failing("XDSUnknownCommunity", bodies.GET_DOCUMENTS, unique, home="urn:oid:2.999.99"),
    )


def found_entries(asking, patient):
    """Entries of FindDocuments."""
    read_entries(asking, asking.of_patient(patient))
    return elements(asking, "ExtrinsicObject")


def retrieve_cases(rows, asking):
    """ITI-39; zeep decodes the XOP parts itself."""
    examples = asking.door.examples
    good, unknown = examples.match.document, examples.unknown.document

    def delivered(response, wanted):
        got = {r.DocumentUniqueId: r for r in response.DocumentResponse}
        expect(len(got) == len(response.DocumentResponse), "a document came twice")
        expect(set(got) == {d.unique for d in wanted}, f"{len(got)} documents for {len(wanted)}")
        for document in wanted:
            answer = got[document.unique]
            expect((answer.HomeCommunityId, answer.RepositoryUniqueId) == (document.home, document.repository), "ids")
            expect(len(answer.Document) > 0, "an empty document")
        parts = asking.gateways["ITI-39"].parts()
        expect(len(parts) == len(wanted), f"{len(parts)} parts for {len(wanted)} documents")
        return {unique: next(p for p in parts if p.strip(b"\r\n") == r.Document) for unique, r in got.items()}

    def same_as_entry(entry, document):
        digest = hashlib.sha1(document).hexdigest()  # noqa: S324 - the profile says SHA-1
        expect(bodies.slot(entry, "hash") == digest, "the hash in the entry is another")
        expect(bodies.slot(entry, "size") == str(len(document)), "the size in the entry is another")

    def one():
        answer = asking.retrieve(good)
        expect(answer.RegistryResponse.status == SUCCESS, answer.RegistryResponse.status)
        got = delivered(answer, [good])[good.unique]
        entry = next(e for e in found_entries(asking, examples.match.patient) if bodies.unique_id(e) == good.unique)
        same_as_entry(entry, got)
        (response,) = answer.DocumentResponse
        expect(response.mimeType == entry.get("mimeType"), f"mimeType {response.mimeType}, in the entry another")

    def several():
        found = found_entries(asking, examples.match.patient)[:6]
        wanted = [bodies.document_of(entry) for entry in found]
        answer = asking.retrieve(*wanted)
        expect(answer.RegistryResponse.status == SUCCESS, answer.RegistryResponse.status)
        got = delivered(answer, wanted)
        for entry in found:
            same_as_entry(entry, got[bodies.unique_id(entry)])
        return f"{len(wanted)} documents"

    def none(document, code):
        def judge():
            answer = asking.retrieve(document)
            expect(answer.RegistryResponse.status == FAILURE, answer.RegistryResponse.status)
            expect(errors(answer.RegistryResponse) == [code], errors(answer.RegistryResponse))
            expect(not answer.DocumentResponse, "a DocumentResponse in a Failure")

        return judge

    def mixed():
        answer = asking.retrieve(good, unknown)
        expect(answer.RegistryResponse.status == PARTIAL, answer.RegistryResponse.status)
        delivered(answer, [good])
        (error,) = answer.RegistryResponse.RegistryErrorList.RegistryError
        expect(error.errorCode == "XDSDocumentUniqueIdError", error.errorCode)
        expect(unknown.unique in error.codeContext, f"codeContext names no document: {error.codeContext}")
        expect(error.location == unknown.home, f"location {error.location}")

    rows.case("one document by MTOM, with the hash and size of its entry", one)
    rows.case("several documents", several)
    rows.case("an unknown document", none(unknown, "XDSDocumentUniqueIdError"))
    if examples.withheld.document:
        rows.case(
            "a withheld document is answered like an unknown one",
            none(examples.withheld.document, "XDSDocumentUniqueIdError"),
        )
    foreign = bodies.Document(good.home, "2.999.99.99", good.unique)
    rows.case("an unknown repository", none(foreign, "XDSUnknownRepositoryId"))
    rows.case(
        "a foreign community",
        none(bodies.Document("urn:oid:2.999.99", good.repository, good.unique), "XDSUnknownCommunity"),
    )
    rows.case("one good document and one unknown", mixed)


def portal_cases(rows, asking):
    """Through the broker of one side to the other."""
    match = asking.door.examples.match

    def found():
        answer = asking.find(match)
        expect(code_of(answer) == ("AA", "OK"), code_of(answer))
        homes = {s.registrationEvent.custodian.assignedEntity.id[0].root for s in answer.controlActProcess.subject}
        expect(bare(match.document.home) in homes, f"found in {homes}")

    def listed():
        found = found_entries(asking, match.patient)
        expect(found, "no entries")
        homes = {entry.get("home") for entry in found}
        expect(homes == {match.document.home}, homes)
        return f"{len(found)} entries"

    def fetched():
        answer = asking.retrieve(match.document)
        expect(answer.RegistryResponse.status == SUCCESS, answer.RegistryResponse.status)
        expect(len(answer.DocumentResponse) == 1, "not one document")

    def nobody():
        answer = asking.find(asking.door.examples.withheld)
        expect(code_of(answer) == ("AA", "NF"), code_of(answer))

    rows.case("through a portal: a patient of the other network", found, transaction="ITI-55")
    rows.case("through a portal: a withheld patient of the other network", nobody, transaction="ITI-55")
    rows.case("through a portal: documents of the other network", listed, transaction="ITI-38")
    rows.case("through a portal: a document of the other network", fetched, transaction="ITI-39")


def main():
    args = arguments(__doc__)
    logging.getLogger("zeep").setLevel(logging.CRITICAL)
    file = ClientFile(args.client)
    rows = Rows(named("zeep"), "ITI-55")
    gateway = Asking(file, "okayama", "gateway")
    home = bare(gateway.door.receiver)
    discovery_cases(rows, gateway, home)
    addressing_cases(rows, gateway)
    rows.transaction = "ITI-38"
    query_cases(rows, gateway, home)
    rows.transaction = "ITI-39"
    retrieve_cases(rows, gateway)
    portal_cases(rows, Asking(file, "okayama", "portal"))
    rows.exit()


if __name__ == "__main__":
    main()
