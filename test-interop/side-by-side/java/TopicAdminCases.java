import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import org.apache.kafka.clients.admin.CreateTopicsOptions;
import org.apache.kafka.clients.admin.ListOffsetsResult.ListOffsetsResultInfo;
import org.apache.kafka.clients.admin.ListTopicsOptions;
import org.apache.kafka.clients.admin.NewPartitionReassignment;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.TopicCollection;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.errors.InvalidPartitionsException;
import org.apache.kafka.common.errors.InvalidReplicaAssignmentException;
import org.apache.kafka.common.errors.InvalidReplicationFactorException;
import org.apache.kafka.common.errors.OffsetOutOfRangeException;
import org.apache.kafka.common.errors.TopicExistsException;
import org.apache.kafka.common.errors.UnknownTopicIdException;
import org.apache.kafka.common.errors.UnknownTopicOrPartitionException;

final class TopicAdminCases {
    static void addTo(Suite suite) {
        suite.add("createTopics answers with id, partitions, replicas and configs", TopicAdminCases::creates);
        suite.add("createTopics with validateOnly creates nothing", TopicAdminCases::validates);
        suite.add("createTopics keeps to a manual assignment", TopicAdminCases::assigns);
        suite.add("createTopics refuses existing names, no partitions, too many replicas and unknown brokers",
            TopicAdminCases::refuses);
        suite.add("describeTopics by name and by id shows the same", TopicAdminCases::describes);
        suite.add("deleteTopics by name and by id", TopicAdminCases::deletes);
        suite.add("listTopics leaves internal topics out unless asked", TopicAdminCases::lists);
        suite.add("createPartitions adds, and refuses fewer", TopicAdminCases::adds);
        suite.add("deleteRecords raises the low watermark, and not beyond the end",
            TopicAdminCases::deletesRecords);
        suite.add("listOffsets finds earliest, latest, by time and the largest time",
            TopicAdminCases::offsets);
        suite.add("describeCluster shows the node that leads all", TopicAdminCases::cluster);
        suite.add("describeLogDirs shows sizes that grow with what is written", TopicAdminCases::logDirs);
        suite.add("a reassignment to where a partition is already ends at once", TopicAdminCases::reassigns);
    }

