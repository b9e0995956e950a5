package kakehashi.interop;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.MissingNode;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

/** How the served side answers from now on. */
final class Behaviour {
    static final List<String> CASES = List.of("match", "unknown", "more-attributes", "busy", "partial", "error",
            "soap-fault", "cut-off", "cut-off-length", "large", "wrong-home", "wrong-patient", "slow", "too-many", "several",
            "renumbered", "crowd");
    private static final long HELD_MAX_S = 120;

    private String name = "match";
    private JsonNode claim = MissingNode.getInstance();
    private JsonNode links = MissingNode.getInstance();
    private CountDownLatch held = new CountDownLatch(0);

    /** Sets the case; what `slow` held back is let go. */
    synchronized void set(String wanted) {
        if (!CASES.contains(wanted)) {
            throw new IllegalArgumentException("no such case: " + wanted + "; there are " + CASES);
        }
        name = wanted;
        held.countDown();
        held = new CountDownLatch("slow".equals(wanted) ? 1 : 0);
    }

    /** The ids of somebody else's entry that ours is listed under from now on; missing: its own. */
    synchronized void claim(JsonNode entry) {
        claim = entry;
    }

    synchronized JsonNode claim() {
        return claim;
    }

    /** Which ids are each one person's from now on; missing: the example's. */
    synchronized void link(JsonNode persons) {
        links = persons;
    }

    synchronized JsonNode links() {
        return links;
    }

    synchronized String now() {
        return name;
    }

    boolean is(String wanted) {
        return now().equals(wanted);
    }

    /** Under `slow` an answer waits for the next `behave`: no clock decides, but there is an end. */
    void hold() throws InterruptedException {
        CountDownLatch latch;
        synchronized (this) {
            latch = held;
        }
        latch.await(HELD_MAX_S, TimeUnit.SECONDS);
    }
}
