package kakehashi.interop;

/**
 * How the gateway answers, which is also the network behind PIX, PDQ and XDS; how the source of Okayama's does, and how its PIX
 * manager.
 */
record Behaviours(Behaviour gateway, Behaviour source, Behaviour manager) {
    static final String SOURCE = "source/";
    static final String MANAGER = "manager/";

    Behaviours() {
        this(new Behaviour(), new Behaviour(), new Behaviour());
    }

    /** Of what is served at that path. */
    Behaviour at(String path) {
        return path.startsWith("/" + SOURCE) ? source : path.startsWith("/" + MANAGER) ? manager : gateway;
    }
}
