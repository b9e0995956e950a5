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
import java.util.stream.IntStream;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.DocumentEntry;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.Identifiable;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.XDSMetaClass;
import org.openehealth.ipf.commons.ihe.xds.core.responses.ErrorInfo;
import org.openehealth.ipf.commons.ihe.xds.core.responses.QueryResponse;
import org.openehealth.ipf.commons.ihe.xds.core.responses.Response;
import org.openehealth.ipf.commons.ihe.xds.core.responses.RetrievedDocument;
import org.openehealth.ipf.commons.ihe.xds.core.responses.RetrievedDocumentSet;
import org.w3c.dom.Element;
import org.w3c.dom.NodeList;

/** Reads answers into JSON. */
final class Answers {
    private Answers() {
    }

    /** What is needed of an entry to ask for it again. */
    record Entry(String uuid, String unique, String repository, String home, long size) {
    }

    /** What a patient manager or gateway answers: persons, or an acknowledgement alone. */
    static void persons(String answer, ObjectNode into) throws Exception {
        Element root = Discovery.parse(answer).getDocumentElement();
        into.put("root", root.getLocalName());
        into.put("acknowledgement", code(Discovery.one(root, "acknowledgement"), "typeCode"));
        ArrayNode details = into.putArray("details");
        for (Element detail : all(root, "acknowledgementDetail")) {
            details.addObject().put("type", detail.getAttribute("typeCode")).put("code", first(detail, "code", "code"))
                    .put("text", first(detail, "text", null)).put("location", first(detail, "location", null));
        }
        Element ack = Discovery.one(root, "queryAck");
        into.put("status", code(ack == null ? Discovery.one(root, "acknowledgement") : ack,
                ack == null ? "typeCode" : "queryResponseCode"));
        if (ack == null) {
            return;
        }
        into.put("total", first(ack, "resultTotalQuantity", "value"));
        into.put("current", first(ack, "resultCurrentQuantity", "value"));
        into.put("remaining", first(ack, "resultRemainingQuantity", "value"));
        ArrayNode patients = into.putArray("patients");
        for (Element event : all(root, "registrationEvent")) {
            Element patient = Discovery.one(event, "patient");
            Element id = Discovery.child(patient, "id");
            ObjectNode one = patients.addObject().put("id", id.getAttribute("extension"))
                    .put("authority", id.getAttribute("root"))
                    .put("home", Discovery.child(Discovery.one(event, "assignedEntity"), "id").getAttribute("root"))
                    .put("name", Discovery.one(event, "name").getTextContent().replaceAll("\\s+", " ").trim())
                    .put("confidence", first(event, "value", "value"));
            ArrayNode ids = one.putArray("ids");
            for (Element each : all(patient, "id")) {
                if (each.getParentNode() == patient) {
                    ids.add(each.getAttribute("extension") + "^^^&" + each.getAttribute("root") + "&ISO");
                }
            }
        }
        ArrayNode reasons = into.putArray("reasons");
        for (Element issue : all(root, "detectedIssueEvent")) {
            all(issue, "code").stream().skip(1).forEach(code -> reasons.add(code.getAttribute("code")));
        }
    }

    private static List<Element> all(Element within, String name) {
        NodeList found = within.getElementsByTagNameNS(Xua.HL7, name);
        return IntStream.range(0, found.getLength()).mapToObj(at -> (Element) found.item(at)).toList();
    }

    /** An attribute of the first such element, or its text; null if there is none. */
    private static String first(Element within, String name, String attribute) {
        Element found = Discovery.one(within, name);
        return found == null ? null : attribute == null ? found.getTextContent() : found.getAttribute(attribute);
    }

    private static String code(Element within, String name) {
        return Discovery.child(within, name).getAttribute("code");
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
        ArrayNode submissionSets = into.putArray("submission_sets");
        answer.getSubmissionSets().forEach(one -> packaged(one, submissionSets.addObject()));
        ArrayNode folders = into.putArray("folders");
        answer.getFolders().forEach(one -> packaged(one, folders.addObject()));
        ArrayNode associations = into.putArray("associations");
        answer.getAssociations().forEach(one -> associations.addObject().put("uuid", one.getEntryUuid())
                .put("type", String.valueOf(one.getAssociationType()))
                .put("source", one.getSourceUuid()).put("target", one.getTargetUuid()));
        ArrayNode references = into.putArray("references");
        answer.getReferences().forEach(one -> references.addObject().put("uuid", one.getId()).put("home", one.getHome()));
        return answer.getDocumentEntries().stream().map(one -> new Entry(
                one.getEntryUuid(), one.getUniqueId(), one.getRepositoryUniqueId(), one.getHomeCommunityId(),
                one.getSize() == null ? 0 : one.getSize())).toList();
    }

    /** A folder or submission set. */
    private static void packaged(XDSMetaClass of, ObjectNode into) {
        into.put("uuid", of.getEntryUuid()).put("unique", of.getUniqueId()).put("home", of.getHomeCommunityId())
                .put("title", of.getTitle() == null ? null : of.getTitle().getValue())
                .put("patient", cx(of.getPatientId()));
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
