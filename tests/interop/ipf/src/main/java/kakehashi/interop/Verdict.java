package kakehashi.interop;

import org.apache.camel.CamelContext;
import org.apache.camel.Exchange;
import org.apache.camel.Processor;
import org.apache.camel.support.DefaultExchange;

/** What an IPF validator says. It names one fault at a time: the first hides the rest. */
final class Verdict {
    static final String VALID = "valid";
    private static final int LENGTH_MAX = 600;

    private Verdict() {
    }

    static String of(CamelContext context, Processor validator, Object message) {
        Exchange exchange = new DefaultExchange(context);
        exchange.getIn().setBody(message);
        try {
            validator.process(exchange);
            return VALID;
        } catch (Exception e) {
            String text = e.getMessage() == null ? e.toString() : e.getMessage();
            for (Throwable cause = e.getCause(); cause != null && cause != cause.getCause(); cause = cause.getCause()) {
                text = text + " / " + cause.getMessage();
            }
            return text.length() > LENGTH_MAX ? text.substring(0, LENGTH_MAX) : text;
        }
    }
}
