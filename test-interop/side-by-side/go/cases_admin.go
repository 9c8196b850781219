package main

import (
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

func addAdmin() {
	add("creates, lists and deletes topics, and is told of what exists", topicsCase)
	add("adds partitions", partitionsCase)
	add("lists start, end, largest time and offsets after a time", offsetsCase)
	add("deletes records", deleteRecordsCase)
	add("describes and alters configurations", configsCase)
	add("describes brokers and the cluster", clusterCase)
	add("describes log directories", logDirsCase)
	add("commits and fetches offsets with metadata, for one group and for many", commitsCase)
	add("deletes offsets, and groups without members", deletesCase)
	add("computes the lag of a group", lagCase)
	add("removes a static member", removeCase)
	add("finds the end of a leader epoch", epochCase)
	add("access lists are off without an authorizer", aclsCase)
}

func topicsCase(r *run) {
	topic := r.topic(3)
	listed, err := r.admin.ListTopics(r, topic)
	must(err)
	same([]any{3, false, "[1 1 1]"}, []any{len(listed[topic].Partitions), listed[topic].IsInternal, text3(listed[topic])})
	_, err = r.admin.CreateTopic(r, 1, 1, nil, topic)
	same(true, errors.Is(err, kerr.TopicAlreadyExists))
	_, err = r.admin.CreateTopic(r, 1, 4, nil, r.name("wide"))
	same(true, errors.Is(err, kerr.InvalidReplicationFactor))
	_, err = r.admin.DeleteTopic(r, topic)
	must(err)
	_, err = r.admin.DeleteTopic(r, topic)
	same(true, errors.Is(err, kerr.UnknownTopicOrPartition))
}

func text3(topic kadm.TopicDetail) string {
	leaders := "["
	for i, each := range topic.Partitions.Sorted() {
		if i > 0 {
			leaders += " "
		}
		leaders += string(rune('0' + each.Leader))
	}
	return leaders + "]"
}

func partitionsCase(r *run) {
	topic := r.topic(1)
	added, err := r.admin.CreatePartitions(r, 2, topic)
	must(err)
	must(added.Error())
	r.until("three partitions", func() bool {
		ends, err := r.admin.ListEndOffsets(r, topic)
		return err == nil && ends.Error() == nil && len(ends[topic]) == 3
	})
	fewer, err := r.admin.UpdatePartitions(r, 2, topic)
	must(err)
	same(true, errors.Is(fewer.Error(), kerr.InvalidPartitions))
}

func offsetsCase(r *run) {
	topic := r.topic(1)
	for _, milli := range []int64{100, 300, 200} {
		must(r.produce([]*kgo.Record{{Topic: topic, Timestamp: time.UnixMilli(milli)}}).FirstErr())
	}
	one := func(found kadm.ListedOffsets, err error) int64 {
		must(err)
		must(found.Error())
		return found[topic][0].Offset
	}
	same([]int64{0, 3, 1}, []int64{one(r.admin.ListStartOffsets(r, topic)), one(r.admin.ListEndOffsets(r, topic)),
		one(r.admin.ListMaxTimestampOffsets(r, topic))})
	for milli, offset := range map[int64]int64{0: 0, 100: 0, 101: 1, 300: 1, 301: 3} {
		same(offset, one(r.admin.ListOffsetsAfterMilli(r, milli, topic)))
	}
	same(3, one(r.admin.ListCommittedOffsets(r, topic)))
}

func deleteRecordsCase(r *run) {
	topic := r.topic(1)
	r.send(topic, 0, values(10, 0))
	before := kadm.Offsets{}
	before.AddOffset(topic, 0, 6, -1)
	deleted, err := r.admin.DeleteRecords(r, before)
	must(err)
	same(6, deleted[topic][0].LowWatermark)
	same(values(4, 6), texts(r.readAll(topic, 4)))
	beyond := kadm.Offsets{}
	beyond.AddOffset(topic, 0, 60, -1)
	refused, err := r.admin.DeleteRecords(r, beyond)
	must(err)
	same(true, errors.Is(refused.Error(), kerr.OffsetOutOfRange))
}

func configsCase(r *run) {
	topic := r.topicWith(r.name("topic"), 1, map[string]*string{"retention.ms": text("5000")})
	value := func(name string) string {
		all, err := r.admin.DescribeTopicConfigs(r, topic)
		must(err)
		for _, each := range all[0].Configs {
			if each.Key == name {
				return each.MaybeValue()
			}
		}
		return "nothing"
	}
	same("5000", value("retention.ms"))
	alter := func(change kadm.AlterConfig) error {
		altered, err := r.admin.AlterTopicConfigs(r, []kadm.AlterConfig{change}, topic)
		must(err)
		return altered[0].Err
	}
	must(alter(kadm.AlterConfig{Op: kadm.AppendConfig, Name: "cleanup.policy", Value: text("compact")}))
	r.until("both", func() bool { return value("cleanup.policy") == "delete,compact" })
	must(alter(kadm.AlterConfig{Op: kadm.DeleteConfig, Name: "retention.ms"}))
	r.until("the default", func() bool { return value("retention.ms") == "-1" })
	same(true, errors.Is(alter(kadm.AlterConfig{Op: kadm.SetConfig, Name: "retention.ms", Value: text("soon")}), kerr.InvalidConfig))
}

func clusterCase(r *run) {
	metadata, err := r.admin.BrokerMetadata(r)
	must(err)
	same([]any{1, int32(1), 22}, []any{len(metadata.Brokers), metadata.Controller, len(metadata.Cluster)})
	versions, err := r.admin.ApiVersions(r)
	must(err)
	for key, version := range map[int16]int16{0: 13, 1: 18, 2: 11, 3: 13, 8: 10, 9: 10, 10: 6, 11: 9, 12: 4, 13: 5, 14: 5, 15: 6, 16: 5} {
		for _, each := range versions {
			_, highest, known := each.KeyVersions(key)
			same([]any{key, version, true}, []any{key, highest, known})
		}
	}
}

func logDirsCase(r *run) {
	topic := r.topic(2)
	r.send(topic, 1, values(100, 0))
	dirs, err := r.admin.DescribeBrokerLogDirs(r, 1, kadm.TopicsSet{topic: {0: {}, 1: {}}})
	must(err)
	found := 0
	dirs.EachPartition(func(each kadm.DescribedLogDirPartition) {
		found++
		same(each.Partition == 1, each.Size > 0)
	})
	same(2, found)
}

func (r *run) commit(group, topic string, offset int64, metadata string) {
	offsets := kadm.Offsets{}
	offsets.Add(kadm.Offset{Topic: topic, Partition: 0, At: offset, LeaderEpoch: -1, Metadata: metadata})
	must(r.admin.CommitAllOffsets(r, group, offsets))
}

func commitsCase(r *run) {
	topic := r.topic(1)
	r.commit(r.name("a"), topic, 5, "a note")
	r.commit(r.name("b"), topic, 7, "")
	found, err := r.admin.FetchOffsets(r, r.name("a"))
	must(err)
	offset, _ := found.Lookup(topic, 0)
	same([]any{5, "a note"}, []any{offset.At, offset.Metadata})
	many := r.admin.FetchManyOffsets(r, r.name("a"), r.name("b"), r.name("none"))
	same([]int{1, 1, 0}, []int{len(many[r.name("a")].Fetched), len(many[r.name("b")].Fetched), len(many[r.name("none")].Fetched)})
	second, _ := many[r.name("b")].Fetched.Lookup(topic, 0)
	same(7, second.At)
}

func deletesCase(r *run) {
	topic, other := r.topic(1), r.topicWith(r.name("other"), 1, nil)
	r.commit(r.group(), topic, 1, "")
	r.commit(r.group(), other, 2, "")
	deleted, err := r.admin.DeleteOffsets(r, r.group(), kadm.TopicsSet{other: {0: {}}})
	must(err)
	must(deleted.Error())
	found, err := r.admin.FetchOffsets(r, r.group())
	must(err)
	same(1, len(found))
	_, err = r.admin.DeleteGroup(r, r.group())
	must(err)
	_, err = r.admin.DeleteGroup(r, r.group())
	same(true, errors.Is(err, kerr.GroupIDNotFound))
	r.share([]int{1}, r.member(topic))
	_, err = r.admin.DeleteGroup(r, r.group())
	same(true, errors.Is(err, kerr.NonEmptyGroup))
}

func lagCase(r *run) {
	topic := r.topic(2)
	r.send(topic, 0, values(10, 0))
	r.send(topic, 1, values(4, 0))
	r.commit(r.group(), topic, 3, "")
	lags, err := r.admin.Lag(r, r.group())
	must(err)
	must(lags.Error())
	lag, _ := lags[r.group()].Lag.Lookup(topic, 0)
	same([]any{"Empty", int64(7), int64(3), int64(10)}, []any{lags[r.group()].State, lag.Lag, lag.Commit.At, lag.End.Offset})
}

func removeCase(r *run) {
	topic := r.topic(2)
	stays, goes := r.member(topic, kgo.InstanceID("stays")), r.member(topic, kgo.InstanceID("goes"))
	r.share([]int{1, 1}, stays, goes)
	goes.Close()
	left, err := r.admin.LeaveGroup(r, kadm.LeaveGroup(r.group()).InstanceIDs("goes").Reason("the case asks so"))
	must(err)
	must(left.Error())
	r.share([]int{2}, stays)
	none, err := r.admin.LeaveGroup(r, kadm.LeaveGroup(r.group()).InstanceIDs("nobody"))
	must(err)
	same(true, errors.Is(none.Error(), kerr.UnknownMemberID))
}

func epochCase(r *run) {
	topic := r.topic(1)
	r.send(topic, 0, values(5, 0))
	request := kadm.OffsetForLeaderEpochRequest{}
	request.Add(topic, 0, 0)
	found, err := r.admin.OffsetForLeaderEpoch(r, request)
	must(err)
	same([]any{int32(0), int64(5)}, []any{found[topic][0].LeaderEpoch, found[topic][0].EndOffset})
}

func aclsCase(r *run) {
	builder := kadm.NewACLs().AnyResource().Allow().AllowHosts().Deny().DenyHosts().Operations().ResourcePatternType(kadm.ACLPatternAny)
	found, err := r.admin.DescribeACLs(r, builder)
	if err == nil && len(found) > 0 {
		err = found[0].Err
	}
	same(true, errors.Is(err, kerr.SecurityDisabled))
}
