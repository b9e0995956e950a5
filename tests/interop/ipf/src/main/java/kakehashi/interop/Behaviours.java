package kakehashi.interop;

/** How the gateway answers, which is also the network behind PIX, PDQ and XDS, and how the source of Okayama's does. */
record Behaviours(Behaviour gateway, Behaviour source) {
    static final String SOURCE = "source/";

    Behaviours() {
        this(new Behaviour(), new Behaviour());
    }

    /** Of what is served at that path. */
    Behaviour at(String path) {
        return path.startsWith("/" + SOURCE) ? source : gateway;
    }
}
