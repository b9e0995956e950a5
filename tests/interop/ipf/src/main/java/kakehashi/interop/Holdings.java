package kakehashi.interop;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.util.List;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.Author;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.AvailabilityStatus;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.AssigningAuthority;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.Code;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.DocumentEntry;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.Hl7v2Based;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.LocalizedString;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.Organization;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.Person;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.ReferenceId;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.XpnName;
import org.openehealth.ipf.commons.ihe.xds.core.requests.DocumentReference;
import org.openehealth.ipf.commons.ihe.xds.core.requests.QueryRegistry;
import org.openehealth.ipf.commons.ihe.xds.core.requests.RetrieveDocumentSet;
import org.openehealth.ipf.commons.ihe.xds.core.requests.query.PatientIdBasedStoredQuery;
import org.openehealth.ipf.commons.ihe.xds.core.requests.query.QueryReturnType;
import org.openehealth.ipf.commons.ihe.xds.core.responses.ErrorCode;
import org.openehealth.ipf.commons.ihe.xds.core.responses.ErrorInfo;
import org.openehealth.ipf.commons.ihe.xds.core.responses.QueryResponse;
import org.openehealth.ipf.commons.ihe.xds.core.responses.Response;
import org.openehealth.ipf.commons.ihe.xds.core.responses.RetrievedDocument;
import org.openehealth.ipf.commons.ihe.xds.core.responses.RetrievedDocumentSet;
import org.openehealth.ipf.commons.ihe.xds.core.responses.Severity;
import org.openehealth.ipf.commons.ihe.xds.core.responses.Status;

/** Answers for documents in IPF's own model. */
final class Holdings {
    private final Place place;
    private final Behaviour behaving;

    Holdings(Place place, Behaviour behaving) {
        this.place = place;
        this.behaving = behaving;
    }

    QueryResponse query(QueryRegistry request, ObjectNode asked) {
        String behaviour = behaving.now();
        asked.put("query", request.getQuery().getType().name());
        asked.put("return", request.getReturnType().getCode());
        asked.put("ids", String.valueOf(Registry.ids(request.getQuery())));
        if (request.getQuery() instanceof PatientIdBasedStoredQuery find) {
            asked.put("patient", Answers.cx(find.getPatientId()));
        }
        switch (behaviour) {
            case "busy":
                return refused(new QueryResponse(), ErrorCode.REGISTRY_BUSY, "try again later");
            case "error":
                return refused(new QueryResponse(), ErrorCode.REGISTRY_ERROR, "the registry is out of order");
            case "unknown":
                return new QueryResponse(Status.SUCCESS);
            default:
                break;
        }
        List<Documents.Held> held = behaviour.equals("large") ? List.of(Documents.large(place.root()))
                : Documents.of(place.root());
        Registry registry = new Registry(place, held.stream().map(one -> entry(one, behaviour)).toList());
        if (behaviour.equals("too-many") && request.getReturnType() == QueryReturnType.LEAF_CLASS
                && request.getQuery() instanceof PatientIdBasedStoredQuery) {
            return refused(new QueryResponse(), ErrorCode.TOO_MANY_RESULTS, "ask for references");
        }
        QueryResponse response = registry.answer(request.getQuery(), request.getReturnType());
        if (behaviour.equals("partial")) {
            response.setStatus(Status.PARTIAL_SUCCESS);
            response.getErrors().add(error(ErrorCode.REGISTRY_ERROR, "one of two hospitals did not answer"));
        }
        return response;
    }

