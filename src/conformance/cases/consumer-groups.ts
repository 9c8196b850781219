/** Consumer groups (KIP-848): membership, static members, patterns, offsets, the way from and to classic. */
import { CONSUMER_CONVERSATIONS } from '../groups/consumer-conversations.ts'
import { GroupTalk } from '../groups/group-talk.ts'
import { type Case, casesWith, type Heading } from '../kit/case.ts'
import { conversationNamed } from './conversation-named.ts'
import { INCREMENTAL_ALTER_CONFIGS } from './data-talk.ts'

const scripted = casesWith((side, id) => new GroupTalk(side, id))

/** The name of a conversation, the sentence, its source, and what else there is to say. */
type Row = readonly [string, string, string, Partial<Heading>?]

const GROUP_RESOURCE = 32
const SET = 0
const DELETE = 1
/** Decides on its own what heartbeats tell beside. */
const OF_THE_BROKER = ['heartbeatIntervalMs']
/** What classic members say of themselves has the names of topics in it. */
const NAMED = { varies: [...OF_THE_BROKER, 'metadata', 'memberMetadata', 'memberAssignment', 'assignment'] }
const TIMED = { alone: true }
const LONG = { limitMs: 60_000 }
const versions = (...list: number[]) => list

const MEMBERSHIP: readonly Row[] = [
  ...versions(0, 1).map(
    (v): Row => [`a consumer alone, v${v}`, `A lone consumer is given all, and leaves (v${v})`, 'KIP-848'],
  ),
  ['two consumers share a topic', 'A second consumer is given what the first has given up', 'T151'],
  [
    'a third consumer comes and one leaves',
    'Consumers that come and go leave the others at work',
    'T151',
    LONG,
  ],
  [
    'partitions that are not given up hold others back',
    "A partition is nobody else's until it was given up",
    'T152',
  ],
  ['a consumer reports in steps', 'A consumer may give up and take over in steps', 'T152'],
  ['heartbeats that say the same again', 'Assignments are told on a change or when asked for', 'T151'],
  [
    'a lost response of a heartbeat',
    'A heartbeat of the epoch before is taken when nothing more is owned',
    'T153',
  ],
  ['epochs that are wrong', 'A heartbeat of a wrong epoch, member or group is refused', 'KIP-848'],
  ['a consumer that begins anew under its id', 'A consumer may begin anew under its id', 'KIP-848'],
  ['subscriptions that change', 'A subscription that changes brings a new assignment', 'KIP-848', LONG],
  ['a subscription in another order is no change', 'A subscription in another order is no change', 'T157'],
  ['topics that come, grow and go', 'Topics that come, grow or go bring a new assignment', 'T155', LONG],
  ['a consumer of nothing', 'A consumer may subscribe to nothing', 'KIP-848'],
  [
    'assignors that members ask for',
    'The assignor that most ask for is taken; others are UNSUPPORTED_ASSIGNOR',
    'T158',
  ],
  ['range divides each topic on its own', 'The range assignor divides each topic on its own', 'KIP-848'],
  [
    'uniform lets members keep what they have',
    'The uniform assignor lets members keep what they have',
    'KIP-848',
    LONG,
  ],
  [
    'members of different subscriptions',
    'Members of different subscriptions are given what they ask for',
    'KIP-848',
  ],
  ['leaving again and by strangers', 'Who is no member cannot leave', 'T150'],
  ['a rack that changes', 'A consumer may change its rack', 'KIP-848'],
  // In version 0 one of them makes a member that can never leave.
  ['bad first heartbeats, v1', 'A first heartbeat that lacks something is refused', 'T149', LONG],
  ['bad later heartbeats', 'A later heartbeat that says too much is refused', 'KIP-848'],
]

const STATIC: readonly Row[] = [
  [
    'a static consumer goes for a while and comes back',
    'A static consumer comes back to what it had',
    'T150',
  ],
  [
    'a static consumer comes back with another subscription',
    'A static consumer may come back with another subscription',
    'T150',
  ],
  ['a static consumer whose place is taken', 'A place that is taken is UNRELEASED_INSTANCE_ID', 'T150'],
  ['a static consumer leaves for good', 'A static consumer may leave for good', 'T150'],
  ['going for a while without an instance', 'Only who has an instance may go for a while', 'T150'],
  ['an instance under a strange member', 'An instance under a strange member is FENCED_INSTANCE_ID', 'T150'],
  [
    'a consumer that gives nothing up in time',
    'A consumer that gives nothing up in time is fenced',
    'T154',
    TIMED,
  ],
  [
    'a consumer that gives everything up in time',
    'A consumer that gives everything up in time stays',
    'T154',
    TIMED,
  ],
  ['a consumer that is fenced joins again', 'A consumer that is fenced joins again', 'KIP-848'],
]

