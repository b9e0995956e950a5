package kakehashi.interop;

import org.apache.cxf.message.Message;
import org.apache.cxf.phase.AbstractPhaseInterceptor;
import org.apache.cxf.phase.Phase;
import org.apache.cxf.ws.addressing.AddressingProperties;
import org.apache.cxf.ws.addressing.AttributedURIType;
import org.apache.cxf.ws.addressing.EndpointReferenceType;
import org.apache.cxf.ws.addressing.JAXWSAConstants;

/** Sets WS-Addressing headers that CXF would choose by itself, when a case wishes so. */
final class Outgoing extends AbstractPhaseInterceptor<Message> {
    private static final ThreadLocal<Wish> WISH = new ThreadLocal<>();

    /** A MessageID, a ReplyTo; null: CXF's own. */
    record Wish(String messageId, String replyTo) {
    }

    Outgoing() {
        super(Phase.SETUP);
    }

    static void wish(Wish wish) {
        if (wish == null) {
            WISH.remove();
        } else {
            WISH.set(wish);
        }
    }

    @Override
    public void handleMessage(Message message) {
        Wish wish = WISH.get();
        if (wish == null) {
            return;
        }
        AddressingProperties properties = new AddressingProperties();
        if (wish.messageId() != null) {
            properties.setMessageID(uri(wish.messageId()));
        }
        if (wish.replyTo() != null) {
            EndpointReferenceType reply = new EndpointReferenceType();
            reply.setAddress(uri(wish.replyTo()));
            properties.setReplyTo(reply);
        }
        message.put(JAXWSAConstants.CLIENT_ADDRESSING_PROPERTIES, properties);
    }

    private static AttributedURIType uri(String value) {
        AttributedURIType uri = new AttributedURIType();
        uri.setValue(value);
        return uri;
    }
}
