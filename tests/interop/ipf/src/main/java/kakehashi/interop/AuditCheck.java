package kakehashi.interop;

import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.openehealth.ipf.commons.audit.model.AuditMessage;
import org.openehealth.ipf.commons.audit.unmarshal.dicom.DICOMAuditParser;

/** Reads ATNA records with IPF's parser, against the DICOM schema in its jar. */
final class AuditCheck {
    private static final int COMPLAINTS_MAX = 100;
    private static final Pattern START = Pattern.compile("<\\?xml|<AuditMessage");

    private AuditCheck() {
    }

    /** One AuditMessage a line; a syslog header before it is passed over. */
    static ObjectNode file(Path file) throws IOException {
        ObjectNode answer = Demo.JSON.createObjectNode();
        ObjectNode events = answer.putObject("events");
        ArrayNode complaints = answer.putArray("complaints");
        int lines = 0;
        int valid = 0;
        try (BufferedReader reader = Files.newBufferedReader(file)) {
            for (String line = reader.readLine(); line != null; line = reader.readLine()) {
                if (line.isBlank()) {
                    continue;
                }
                lines++;
                try {
                    String name = read(line);
                    events.put(name, events.path(name).asInt() + 1);
                    valid++;
                } catch (RuntimeException e) {
                    if (complaints.size() < COMPLAINTS_MAX) {
                        complaints.addObject().put("line", lines).put("complaint", innermost(e));
                    }
                }
            }
        }
        return answer.put("messages", lines).put("valid", valid);
    }

    /** Schema, then the model's own rules; gives the event's and the transaction's code. */
    private static String read(String line) {
        Matcher start = START.matcher(line);
        AuditMessage message = new DICOMAuditParser().parse(start.find() ? line.substring(start.start()) : line, true);
        message.validate();
        var event = message.getEventIdentification();
        String types = event.getEventTypeCode().stream().map(type -> type.getCode()).toList().toString();
        return event.getEventID().getCode() + " " + types;
    }

    private static String innermost(Throwable e) {
        Throwable inner = e;
        while (inner.getCause() != null && inner.getCause() != inner) {
            inner = inner.getCause();
        }
        return String.valueOf(inner.getMessage());
    }
}
