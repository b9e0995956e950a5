package kakehashi.interop;

import javax.xml.namespace.QName;
import org.apache.cxf.binding.soap.Soap12;
import org.apache.cxf.binding.soap.SoapFault;
import org.apache.cxf.binding.soap.SoapMessage;
import org.apache.cxf.binding.soap.interceptor.AbstractSoapInterceptor;
import org.apache.cxf.phase.Phase;

/** Refuses a request whose assertion is not good, as a gateway would; and breaks down when told to. */
final class Gate extends AbstractSoapInterceptor {
    private final Behaviours behaviours;

    Gate(Behaviours behaviours) {
        super(Phase.PRE_INVOKE);
        this.behaviours = behaviours;
    }

    @Override
    public void handleMessage(SoapMessage message) {
        Received.Request request = Received.current();
        if (request.xua == null || !request.xua.complaints().isEmpty()) {
            SoapFault fault = new SoapFault("The token could not be authenticated", Soap12.getInstance().getSender());
            fault.addSubCode(new QName(Xua.WSSE, "FailedAuthentication", "wsse"));
            throw fault;
        }
        if (behaviours.at(request.path).is("soap-fault")) {
            throw new SoapFault("The gateway is out of order", Soap12.getInstance().getReceiver());
        }
    }
}
