package kakehashi.interop;

import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.openehealth.ipf.commons.ihe.hl7v3.storage.Hl7v3ContinuationStorage;

/** Where IPF keeps the answers that are fetched a page at a time. */
final class Pages implements Hl7v3ContinuationStorage {
    private final Map<String, String> messages = new ConcurrentHashMap<>();
    private final Map<String, Integer> places = new ConcurrentHashMap<>();
    private final Map<String, Integer> sizes = new ConcurrentHashMap<>();

    @Override
    public void storeMessage(String key, String message) {
        messages.put(key, message);
    }

    @Override
    public String getMessage(String key) {
        return messages.get(key);
    }

    @Override
    public void storeLastResultNumber(String key, int number) {
        places.put(key, number);
    }

    @Override
    public int getLastResultNumber(String key) {
        return places.getOrDefault(key, -1);
    }

    @Override
    public void storeContinuationQuantity(String key, int quantity) {
        sizes.put(key, quantity);
    }

    @Override
    public int getContinuationQuantity(String key) {
        return sizes.getOrDefault(key, -1);
    }

    @Override
    public boolean remove(String key) {
        return messages.remove(key) != null;
    }
}
