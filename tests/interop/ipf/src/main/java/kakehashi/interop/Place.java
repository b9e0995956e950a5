package kakehashi.interop;

import org.openehealth.ipf.commons.ihe.xds.core.metadata.AssigningAuthority;
import org.openehealth.ipf.commons.ihe.xds.core.metadata.Identifiable;

/**
 * What we stand for: whose patient ids we use, which OID our documents' ids begin with, and the home that we name;
 * null: none, as registries do that know no other.
 */
record Place(String community, String authority, String root, String home) {
    /** Hiroshima's gateway. */
    static Place gateway(Demo demo) {
        return new Place(demo.community(), demo.authority(), demo.community() + ".19", "urn:oid:" + demo.community());
    }

    /** The same network by its manager, registry and repository, which know no home. */
    static Place network(Demo demo) {
        return new Place(demo.community(), demo.authority(), demo.community() + ".19", null);
    }

    /** A source of Okayama's. */
    static Place source(Demo demo) {
        String home = Demo.bare(demo.text("/receiver"));
        return new Place(home, home + ".19.1", home + ".19", null);
    }

    String repository() {
        return root + ".2";
    }

    Identifiable patient(String number) {
        return new Identifiable(number, new AssigningAuthority(authority));
    }
}
