package kakehashi.interop;

import com.fasterxml.jackson.databind.JsonNode;
import java.util.ArrayList;
import java.util.List;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.AssociationType;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.AvailabilityStatus;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.Identifiable;
import org.openehealth.ipf.commons.ihe.xds.core.requests.QueryRegistry;
import org.openehealth.ipf.commons.ihe.xds.core.requests.query.FindDocumentsByReferenceIdQuery;
import org.openehealth.ipf.commons.ihe.xds.core.requests.query.FindDocumentsQuery;
import org.openehealth.ipf.commons.ihe.xds.core.requests.query.FindFoldersQuery;
import org.openehealth.ipf.commons.ihe.xds.core.requests.query.FindSubmissionSetsQuery;
import org.openehealth.ipf.commons.ihe.xds.core.requests.query.GetAllQuery;
import org.openehealth.ipf.commons.ihe.xds.core.requests.query.GetAssociationsQuery;
import org.openehealth.ipf.commons.ihe.xds.core.requests.query.GetByIdQuery;
import org.openehealth.ipf.commons.ihe.xds.core.requests.query.GetByUuidQuery;
import org.openehealth.ipf.commons.ihe.xds.core.requests.query.GetDocumentsAndAssociationsQuery;
import org.openehealth.ipf.commons.ihe.xds.core.requests.query.GetDocumentsQuery;
import org.openehealth.ipf.commons.ihe.xds.core.requests.query.GetFolderAndContentsQuery;
import org.openehealth.ipf.commons.ihe.xds.core.requests.query.GetFoldersForDocumentQuery;
import org.openehealth.ipf.commons.ihe.xds.core.requests.query.GetFoldersQuery;
import org.openehealth.ipf.commons.ihe.xds.core.requests.query.GetFromDocumentQuery;
import org.openehealth.ipf.commons.ihe.xds.core.requests.query.GetRelatedDocumentsQuery;
import org.openehealth.ipf.commons.ihe.xds.core.requests.query.GetSubmissionSetAndContentsQuery;
import org.openehealth.ipf.commons.ihe.xds.core.requests.query.GetSubmissionSetsQuery;
import org.openehealth.ipf.commons.ihe.xds.core.requests.query.QueryList;
import org.openehealth.ipf.commons.ihe.xds.core.requests.query.QueryReturnType;
import org.openehealth.ipf.commons.ihe.xds.core.requests.query.StoredQuery;

/** Any stored query by its name: of a `patient`, or of `uuids` or `uniques`; with `home` if one is named. */
final class StoredQueries {
    private static final List<AvailabilityStatus> ANY =
            List.of(AvailabilityStatus.APPROVED, AvailabilityStatus.DEPRECATED);

    private StoredQueries() {
    }

    static QueryRegistry of(JsonNode command) {
        StoredQuery query = switch (command.path("query").asText()) {
            case "FindDocuments" -> documents(new FindDocumentsQuery(), command);
            case "FindDocumentsByReferenceId" -> byReference(command);
            case "FindSubmissionSets" -> submissionSets(command);
            case "FindFolders" -> folders(command);
            case "GetAll" -> all(command);
            case "GetDocuments" -> byIds(new GetDocumentsQuery(), command);
            case "GetFolders" -> byIds(new GetFoldersQuery(), command);
            case "GetDocumentsAndAssociations" -> byIds(new GetDocumentsAndAssociationsQuery(), command);
            case "GetAssociations" -> byUuids(new GetAssociationsQuery(), command);
            case "GetSubmissionSets" -> byUuids(new GetSubmissionSetsQuery(), command);
            case "GetSubmissionSetAndContents" -> byId(new GetSubmissionSetAndContentsQuery(), command);
            case "GetFolderAndContents" -> byId(new GetFolderAndContentsQuery(), command);
            case "GetFoldersForDocument" -> byId(new GetFoldersForDocumentQuery(), command);
            case "GetRelatedDocuments" -> related(command);
            default -> throw new IllegalArgumentException("no such query: " + command);
        };
        if (command.hasNonNull("home")) {
            query.setHomeCommunityId(command.path("home").asText());
        }
        QueryRegistry request = new QueryRegistry(query);
        boolean isReferences = command.path("return").asText().equals("ObjectRef");
        request.setReturnType(isReferences ? QueryReturnType.OBJECT_REF : QueryReturnType.LEAF_CLASS);
        return request;
    }

    private static Identifiable patient(JsonNode command) {
        return Identifiable.parse(command.path("patient").asText());
    }

    private static List<String> list(JsonNode command, String name) {
        List<String> values = new ArrayList<>();
        command.path(name).forEach(value -> values.add(value.asText()));
        return values.isEmpty() ? null : values;
    }

    private static FindDocumentsQuery documents(FindDocumentsQuery find, JsonNode command) {
        find.setPatientId(patient(command));
        find.setStatus(ANY);
        return find;
    }

    private static StoredQuery byReference(JsonNode command) {
        FindDocumentsByReferenceIdQuery find = new FindDocumentsByReferenceIdQuery();
        find.setReferenceIds(new QueryList<>(command.path("reference").asText()));
        return documents(find, command);
    }

    private static StoredQuery submissionSets(JsonNode command) {
        FindSubmissionSetsQuery find = new FindSubmissionSetsQuery();
        find.setPatientId(patient(command));
        find.setStatus(ANY);
        return find;
    }

    private static StoredQuery folders(JsonNode command) {
        FindFoldersQuery find = new FindFoldersQuery();
        find.setPatientId(patient(command));
        find.setStatus(ANY);
        return find;
    }

    private static StoredQuery all(JsonNode command) {
        GetAllQuery all = new GetAllQuery();
        all.setPatientId(patient(command));
        all.setStatusDocuments(ANY);
        all.setStatusSubmissionSets(ANY);
        all.setStatusFolders(ANY);
        return all;
    }

    private static StoredQuery byUuids(GetByUuidQuery get, JsonNode command) {
        get.setUuids(list(command, "uuids"));
        return get;
    }

    private static StoredQuery byIds(GetByIdQuery get, JsonNode command) {
        get.setUniqueIds(list(command, "uniques"));
        return byUuids(get, command);
    }

    /** Of one document, folder or submission set. */
    private static StoredQuery byId(GetFromDocumentQuery get, JsonNode command) {
        if (command.has("uuids")) {
            get.setUuid(command.at("/uuids/0").asText());
        } else {
            get.setUniqueId(command.at("/uniques/0").asText());
        }
        return get;
    }

    private static StoredQuery related(JsonNode command) {
        GetRelatedDocumentsQuery get = new GetRelatedDocumentsQuery();
        get.setAssociationTypes(list(command, "types").stream().map(AssociationType::valueOf).toList());
        return byId(get, command);
    }
}