    private DocumentEntry entry(Documents.Held held, String behaviour) {
        DocumentEntry entry = new DocumentEntry();
        entry.setEntryUuid(held.entry());
        entry.setUniqueId(held.unique());
        entry.setRepositoryUniqueId(place.repository());
        boolean isFirst = held.unique().endsWith(".3.1");
        JsonNode claim = behaving.claim();
        if (claim.isObject() && isFirst) {
            entry.setEntryUuid(claim.path("uuid").asText());
            entry.setUniqueId(claim.path("unique").asText());
            entry.setRepositoryUniqueId(claim.path("repository").asText());
        }
        if (isFirst) {
            entry.getReferenceIdList().add(Hl7v2Based.parse(Registry.REFERENCE, ReferenceId.class));
        }
        entry.setHomeCommunityId(home());
        entry.setPatientId(place.patient(behaviour.equals("wrong-patient") ? "IPF999999" : Discovery.PATIENT));
        entry.setSourcePatientId(entry.getPatientId());
        entry.setTitle(new LocalizedString(held.title(), "ja-JP", "UTF-8"));
        entry.setMimeType(held.mime());
        entry.setHash(held.sha1());
        entry.setSize(held.size());
        entry.setCreationTime("20260401093000");
        entry.setServiceStartTime("20260401090000");
        entry.setServiceStopTime("20260401092000");
        entry.setLanguageCode("ja-JP");
        entry.setAvailabilityStatus(AvailabilityStatus.APPROVED);
        entry.setClassCode(code("検体検査結果", "検体検査結果", "2.999.392.1"));
        entry.setTypeCode(code(held.code(), held.title(), "2.16.840.1.113883.6.1"));
        entry.setFormatCode(code("urn:ihe:iti:xds:2017:mimeTypeSufficient", "mimeType", "1.3.6.1.4.1.19376.1.2.3"));
        entry.setHealthcareFacilityTypeCode(code("HOSP", "病院", "2.16.840.1.113883.5.111"));
        entry.setPracticeSettingCode(code("01", "内科", "2.999.392.2"));
        entry.getConfidentialityCodes().add(code("N", "通常", "2.16.840.1.113883.5.25"));
        Author author = new Author();
        author.setAuthorPerson(new Person(null, new XpnName("見本", "花子", null, null, null, null)));
        author.getAuthorInstitution().add(
                new Organization("もみじ台中央病院（架空）", "3410000001", new AssigningAuthority(place.community() + ".11")));
        entry.getAuthors().add(author);
        return entry;
    }

    private static Code code(String code, String display, String scheme) {
        return new Code(code, new LocalizedString(display, "ja-JP", "UTF-8"), scheme);
    }

    private String home() {
        return behaving.is("wrong-home") ? "urn:oid:2.999.35" : place.home();
    }

    RetrievedDocumentSet retrieve(RetrieveDocumentSet request, ObjectNode asked) {
        asked.put("documents", request.getDocuments().stream()
                .map(one -> one.getHomeCommunityId() + "|" + one.getRepositoryUniqueId() + "|" + one.getDocumentUniqueId())
                .toList().toString());
        if (behaving.is("busy")) {
            return refused(new RetrievedDocumentSet(), ErrorCode.REPOSITORY_BUSY, "try again later");
        }
        if (behaving.is("error")) {
            return refused(new RetrievedDocumentSet(), ErrorCode.REPOSITORY_ERROR, "the repository is out of order");
        }
        RetrievedDocumentSet response = new RetrievedDocumentSet(Status.SUCCESS);
        for (DocumentReference wanted : request.getDocuments()) {
            Documents.Held held = behaving.is("unknown") ? null
                    : Documents.find(place.root(), wanted.getDocumentUniqueId());
            boolean isLast = wanted == request.getDocuments().get(request.getDocuments().size() - 1);
            if (held == null || behaving.is("partial") && isLast) {
                response.getErrors().add(error(ErrorCode.DOCUMENT_UNIQUE_ID_ERROR, wanted.getDocumentUniqueId()));
                continue;
            }
            DocumentReference echo = new DocumentReference(wanted.getRepositoryUniqueId(), wanted.getDocumentUniqueId(),
                    behaving.is("wrong-home") ? home() : wanted.getHomeCommunityId());
            response.getDocuments().add(new RetrievedDocument(held.handler(), echo, null, null, held.mime()));
        }
        if (!response.getErrors().isEmpty()) {
            response.setStatus(response.getDocuments().isEmpty() ? Status.FAILURE : Status.PARTIAL_SUCCESS);
        }
        return response;
    }

    private <T extends Response> T refused(T response, ErrorCode code, String context) {
        response.setStatus(Status.FAILURE);
        response.getErrors().add(error(code, context));
        return response;
    }

    private ErrorInfo error(ErrorCode code, String context) {
        return new ErrorInfo(code, context, Severity.ERROR, "urn:oid:" + place.community(), null);
    }
}
