import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import org.apache.kafka.common.utils.Exit;

/**
 * Runs Kafka's command-line tools one after the other in one virtual machine,
     which starts but once. A line of input is the
 * class of a tool, its standard input and its arguments; a line of output is its exit code and what it printed.
 */
final class ToolServer {
    /** What a tool sees in place of the end of the process. */
    private static final class Ended extends Error {
        private static final long serialVersionUID = 1;

        Ended() {
            super("the tool has ended", null, false, false);
        }
    }

    private static boolean exited;
    private static int code;
    private static byte[] printed;
    private static byte[] complained;

    public static void main(String[] args) throws Exception {
        var answers = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        var requests = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (var line = requests.readLine(); line != null; line = requests.readLine()) {
            var words = Arrays.stream(line.split(" ")).map(ToolServer::decoded).toList();
            run(words.get(0), words.get(1), words.subList(2, words.size()).toArray(String[]::new));
            answers.println(code + " " + encoded(printed) + " " + encoded(complained));
        }
    }

    private static void run(String tool, String input, String[] args) throws ReflectiveOperationException {
        var out = new ByteArrayOutputStream();
        var err = new ByteArrayOutputStream();
        List<Runnable> hooks = new ArrayList<>();
        exited = false;
        code = 0;
        Exit.Procedure ends = (status, message) -> {
            // Only the first counts: the tools catch whatever comes, and exit again.
            if (!exited) take(status, out, err);
            exited = true;
            throw new Ended();
        };
        Exit.setExitProcedure(ends);
        Exit.setHaltProcedure(ends);
        Exit.setShutdownHookAdder((name, hook) -> hooks.add(hook));
        System.setIn(new ByteArrayInputStream(input.getBytes(StandardCharsets.UTF_8)));
        System.setOut(new PrintStream(out, true, StandardCharsets.UTF_8));
        System.setErr(new PrintStream(err, true, StandardCharsets.UTF_8));
        try {
            Class.forName(tool).getMethod("main", String[].class).invoke(null, (Object) args);
        } catch (InvocationTargetException failure) {
            if (!(failure.getCause() instanceof Ended)) {
                code = 1;
                failure.getCause().printStackTrace();
            }
        }
        if (exited) {
            out.reset();
            err.reset();
        } else {
            printed = new byte[0];
            complained = new byte[0];
        }
        byte[] before = printed;
        byte[] complainedBefore = complained;
        // A tool may have more to say when its process ends.
        hooks.forEach(Runnable::run);
        take(code, out, err);
        printed = joined(before, printed);
        complained = joined(complainedBefore, complained);
    }

    private static void take(int status, ByteArrayOutputStream out, ByteArrayOutputStream err) {
        System.out.flush();
        code = status;
        printed = out.toByteArray();
        complained = err.toByteArray();
    }

    private static byte[] joined(byte[] first, byte[] second) {
        byte[] all = Arrays.copyOf(first, first.length + second.length);
        System.arraycopy(second, 0, all, first.length, second.length);
        return all;
    }

    private static String decoded(String word) {
        return new String(Base64.getDecoder().decode(word.substring(1)), StandardCharsets.UTF_8);
    }

    private static String encoded(byte[] bytes) {
        return "=" + Base64.getEncoder().encodeToString(bytes);
    }
}
