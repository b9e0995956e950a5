package kakehashi.interop;

import org.openehealth.ipf.commons.ihe.xds.core.metadata.AssigningAuthority;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.Identifiable;

/**
 * What we stand for: whose patient ids we use, which OID our documents' ids begin with, and the home that we name;
 * null: none, as registries do that know no other.
 */
record Place(String community, String authority, String root, String home, String device) {
    /** Hiroshima's gateway. */
    static Place gateway(Demo demo) {
        return new Place(demo.community(), demo.authority(), demo.community() + ".19", "urn:oid:" + demo.community(),
                demo.community() + ".0.1");
    }

    /** The same network by its manager, registry and repository, which know no home. */
    static Place network(Demo demo) {
        return new Place(demo.community(), demo.authority(), demo.community() + ".19", null, demo.community() + ".0.1");
    }

    /** A source of Okayama's. */
    static Place source(Demo demo) {
        String home = Demo.bare(demo.text("/receiver"));
        return new Place(home, home + ".19.1", home + ".19", null, home + ".0.1");
    }

    /** Okayama's own PIX manager. */
    static Place manager(Demo demo) {
        String home = Demo.bare(demo.text("/receiver"));
        return new Place(home, home + ".1", home + ".19", null, home + ".0.9");
    }

    String repository() {
        return root + ".2";
    }

    Identifiable patient(String number) {
        return new Identifiable(number, new AssigningAuthority(authority));
    }
}
