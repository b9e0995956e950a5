package kakehashi.interop;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.File;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import org.apache.camel.CamelContext;
import org.apache.camel.impl.DefaultCamelContext;
import org.openehealth.ipf.commons.ihe.ws.WsSecurityUnderstandingInInterceptor;

/** The program: stands as Hiroshima's gateway, and does what its standard input says, a JSON line each. */
public final class Gateway {
    private final Received received = new Received();
    private final Behaviours behaviours = new Behaviours();
    private final Server server;
    private final CamelContext camel = new DefaultCamelContext();
    private final Path folder;
    private final Map<String, Asking> askings = new HashMap<>();

    private Gateway(Demo demo) throws Exception {
        Xua.start();
        this.folder = demo.folder;
        File scratch = Files.createTempDirectory(folder, "ipf-gateway").toFile();
        scratch.deleteOnExit();
        camel.getRegistry().bind("understood", new WsSecurityUnderstandingInInterceptor());
        camel.getRegistry().bind("pages", new Pages());
        camel.getRegistry().bind("gate", new Gate(behaviours));
        server = new Server(demo, new Intake(received, new XuaCheck(demo), behaviours, camel), scratch);
        camel.addRoutes(new Routes(behaviours, demo));
        camel.start();
        asking(demo).warmUp();
    }

    private Asking asking(Demo demo) throws Exception {
        Asking asking = askings.get(demo.name);
        if (asking == null) {
            asking = new Asking(camel, demo);
            askings.put(demo.name, asking);
        }
        return asking;
    }

    /** Starts and serves until standard input ends or says quit. */
    public static void main(String[] arguments) throws Exception {
        PrintStream answers = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        System.setOut(System.err);
        if (arguments.length != 2 || !arguments[0].equals("--demo")) {
            System.err.println("usage: java -jar ipf-gateway.jar --demo FOLDER");
            System.exit(64);
        }
        Demo demo = new Demo(Path.of(arguments[1]).toAbsolutePath(), "okayama", "gateway");
        Gateway gateway = new Gateway(demo);
        answers.println(Demo.JSON.createObjectNode().put("ready", true).put("port", demo.port));
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            JsonNode command = Demo.JSON.readTree(line);
            answers.println(gateway.obey(command));
            if (command.path("cmd").asText().equals("quit")) {
                break;
            }
        }
        System.exit(0);
    }

    private ObjectNode obey(JsonNode command) {
        ObjectNode answer = Demo.JSON.createObjectNode();
        try {
            switch (command.path("cmd").asText()) {
                case "behave" -> {
                    Behaviour behaviour = behaviours.at("/" + command.path("at").asText() + "/");
                    behaviour.set(command.path("case").asText());
                    behaviour.claim(command.path("claim"));
                    behaviour.link(command.path("links"));
                }
                case "seen" -> answer.set("seen", received.drain());
                case "ask" -> answer = asking(new Demo(folder, command.path("side").asText("okayama"),
                        command.path("door").asText("gateway"))).ask(command);
                case "audit" -> answer = AuditCheck.file(Path.of(command.path("file").asText()));
                case "memory" -> answer.put("used_mb", used());
                case "close" -> server.close();
                case "open" -> server.open();
                case "quit" -> behaviours.gateway().set("match");
                default -> throw new IOException("no such cmd: " + command);
            }
            return answer.put("ok", true);
        } catch (Exception e) {
            e.printStackTrace();
            return answer.put("ok", false).put("problem", e.toString());
        }
    }

    private static long used() {
        System.gc();
        Runtime runtime = Runtime.getRuntime();
        return (runtime.totalMemory() - runtime.freeMemory()) >> 20;
    }
}