    private static void creates(Run run) throws Exception {
        var topic = run.name("topic");
        var result = run.admin.createTopics(List.of(new NewTopic(topic, 3, (short) 1)
            .configs(Map.of("retention.ms", "1000"))));
        Run.same(List.of(3, 1), List.of(result.numPartitions(topic).get(), result.replicationFactor(topic)
            .get()));
        Run.same("1000", result.config(topic).get().get("retention.ms").value());
        Run.same("delete", result.config(topic).get().get("cleanup.policy").value());
        run.led(topic, 3);
        var described = run.admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic);
        Run.same(described.topicId(), result.topicId(topic).get());
    }

    private static void validates(Run run) throws Exception {
        var topics = List.of(new NewTopic(run.name("topic"), Optional.empty(), Optional.empty()));
        var result = run.admin.createTopics(topics, new CreateTopicsOptions().validateOnly(true));
        Run.same(1, result.numPartitions(run.name("topic")).get());
        Run.holds(!run.admin.listTopics().names().get().contains(run.name("topic")), "nothing was created");
    }

    private static void assigns(Run run) throws Exception {
        var topic = run.name("topic");
        run.admin.createTopics(List.of(new NewTopic(topic, Map.of(0, List.of(1), 1, List.of(1))))).all()
            .get();
        run.led(topic, 2);
        var described = run.admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic);
        Run.same(List.of(0, 1), described.partitions().stream().map(each -> each.partition()).toList());
    }

    private static void refuses(Run run) throws Exception {
        var topic = run.topic(1);
        var other = run.name("other");
        Run.refused(TopicExistsException.class, () -> create(run, new NewTopic(topic, 1, (short) 1)));
        Run.refused(InvalidPartitionsException.class, () -> create(run, new NewTopic(other, 0, (short) 1)));
        Run.refused(InvalidReplicationFactorException.class, () -> create(run, new NewTopic(other, 1,
            (short) 2)));
        Run.refused(InvalidReplicaAssignmentException.class, () -> create(run, new NewTopic(other,
            Map.of(0, List.of(8)))));
        Run.refused(InvalidReplicaAssignmentException.class, () -> create(run, new NewTopic(other,
            Map.of(1, List.of(1)))));
    }

    private static Object create(Run run, NewTopic topic) {
        return run.admin.createTopics(List.of(topic)).all();
    }

    private static void describes(Run run) throws Exception {
        var topic = run.topic(2);
        var byName = run.admin.describeTopics(List.of(topic)).allTopicNames().get().get(topic);
        var id = TopicCollection.ofTopicIds(List.of(byName.topicId()));
        var byId = run.admin.describeTopics(id).allTopicIds().get();
        Run.same(shown(byName), shown(byId.get(byName.topicId())));
        Run.same(topic, byId.get(byName.topicId()).name());
        Run.same(List.of(topic, false, 2), List.of(byName.name(), byName.isInternal(),
            byName.partitions().size()));
        Run.refused(UnknownTopicOrPartitionException.class, () -> run.admin
            .describeTopics(List.of(run.name("none"))).allTopicNames());
        var unknown = TopicCollection.ofTopicIds(List.of(Uuid.randomUuid()));
        Run.refused(UnknownTopicIdException.class, () -> run.admin.describeTopics(unknown).allTopicIds());
    }

    private static List<List<Object>> shown(TopicDescription topic) {
        return topic.partitions().stream().map(each -> List.<Object>of(each.partition(), each.leader(),
            each.replicas(), each.isr())).toList();
    }

    private static void deletes(Run run) throws Exception {
        var first = run.topic(run.name("first"), 1, Map.of());
        var second = run.topic(run.name("second"), 1, Map.of());
        run.admin.deleteTopics(List.of(first)).all().get();
        var id = run.admin.describeTopics(List.of(second)).allTopicNames().get().get(second).topicId();
        run.admin.deleteTopics(TopicCollection.ofTopicIds(List.of(id))).all().get();
        Run.refused(UnknownTopicOrPartitionException.class, () -> run.admin.deleteTopics(List.of(first))
            .all());
        Run.refused(UnknownTopicIdException.class, () ->
            run.admin.deleteTopics(TopicCollection.ofTopicIds(List.of(id))).all());
    }

    private static void lists(Run run) throws Exception {
        var topic = run.topic(1);
        var consumer = run.assigned(topic, 1, Map.of());
        consumer.commitSync(Map.of(new TopicPartition(topic, 0),
            new org.apache.kafka.clients.consumer.OffsetAndMetadata(0)));
        var plain = run.admin.listTopics().names().get();
        Run.holds(plain.contains(topic) && !plain.contains("__consumer_offsets"), plain);
        var all = run.admin.listTopics(new ListTopicsOptions().listInternal(true)).namesToListings().get();
        Run.holds(all.get("__consumer_offsets").isInternal(), all);
    }

    private static void adds(Run run) throws Exception {
        var topic = run.topic(1);
        run.admin.createPartitions(Map.of(topic, NewPartitions.increaseTo(3))).all().get();
        run.led(topic, 3);
        Run.same(List.of(0L, 0L, 0L), run.ends(topic, 3));
        Run.refused(InvalidPartitionsException.class, () -> run.admin.createPartitions(Map.of(topic,
            NewPartitions.increaseTo(2))).all());
        Run.refused(InvalidPartitionsException.class, () -> run.admin.createPartitions(Map.of(topic,
            NewPartitions.increaseTo(3))).all());
    }

    private static void deletesRecords(Run run) throws Exception {
        var topic = run.topic(1);
        run.send(topic, 0, Run.values(10));
        var partition = new TopicPartition(topic, 0);
        var deleted = run.admin.deleteRecords(Map.of(partition, RecordsToDelete.beforeOffset(4)));
        Run.same(4L, deleted.lowWatermarks().get(partition).get().lowWatermark());
        var consumer = run.assigned(topic, 1, Map.of());
        Run.same(Run.values(4, 6), ProducerCases.valuesOf(Run.read(consumer, 6)));
        Run.refused(OffsetOutOfRangeException.class, () -> run.admin.deleteRecords(Map.of(partition,
            RecordsToDelete.beforeOffset(11))).all());
        var all = run.admin.deleteRecords(Map.of(partition, RecordsToDelete.beforeOffset(-1)));
        Run.same(10L, all.lowWatermarks().get(partition).get().lowWatermark());
    }

    private static void offsets(Run run) throws Exception {
        var topic = run.topic(1);
        var producer = run.producer(Map.of());
        for (long time : List.of(100L, 300L, 200L)) producer.send(new ProducerRecord<>(topic, 0, time, "k",
            "v")).get();
        Run.same(0L, offset(run, topic, OffsetSpec.earliest()).offset());
        Run.same(3L, offset(run, topic, OffsetSpec.latest()).offset());
        var largest = offset(run, topic, OffsetSpec.maxTimestamp());
        Run.same(List.of(1L, 300L), List.of(largest.offset(), largest.timestamp()));
        var byTime = offset(run, topic, OffsetSpec.forTimestamp(150));
        Run.same(List.of(1L, 300L, Optional.of(0)), List.of(byTime.offset(), byTime.timestamp(),
            byTime.leaderEpoch()));
        Run.same(-1L, offset(run, topic, OffsetSpec.forTimestamp(301)).offset());
    }

    private static ListOffsetsResultInfo offset(Run run, String topic, OffsetSpec spec) throws Exception {
        var partition = new TopicPartition(topic, 0);
        return run.admin.listOffsets(Map.of(partition, spec)).partitionResult(partition).get();
    }

    private static void cluster(Run run) throws Exception {
        var cluster = run.admin.describeCluster();
        var nodes = cluster.nodes().get();
        Run.same(Set.of(run.bootstrap), nodes.stream().map(each -> each.host() + ":" + each.port())
            .collect(Collectors.toSet()));
        Run.same(1, cluster.controller().get().id());
        Run.holds(cluster.clusterId().get().matches("[A-Za-z0-9_-]{22}"), cluster.clusterId().get());
    }

    private static void logDirs(Run run) throws Exception {
        var topic = run.topic(1);
        run.send(topic, 0, List.of("x".repeat(100_000)));
        var dirs = run.admin.describeLogDirs(List.of(1)).allDescriptions().get().get(1);
        Run.same(1, dirs.size());
        var dir = dirs.values().iterator().next();
        var replica = dir.replicaInfos().get(new TopicPartition(topic, 0));
        Run.holds(replica.size() > 100_000 && replica.size() < 101_000, replica);
        Run.same(List.of(0L, false), List.of(replica.offsetLag(), replica.isFuture()));
        Run.holds(dir.totalBytes().getAsLong() > dir.usableBytes().getAsLong(), dir);
    }

    private static void reassigns(Run run) throws Exception {
        var topic = run.topic(1);
        var partition = new TopicPartition(topic, 0);
        run.admin.alterPartitionReassignments(Map.of(partition,
            Optional.of(new NewPartitionReassignment(List.of(1))))).all().get();
        Run.same(Map.of(), run.admin.listPartitionReassignments(Set.of(partition)).reassignments().get());
        Run.refused(InvalidReplicaAssignmentException.class, () -> run.admin.alterPartitionReassignments(
            Map.of(partition, Optional.of(new NewPartitionReassignment(List.of(7))))).all());
    }
}
