package kakehashi.interop;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/** The demo's folder: where we serve in Hiroshima's place, and a door of client.json by which we ask. */
final class Demo {
    static final ObjectMapper JSON = new ObjectMapper();
    private static final Pattern PORT = Pattern.compile("https://127\\.0\\.0\\.1:(\\d+)/");

    final Path folder;
    final JsonNode client;
    /** A door of client.json: as whom we ask, and whom. */
    final JsonNode door;
    /** Its side and name. */
    final String name;
    /** Hiroshima's peer port. */
    final int port;

    Demo(Path folder, String side, String door) throws IOException {
        this.folder = folder;
        this.client = JSON.readTree(Files.readString(folder.resolve("client.json")));
        this.name = side + "-" + door;
        this.door = client.at("/sides/" + side + "/" + door);
        Matcher found = PORT.matcher(Files.readString(folder.resolve("okayama/peers/hiroshima.toml")));
        if (this.door.isMissingNode() || !found.find()) {
            throw new IOException(folder + ": no door " + name + ", or no port of Hiroshima");
        }
        this.port = Integer.parseInt(found.group(1));
    }

    /** A file of Hiroshima's own side. */
    Path ours(String name) {
        return folder.resolve("hiroshima/certs").resolve(name);
    }

    /** A file that the door names. */
    Path file(String pointer) {
        return Path.of(text(pointer));
    }

    /** A value of the door. */
    String text(String pointer) {
        return door.at(pointer).asText();
    }

    /** A role or purpose by its word: code, system, display. */
    JsonNode code(String kind, String word) {
        for (JsonNode code : client.at("/codes/" + kind)) {
            if (code.path("word").asText().equals(word)) {
                return code;
            }
        }
        throw new IllegalArgumentException("no such word in codes." + kind + ": " + word);
    }

    /** Our community, bare. */
    String community() {
        return bare(text("/asker/community"));
    }

    /** The authority of our patient ids. */
    String authority() {
        return text("/asker/authority");
    }

    static String bare(String urn) {
        return urn.startsWith("urn:oid:") ? urn.substring("urn:oid:".length()) : urn;
    }
}
