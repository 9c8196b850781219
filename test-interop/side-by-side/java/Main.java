import java.util.concurrent.TimeUnit;

/** Runs every case against the broker of its only argument, and prints a line for each. */
final class Main {
    public static void main(String[] args) throws Exception {
        try (var suite = new Suite(args[0])) {
            ProducerCases.addTo(suite);
            ConsumerCases.addTo(suite);
            OffsetCases.addTo(suite);
            GroupCases.addTo(suite);
            MembershipCases.addTo(suite);
            ModernCases.addTo(suite);
            ModernAdminCases.addTo(suite);
            TopicAdminCases.addTo(suite);
            ConfigAdminCases.addTo(suite);
            GroupAdminCases.addTo(suite);
            TransactionCases.addTo(suite);
            suite.run(5, TimeUnit.MINUTES.toSeconds(3));
        }
        System.out.println("END");
        // A client that hangs in close may not keep the program alive.
        System.exit(0);
    }
}
