package kakehashi.interop;

import org.apache.cxf.message.Message;
import org.apache.cxf.phase.AbstractPhaseInterceptor;
import org.apache.cxf.phase.Phase;

/** Notes how an answer came packed. */
final class Incoming extends AbstractPhaseInterceptor<Message> {
    private static final ThreadLocal<String> PACKAGING = new ThreadLocal<>();

    Incoming() {
        super(Phase.RECEIVE);
    }

    static void forget() {
        PACKAGING.remove();
    }

    /** `plain`, `mtom`, or `none` if nothing came. */
    static String packaging() {
        return PACKAGING.get() == null ? "none" : PACKAGING.get();
    }

    @Override
    public void handleMessage(Message message) {
        String type = String.valueOf(message.get(Message.CONTENT_TYPE));
        boolean isMtom = type.startsWith("multipart/related") && type.contains("application/xop+xml");
        PACKAGING.set(isMtom ? "mtom" : type.startsWith("application/soap+xml") ? "plain" : type);
    }
}
