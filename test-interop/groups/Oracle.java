import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.google.re2j.Pattern;
import com.google.re2j.PatternSyntaxException;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.TreeSet;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.coordinator.group.api.assignor.ConsumerGroupPartitionAssignor;
import org.apache.kafka.coordinator.group.api.assignor.MemberAssignment;
import org.apache.kafka.coordinator.group.api.assignor.SubscribedTopicDescriber;
import org.apache.kafka.coordinator.group.api.assignor.SubscriptionType;
import org.apache.kafka.coordinator.group.assignor.RangeAssignor;
import org.apache.kafka.coordinator.group.assignor.UniformAssignor;
import org.apache.kafka.coordinator.group.modern.Assignment;
import org.apache.kafka.coordinator.group.modern.GroupSpecImpl;
import org.apache.kafka.coordinator.group.modern.MemberSubscriptionAndAssignmentImpl;

/** Asks Kafka's own classes: one JSON object a line in, one a line out. */
public final class Oracle {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final Map<String, ConsumerGroupPartitionAssignor> ASSIGNORS =
        Map.of("uniform", new UniformAssignor(), "range", new RangeAssignor());

    public static void main(String[] args) throws Exception {
        PrintStream out = new PrintStream(System.out, true, StandardCharsets.UTF_8);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            JsonNode question = JSON.readTree(line);
            out.println(JSON.writeValueAsString(question.has("pattern") ? match(question) : assign(question)));
        }
    }

    private static JsonNode match(JsonNode question) {
        ObjectNode answer = JSON.createObjectNode();
        try {
            Pattern pattern = Pattern.compile(question.get("pattern").asText());
            ArrayNode matching = answer.putArray("matching");
            for (JsonNode text : question.get("texts")) {
                if (pattern.matcher(text.asText()).matches()) matching.add(text.asText());
            }
        } catch (PatternSyntaxException refused) {
            answer.put("refusal", refused.getDescription());
        }
        return answer;
    }

    private static JsonNode assign(JsonNode question) {
        Map<Uuid, Integer> partitions = new HashMap<>();
        question.get("topics").properties()
            .forEach(topic -> partitions.put(Uuid.fromString(topic.getKey()), topic.getValue().asInt()));
        // Members in the order of the question, so that nothing of the answer depends on hashes of their names.
        Map<String, MemberSubscriptionAndAssignmentImpl> members = new LinkedHashMap<>();
        Map<Uuid, Map<Integer, String>> owners = new HashMap<>();
        question.get("members").properties()
            .forEach(each -> members.put(each.getKey(), member(each.getKey(), each.getValue(), owners)));
        SubscriptionType type = question.get("isHomogeneous").asBoolean()
            ? SubscriptionType.HOMOGENEOUS
            : SubscriptionType.HETEROGENEOUS;
        Map<String, MemberAssignment> assigned = ASSIGNORS.get(question.get("assignor").asText())
            .assign(new GroupSpecImpl(members, type, owners), describer(partitions))
            .members();
        ObjectNode answer = JSON.createObjectNode();
        ObjectNode given = answer.putObject("members");
        assigned.forEach((memberId, assignment) -> given.set(memberId, written(assignment.partitions())));
        ObjectNode orders = answer.putObject("topicOrder");
        members.forEach((memberId, member) -> {
            ArrayNode order = orders.putArray(memberId);
            // As the assignor of alike members copies them: the one order that it leaves to hashes.
            new HashSet<>(member.subscribedTopicIds()).forEach(id -> order.add(id.toString()));
        });
        return answer;
    }

    private static MemberSubscriptionAndAssignmentImpl member(
        String memberId,
        JsonNode member,
        Map<Uuid, Map<Integer, String>> owners
    ) {
        Set<Uuid> topicIds = new LinkedHashSet<>();
        member.get("subscribedTopicIds").forEach(id -> topicIds.add(Uuid.fromString(id.asText())));
        Map<Uuid, Set<Integer>> held = new LinkedHashMap<>();
        member.get("assignment").properties().forEach(topic -> {
            Uuid id = Uuid.fromString(topic.getKey());
            Set<Integer> partitions = new TreeSet<>();
            topic.getValue().forEach(partition -> partitions.add(partition.asInt()));
            held.put(id, partitions);
            partitions.forEach(each -> owners.computeIfAbsent(id, ignored -> new HashMap<>()).put(each, memberId));
        });
        return new MemberSubscriptionAndAssignmentImpl(
            Optional.empty(),
            Optional.ofNullable(member.get("groupInstanceId").textValue()),
            topicIds,
            new Assignment(Collections.unmodifiableMap(held))
        );
    }

    private static SubscribedTopicDescriber describer(Map<Uuid, Integer> partitions) {
        return new SubscribedTopicDescriber() {
            @Override
            public int numPartitions(Uuid topicId) {
                return partitions.getOrDefault(topicId, -1);
            }

            @Override
            public Set<String> racksForPartition(Uuid topicId, int partition) {
                return Set.of();
            }
        };
    }

    private static ObjectNode written(Map<Uuid, Set<Integer>> assignment) {
        ObjectNode topics = JSON.createObjectNode();
        assignment.forEach((id, partitions) -> {
            ArrayNode list = topics.putArray(id.toString());
            new TreeSet<>(partitions).forEach(list::add);
        });
        return topics;
    }
}
