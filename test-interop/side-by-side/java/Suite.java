import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import org.apache.kafka.clients.admin.Admin;

/** The cases, some of which run at the same time, since most of them wait for the broker. */
final class Suite implements AutoCloseable {
    interface Body {
        void run(Run run) throws Exception;
    }

    private static final long CASE_DEADLINE_SECONDS = 50;

    private final String bootstrap;
    private final Admin admin;
    private final Map<String, Body> cases = new LinkedHashMap<>();

    Suite(String bootstrap) {
        this.bootstrap = bootstrap;
        this.admin = Admin.create(Map.of("bootstrap.servers", bootstrap));
    }

    void add(String name, Body body) {
        if (cases.put(name, body) != null) throw new IllegalArgumentException("two cases: " + name);
    }

    void run(int threads, long deadlineSeconds) throws InterruptedException {
        var pool = Executors.newFixedThreadPool(threads, Suite::daemon);
        var watched = Executors.newCachedThreadPool(Suite::daemon);
        List<Future<?>> done = new ArrayList<>();
        for (var each : cases.entrySet()) {
            var run = new Run(bootstrap, "java-c" + done.size(), admin);
            int index = done.size();
            done.add(pool.submit(() -> report(index, each.getKey(), watched.submit(() -> {
                each.getValue().run(run);
                return null;
            }), run)));
        }
        pool.shutdown();
        if (!pool.awaitTermination(deadlineSeconds,
            TimeUnit.SECONDS)) System.err.println("not all cases ran");
    }

    private void report(int index, String name, Future<?> body, Run run) {
        long began = System.nanoTime();
        String error = null;
        try {
            body.get(CASE_DEADLINE_SECONDS, TimeUnit.SECONDS);
        } catch (ExecutionException failure) {
            error = describe(failure.getCause());
        } catch (TimeoutException late) {
            body.cancel(true);
            error = "not done within " + CASE_DEADLINE_SECONDS + " s";
        } catch (InterruptedException end) {
            error = "interrupted";
        }
        run.close();
        long ms = TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - began);
        String outcome = error == null ? "\"ok\": true" : "\"ok\": false, \"error\": " + quoted(error);
        String head = "{\"index\": " + index + ", \"name\": " + quoted(name) + ", \"ms\": " + ms;
        System.out.println("CASE " + head + ", " + outcome + "}");
    }

    private static String describe(Throwable failure) {
        for (var frame : failure.getStackTrace()) {
            if (frame.getClassName().endsWith("Cases")) return failure + " at " + frame;
        }
        return failure.toString();
    }

    private static String quoted(String text) {
        var out = new StringBuilder("\"");
        for (char each : text.toCharArray()) {
            if (each == '"' || each == '\\') out.append('\\').append(each);
            else if (each < ' ') out.append(String.format("\\u%04x", (int) each));
            else out.append(each);
        }
        return out.append('"').toString();
    }

    private static Thread daemon(Runnable work) {
        var thread = new Thread(work);
        thread.setDaemon(true);
        return thread;
    }

    @Override
    public void close() {
        admin.close();
    }
}
