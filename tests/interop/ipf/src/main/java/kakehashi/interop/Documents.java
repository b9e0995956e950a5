package kakehashi.interop;

import jakarta.activation.DataHandler;
import jakarta.activation.DataSource;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.charset.StandardCharsets;
import java.security.DigestInputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.UUID;
import java.util.stream.Stream;

/** The documents that we hold: made as they are read, the same bytes every time, never whole in memory. */
final class Documents {
    static final long LARGE = 100L << 20;

    private Documents() {
    }

    /** Of one repository: its documents; ids begin with the OID that is its place's own. */
    static List<Held> of(String place) {
        return List.of(new Held(place + ".3.1", "診療情報提供書（循環器内科）", "text/html", 4_000, "57133-1"),
                new Held(place + ".3.2", "胸部Ｘ線写真　読影報告書", "application/pdf", 300_000, "18748-4"),
                new Held(place + ".3.3", "検体検査結果（血算・生化学）", "text/html", 70_000, "11502-2"));
    }

    /** The entryUUID of an object with that uniqueId. */
    static String uuid(String unique) {
        return "urn:uuid:" + UUID.nameUUIDFromBytes(unique.getBytes(StandardCharsets.US_ASCII));
    }

    static Held large(String place) {
        return new Held(place + ".3.100", "手術記録動画（１００メガ）", "application/pdf", LARGE, "11504-8");
    }

    /** A document: what it is, and how its bytes come about. */
    record Held(String unique, String title, String mime, long size, String code) {
        String entry() {
            return uuid(unique);
        }

        InputStream open() {
            byte[] head = mime.equals("text/html")
                    ? ("<!DOCTYPE html><meta charset=\"utf-8\"><title>" + title + "</title>\n").getBytes(StandardCharsets.UTF_8)
                    : "%PDF-1.7\n\r\n--uuid:not-a-boundary--\r\n".getBytes(StandardCharsets.US_ASCII);
            return new Generated(head, size, mime.equals("text/html"));
        }

        DataHandler handler() {
            return new DataHandler(new Source(this));
        }

        String sha1() {
            return digest("SHA-1", open()).hash();
        }
    }

    /** Size and hash of a stream that was read to its end. */
    record Digest(String hash, long size) {
    }

    static Digest digest(String algorithm, InputStream from) {
        try (DigestInputStream in = new DigestInputStream(from, MessageDigest.getInstance(algorithm))) {
            long size = in.transferTo(OutputStream.nullOutputStream());
            return new Digest(HexFormat.of().formatHex(in.getMessageDigest().digest()), size);
        } catch (IOException | NoSuchAlgorithmException e) {
            throw new IllegalStateException(e);
        }
    }

    /** What is given when an id names nothing here is nothing. */
    static Held find(String place, String unique) {
        return Stream.concat(of(place).stream(), Stream.of(large(place))).filter(held -> held.unique().equals(unique))
                .findFirst().orElse(null);
    }

    /** A head, then bytes that follow from their place: letters and line ends, or all 256 values. */
    private static final class Generated extends InputStream {
        private final byte[] head;
        private final long size;
        private final boolean isText;
        private long at;

        Generated(byte[] head, long size, boolean isText) {
            this.head = head;
            this.size = size;
            this.isText = isText;
        }

        @Override
        public int read() {
            byte[] one = new byte[1];
            return read(one, 0, 1) < 0 ? -1 : one[0] & 0xff;
        }

        @Override
        public int read(byte[] into, int from, int length) {
            if (at >= size) {
                return -1;
            }
            int count = (int) Math.min(length, size - at);
            for (int n = 0; n < count; n++, at++) {
                into[from + n] = at < head.length ? head[(int) at] : value(at);
            }
            return count;
        }

        private byte value(long place) {
            long mixed = (place + 0x9e3779b97f4a7c15L) * 0xbf58476d1ce4e5b9L;
            int value = (int) (mixed >>> 56);
            if (!isText) {
                return (byte) value;
            }
            return (byte) (place % 80 == 79 ? '\n' : 'a' + (value & 0xff) % 26);
        }
    }

    private record Source(Held held) implements DataSource {
        @Override
        public InputStream getInputStream() {
            return held.open();
        }

        @Override
        public OutputStream getOutputStream() throws IOException {
            throw new IOException("read only");
        }

        @Override
        public String getContentType() {
            return held.mime();
        }

        @Override
        public String getName() {
            return held.unique();
        }
    }
}
