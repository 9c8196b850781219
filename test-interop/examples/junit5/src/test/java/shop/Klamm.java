package shop;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.BeforeEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/** A broker for the tests of a class: started before the first, as new for each, ended behind the last. */
public final class Klamm implements BeforeAllCallback, BeforeEachCallback, AfterAllCallback {
    private static final Duration START_TIMEOUT = Duration.ofSeconds(30);
    private final HttpClient http = HttpClient.newHttpClient();
    private Process process;
    private Path folder;
    private String addresses;

    @Override
    public void beforeAll(ExtensionContext context) throws Exception {
        folder = Files.createTempDirectory("klamm");
        Path ready = folder.resolve("ready.json");
        // KLAMM says how to run it where it is not installed in this project.
        String installed = System.getenv().getOrDefault("KLAMM", "npx klamm");
        List<String> command = new ArrayList<>(List.of(installed.split(" ")));
        command.addAll(List.of("start", "--profile", "ci", "--control-port", "0", "--ready-file", ready.toString()));
        Path log = folder.resolve("klamm.log");
        process = new ProcessBuilder(command).redirectErrorStream(true).redirectOutput(log.toFile()).start();
        long deadline = System.nanoTime() + START_TIMEOUT.toNanos();
        while (!Files.exists(ready)) {
            if (!process.isAlive() || System.nanoTime() > deadline) {
                throw new IllegalStateException("Klamm did not start: " + Files.readString(log));
            }
            Thread.sleep(20);
        }
        addresses = Files.readString(ready);
    }

    @Override
    public void beforeEach(ExtensionContext context) throws Exception {
        post("/reset", "");
    }

    @Override
    public void afterAll(ExtensionContext context) throws Exception {
        post("/stop", "");
        process.waitFor();
        for (String file : List.of("ready.json", "klamm.log", "")) Files.deleteIfExists(folder.resolve(file));
    }

    public String bootstrapServers() {
        return address("bootstrapServers");
    }

    /** Records as JSON, as the control API gives them. */
    public String get(String path) throws IOException, InterruptedException {
        return answer(HttpRequest.newBuilder(URI.create(address("control") + path)).build());
    }

    public String post(String path, String body) throws IOException, InterruptedException {
        HttpRequest.BodyPublisher json = HttpRequest.BodyPublishers.ofString(body);
        return answer(HttpRequest.newBuilder(URI.create(address("control") + path)).POST(json).build());
    }

    private String answer(HttpRequest request) throws IOException, InterruptedException {
        HttpResponse<String> response = http.send(request, HttpResponse.BodyHandlers.ofString());
        if (response.statusCode() >= 300) throw new IllegalStateException(response.body());
        return response.body();
    }

    private String address(String name) {
        Matcher matcher = Pattern.compile("\"" + name + "\": \"([^\"]+)\"").matcher(addresses);
        if (!matcher.find()) throw new IllegalStateException("no " + name + " in " + addresses);
        return matcher.group(1);
    }
}