const PATTERNS: readonly Row[] = [
  [
    'a subscription by regular expression',
    'A regular expression stands for the topics that it matches',
    'T157',
  ],
  [
    'regular expressions that are none',
    'A regular expression that is none is INVALID_REGULAR_EXPRESSION',
    'T157',
  ],
  [
    'a regular expression that matches nothing',
    'A regular expression that matches nothing assigns nothing',
    'T157',
  ],
  [
    'a regular expression that changes',
    'A regular expression may change, and give way to names',
    'T157',
    LONG,
  ],
  ['a regular expression beside names', 'A regular expression may stand beside names', 'T157', LONG],
  [
    'members with the same regular expression',
    'Members with the same regular expression share its topics',
    'T157',
  ],
  [
    'a static consumer with a regular expression',
    'A static consumer comes back with its regular expression',
    'T157',
  ],
]

const ADMINISTRATION: readonly Row[] = [
  ...versions(0, 1).map(
    (v): Row => [
      `describing consumer groups, v${v}`,
      `ConsumerGroupDescribe tells of groups in each state (v${v})`,
      'KIP-848',
      LONG,
    ],
  ),
  ...versions(0, 1, 2, 3, 4, 5, 6).map(
    (v): Row => [
      `describing consumer groups as classic ones, v${v}`,
      `DescribeGroups takes consumer groups for others (v${v})`,
      'T145',
      LONG,
    ],
  ),
  ...versions(3, 4, 5).map(
    (v): Row => [
      `listing consumer groups, v${v}`,
      `ListGroups tells of consumer groups (v${v})`,
      'T146',
      LONG,
    ],
  ),
  ['deleting consumer groups', 'DeleteGroups takes empty consumer groups', 'T047', LONG],
  ['deleting offsets of consumer groups', 'OffsetDelete leaves what consumers subscribe to', 'T047'],
  ['what is described of members', 'ConsumerGroupDescribe tells all of a member', 'KIP-848'],
  ['a described group whose topic is gone', 'ConsumerGroupDescribe leaves out what is gone', 'KIP-848'],
]

const OFFSETS: readonly Row[] = [
  ...versions(2, 5, 7, 8, 9).map(
    (v): Row => [`committing by epoch, v${v}`, `A consumer commits at its epoch (v${v})`, 'T156'],
  ),
  ['committing with topic ids', 'A consumer commits by topic id', 'T142'],
  ...versions(7, 8, 9).map(
    (v): Row => [
      `asking for offsets by epoch, v${v}`,
      `A consumer asks for offsets at its epoch (v${v})`,
      'KIP-848',
    ],
  ),
  ['asking for offsets with topic ids', 'A consumer asks for offsets by topic id', 'T142'],
  [
    'committing after the epoch has moved on',
    'A commit of the epoch before is taken for what was owned since',
    'T156',
  ],
  ['offsets of a static consumer', 'A static consumer commits under its own epoch', 'T150'],
  [
    'offsets from outside of a consumer group',
    'Nobody commits from outside while there are consumers',
    'T136',
  ],
]

const MIGRATION: readonly Row[] = [
  [
    'an empty classic group becomes a consumer group',
    'An empty classic group becomes a consumer group',
    'T159',
    NAMED,
  ],
  [
    'an empty consumer group becomes a classic group',
    'An empty consumer group becomes a classic group',
    'T159',
    NAMED,
  ],
  ['a classic group of one is upgraded', 'A consumer that joins a classic group upgrades it', 'T159', NAMED],
  ['a classic member joins a consumer group', 'A classic member may join a consumer group', 'T159', NAMED],
  [
    'the last consumer leaves a mixed group',
    'A mixed group whose last consumer leaves is classic again',
    'T159',
    NAMED,
  ],
  ['a classic member leaves a mixed group', 'A classic member may leave a mixed group', 'T159', NAMED],
  [
    'what classic members may not say in a mixed group',
    'A classic member of a mixed group is refused what it may not say',
    'T159',
    NAMED,
  ],
  ['offsets in a mixed group', 'Members of either kind commit in a mixed group', 'T159', NAMED],
  ['static members change protocol', 'A static member may change protocol', 'T159', NAMED],
]

export const CONSUMER_GROUP_CASES: readonly Case[] = [
  ...MEMBERSHIP,
  ...STATIC,
  ...PATTERNS,
  ...ADMINISTRATION,
  ...OFFSETS,
  ...MIGRATION,
].map(([conversation, name, source, more]) => {
  const { hold } = conversationNamed(CONSUMER_CONVERSATIONS, conversation)
  const heading = { area: 'consumer-groups', since: '4.0', varies: OF_THE_BROKER } as const
  return scripted({ ...heading, name, source, ...more }, async talk => {
    await assignAtOnce(talk, SET)
    await hold(talk).finally(() => assignAtOnce(talk, DELETE))
  })
})

/** Brokers may put off assignments by default; these groups are the case's own, and so are their settings. */
async function assignAtOnce(talk: GroupTalk, configOperation: number): Promise<void> {
  const configs = [{ name: 'consumer.assignment.interval.ms', configOperation, value: '0' }]
  const states = ['', ' empty', ' stable', ' reconciling']
  const resources = states.map(state => ({
    resourceType: GROUP_RESOURCE,
    resourceName: talk.groupId + state,
    configs,
  }))
  await talk.ask('admin', INCREMENTAL_ALTER_CONFIGS, 1, { resources, validateOnly: false })
}
