package kakehashi.interop;

import java.io.File;
import java.io.IOException;
import java.security.GeneralSecurityException;
import org.apache.catalina.Context;
import org.apache.catalina.LifecycleException;
import org.apache.catalina.connector.Connector;
import org.apache.catalina.startup.Tomcat;
import org.apache.coyote.http11.AbstractHttp11Protocol;
import org.apache.cxf.BusFactory;
import org.apache.cxf.transport.servlet.CXFNonSpringServlet;
import org.apache.tomcat.util.descriptor.web.FilterDef;
import org.apache.tomcat.util.descriptor.web.FilterMap;
import org.apache.tomcat.util.net.SSLHostConfig;
import org.apache.tomcat.util.net.SSLHostConfigCertificate;

/** Tomcat with CXF's servlet, behind mutual TLS. */
final class Server {
    private final Tomcat tomcat = new Tomcat();
    private final Connector connector;

    Server(Demo demo, Intake intake, File scratch) throws LifecycleException, IOException, GeneralSecurityException {
        tomcat.setBaseDir(scratch.getPath());
        tomcat.setSilent(true);
        connector = connector(demo);
        tomcat.setConnector(connector);
        Context context = tomcat.addContext("", scratch.getPath());
        CXFNonSpringServlet servlet = new CXFNonSpringServlet();
        servlet.setBus(BusFactory.getDefaultBus());
        Tomcat.addServlet(context, "cxf", servlet).setLoadOnStartup(1);
        context.addServletMappingDecoded("/*", "cxf");
        FilterDef filter = new FilterDef();
        filter.setFilterName("intake");
        filter.setFilter(intake);
        context.addFilterDef(filter);
        FilterMap everywhere = new FilterMap();
        everywhere.setFilterName("intake");
        everywhere.addURLPattern("/*");
        context.addFilterMap(everywhere);
        tomcat.start();
    }

    private static Connector connector(Demo demo) throws IOException, GeneralSecurityException {
        Connector connector = new Connector();
        connector.setPort(demo.port);
        connector.setProperty("address", "127.0.0.1");
        connector.setProperty("bindOnInit", "false");
        connector.setProperty("SSLEnabled", "true");
        connector.setSecure(true);
        connector.setScheme("https");
        SSLHostConfig tls = new SSLHostConfig();
        tls.setProtocols("TLSv1.2+TLSv1.3");
        tls.setCertificateVerification("required");
        tls.setTrustStore(Pem.trusting(demo.ours("okayama-ca.pem")));
        tls.setCertificateRevocationListFile(demo.ours("okayama-ca.crl.pem").toString());
        SSLHostConfigCertificate own = new SSLHostConfigCertificate(tls, SSLHostConfigCertificate.Type.EC);
        own.setCertificateFile(demo.ours("peer-server.pem").toString());
        own.setCertificateKeyFile(demo.ours("peer-server.key.pem").toString());
        tls.addCertificate(own);
        ((AbstractHttp11Protocol<?>) connector.getProtocolHandler()).addSslHostConfig(tls);
        return connector;
    }

    /** Nobody listens from now on. */
    void close() throws LifecycleException {
        connector.stop();
    }

    /** Listens again. */
    void open() throws LifecycleException {
        connector.start();
    }
}
