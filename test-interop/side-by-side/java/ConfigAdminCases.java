import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.AlterConfigOp.OpType;
import org.apache.kafka.clients.admin.AlterConfigsOptions;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.ConfigEntry.ConfigSource;
import org.apache.kafka.clients.admin.DescribeConfigsOptions;
import org.apache.kafka.common.acl.AclBindingFilter;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.errors.InvalidConfigurationException;
import org.apache.kafka.common.errors.SecurityDisabledException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;

final class ConfigAdminCases {
    static void addTo(Suite suite) {
        suite.add("describeConfigs shows values, sources, synonyms and documentation",
            ConfigAdminCases::describes);
        suite.add("incrementalAlterConfigs sets and deletes", ConfigAdminCases::alters);
        suite.add("incrementalAlterConfigs appends to lists and subtracts from them",
            ConfigAdminCases::lists);
        suite.add("incrementalAlterConfigs refuses bad values, and with validateOnly changes nothing",
            ConfigAdminCases::refuses);
        suite.add("configuration of an unknown topic is an error", ConfigAdminCases::unknown);
        suite.add("configuration of the broker names its sources", ConfigAdminCases::broker);
        suite.add("access lists are off without an authorizer", ConfigAdminCases::acls);
    }

    private static ConfigResource resource(String topic) {
        return new ConfigResource(ConfigResource.Type.TOPIC, topic);
    }

    private static Config described(Run run, ConfigResource resource) throws Exception {
        var options = new DescribeConfigsOptions().includeSynonyms(true).includeDocumentation(true);
        return run.admin.describeConfigs(List.of(resource), options).all().get().get(resource);
    }

    private static Object alter(Run run, String topic, String name, String value, OpType type) {
        return run.admin.incrementalAlterConfigs(Map.of(resource(topic),
            List.of(new AlterConfigOp(new ConfigEntry(name, value), type)))).all();
    }

    private static void altered(Run run, String topic, String name, String value,
        OpType type) throws Exception {
        ((org.apache.kafka.common.KafkaFuture<?>) alter(run, topic, name, value, type)).get();
    }

    /** A change reaches the broker's own view a moment after its answer. */
    private static void becomes(Run run, String topic, String name, String value) {
        Run.until(name + " is " + value, () -> {
            try {
                return described(run, resource(topic)).get(name).value().equals(value);
            } catch (Exception failure) {
                throw new AssertionError(failure);
            }
        });
    }

    private static void describes(Run run) throws Exception {
        var topic = run.topic(run.name("topic"), 1, Map.of("segment.bytes", "2097152"));
        var config = described(run, resource(topic));
        var entry = config.get("segment.bytes");
        Run.same(List.of("2097152", ConfigSource.DYNAMIC_TOPIC_CONFIG, ConfigEntry.ConfigType.INT, false,
            false),
            List.of(entry.value(), entry.source(), entry.type(), entry.isReadOnly(), entry.isSensitive()));
        Run.same(List.of("segment.bytes", "log.segment.bytes"), entry.synonyms().stream().map(each ->
            each.name()).toList());
        Run.holds(entry.documentation().length() > 20, entry.documentation());
        Run.same(ConfigSource.DEFAULT_CONFIG, config.get("max.message.bytes").source());
        Run.holds(config.entries().size() >= 30, config.entries().size());
    }

    private static void alters(Run run) throws Exception {
        var topic = run.topic(run.name("topic"), 1, Map.of("segment.bytes", "2097152"));
        altered(run, topic, "retention.ms", "123456", OpType.SET);
        becomes(run, topic, "retention.ms", "123456");
        Run.same("2097152", described(run, resource(topic)).get("segment.bytes").value());
        altered(run, topic, "retention.ms", "", OpType.DELETE);
        becomes(run, topic, "retention.ms", "-1");
    }

    private static void lists(Run run) throws Exception {
        var topic = run.topic(1);
        altered(run, topic, "cleanup.policy", "compact", OpType.APPEND);
        becomes(run, topic, "cleanup.policy", "delete,compact");
        altered(run, topic, "cleanup.policy", "delete", OpType.SUBTRACT);
        becomes(run, topic, "cleanup.policy", "compact");
    }

    private static void refuses(Run run) throws Exception {
        var topic = run.topic(1);
        Run.refused(InvalidConfigurationException.class, () -> alter(run, topic, "retention.ms", "soon",
            OpType.SET));
        Run.refused(InvalidConfigurationException.class, () -> alter(run, topic, "no.such.name", "1",
            OpType.SET));
        Run.refused(InvalidConfigurationException.class, () -> alter(run, topic, "retention.ms", "1",
            OpType.APPEND));
        var ops = List.of(new AlterConfigOp(new ConfigEntry("retention.ms", "77"), OpType.SET));
        run.admin.incrementalAlterConfigs(Map.of(resource(topic), ops),
            new AlterConfigsOptions().validateOnly(true)).all().get();
        Run.same("-1", described(run, resource(topic)).get("retention.ms").value());
    }

    private static void unknown(Run run) throws Exception {
        var failure = Run.refused(ExecutionException.class, () -> {
            try {
                return described(run, resource(run.name("nothing")));
            } catch (ExecutionException wrapped) {
                throw new ExecutionException(wrapped);
            }
        });
        Run.holds(failure.getCause() instanceof UnknownTopicOrPartitionException, failure);
    }

    private static void broker(Run run) throws Exception {
        var config = described(run, new ConfigResource(ConfigResource.Type.BROKER, "1"));
        var delay = config.get("group.initial.rebalance.delay.ms");
        Run.same(List.of("0", ConfigSource.STATIC_BROKER_CONFIG, true), List.of(delay.value(),
            delay.source(), delay.isReadOnly()));
        var size = config.get("message.max.bytes");
        Run.same(List.of("1048588", ConfigSource.DEFAULT_CONFIG, false), List.of(size.value(),
            size.source(), size.isReadOnly()));
    }

    private static void acls(Run run) throws Exception {
        Run.refused(SecurityDisabledException.class, () -> run.admin
            .describeAcls(AclBindingFilter.ANY).values());
        Run.refused(SecurityDisabledException.class, () ->
            run.admin.deleteAcls(List.of(AclBindingFilter.ANY)).all());
    }
}
