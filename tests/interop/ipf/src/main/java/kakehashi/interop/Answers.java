package kakehashi.interop;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.InputStream;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.DocumentEntry;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.Identifiable;
import org.openehealth.ipf.commons.ihe.xds.core.responses.ErrorInfo;
import org.openehealth.ipf.commons.ihe.xds.core.responses.QueryResponse;
import org.openehealth.ipf.commons.ihe.xds.core.responses.Response;
import org.openehealth.ipf.commons.ihe.xds.core.responses.RetrievedDocument;
import org.openehealth.ipf.commons.ihe.xds.core.responses.RetrievedDocumentSet;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;

/** Reads Okayama's answers into JSON. */
final class Answers {
    private Answers() {
    }

    /** What is needed of an entry to ask for it again. */
    record Entry(String uuid, String unique, String repository, String home, long size) {
    }

    static void discovery(String answer, ObjectNode into) throws Exception {
        Element root = Discovery.parse(answer).getDocumentElement();
        into.put("acknowledgement", code(Discovery.one(root, "acknowledgement"), "typeCode"));
        into.put("status", code(Discovery.one(root, "queryAck"), "queryResponseCode"));
        ArrayNode patients = into.putArray("patients");
        NodeList found = root.getElementsByTagNameNS(Xua.HL7, "registrationEvent");
        for (int at = 0; at < found.getLength(); at++) {
            Element event = (Element) found.item(at);
            Element id = Discovery.child(Discovery.one(event, "patient"), "id");
            Element custodian = Discovery.child(Discovery.one(event, "assignedEntity"), "id");
            patients.addObject().put("id", id.getAttribute("extension")).put("authority", id.getAttribute("root"))
                    .put("home", custodian.getAttribute("root"))
                    .put("name", Discovery.one(event, "name").getTextContent())
                    .put("confidence", code(Discovery.one(event, "queryMatchObservation"), "value", "value"));
        }
        ArrayNode reasons = into.putArray("reasons");
        NodeList issues = root.getElementsByTagNameNS(Xua.HL7, "detectedIssueEvent");
        for (int at = 0; at < issues.getLength(); at++) {
            NodeList codes = ((Element) issues.item(at)).getElementsByTagNameNS(Xua.HL7, "code");
            for (int n = 1; n < codes.getLength(); n++) {
                reasons.add(((Element) codes.item(n)).getAttribute("code"));
            }
        }
    }

    private static String code(Element within, String name) {
        return code(within, name, "code");
    }

    private static String code(Element within, String name, String attribute) {
        return Discovery.child(within, name).getAttribute(attribute);
    }

    static List<Entry> query(QueryResponse answer, ObjectNode into) {
        response(answer, into);
        ArrayNode entries = into.putArray("entries");
        for (DocumentEntry entry : answer.getDocumentEntries()) {
            entries.addObject().put("uuid", entry.getEntryUuid()).put("unique", entry.getUniqueId())
                    .put("repository", entry.getRepositoryUniqueId()).put("home", entry.getHomeCommunityId())
                    .put("mime", entry.getMimeType()).put("size", entry.getSize()).put("hash", entry.getHash())
                    .put("title", entry.getTitle() == null ? null : entry.getTitle().getValue())
                    .put("class", entry.getClassCode().getCode()).put("format", entry.getFormatCode().getCode())
                    .put("patient", cx(entry.getPatientId()));
        }
        into.put("submission_sets", answer.getSubmissionSets().size()).put("folders", answer.getFolders().size());
        into.put("associations", answer.getAssociations().size());
        ArrayNode references = into.putArray("references");
        answer.getReferences().forEach(one -> references.addObject().put("uuid", one.getId()).put("home", one.getHome()));
        return answer.getDocumentEntries().stream().map(one -> new Entry(
                one.getEntryUuid(), one.getUniqueId(), one.getRepositoryUniqueId(), one.getHomeCommunityId(),
                one.getSize() == null ? 0 : one.getSize())).toList();
    }

    static String cx(Identifiable patient) {
        return patient.getId() + "^^^&" + patient.getAssigningAuthority().getUniversalId() + "&ISO";
    }

    static void retrieve(RetrievedDocumentSet answer, ObjectNode into) throws IOException, NoSuchAlgorithmException {
        response(answer, into);
        ArrayNode documents = into.putArray("documents");
        for (RetrievedDocument document : answer.getDocuments()) {
            ObjectNode one = documents.addObject();
            one.put("unique", document.getRequestData().getDocumentUniqueId());
            one.put("repository", document.getRequestData().getRepositoryUniqueId());
            one.put("home", document.getRequestData().getHomeCommunityId());
            one.put("mime", document.getMimeType());
            hash(document, one);
        }
    }

    /** Both hashes in one pass; the bytes are never whole in memory here. */
    private static void hash(RetrievedDocument document, ObjectNode into) throws IOException, NoSuchAlgorithmException {
        MessageDigest sha1 = MessageDigest.getInstance("SHA-1");
        MessageDigest sha256 = MessageDigest.getInstance("SHA-256");
        try (InputStream in = new DigestInputStream(
                new DigestInputStream(document.getDataHandler().getInputStream(), sha1), sha256)) {
            into.put("size", in.transferTo(java.io.OutputStream.nullOutputStream()));
        }
        into.put("sha1", HexFormat.of().formatHex(sha1.digest()));
        into.put("sha256", HexFormat.of().formatHex(sha256.digest()));
    }

    private static void response(Response answer, ObjectNode into) {
        into.put("status", String.valueOf(answer.getStatus()));
        ArrayNode errors = into.putArray("errors");
        for (ErrorInfo error : answer.getErrors()) {
            errors.addObject().put("code", String.valueOf(error.getErrorCode())).put("context", error.getCodeContext())
                    .put("severity", String.valueOf(error.getSeverity())).put("location", error.getLocation());
        }
    }
}
