// How far a static member has come on its way back when its broker is killed, and what is said to the next one.

import type { Talk } from './static-talk.ts'

export interface Scene {
  readonly before: (talk: Talk) => Promise<void>
  readonly after: (talk: Talk) => Promise<void>
}

/** A leader and a follower in generation 2, each with its part. */
async function pair(talk: Talk, leader: string, follower: string): Promise<void> {
  await talk.joins(leader)
  await talk.waits(follower)
  await talk.joins(leader, { as: leader })
  await talk.answered()
  await talk.syncs(leader, 2, [leader, follower])
  await talk.syncs(follower, 2)
}

/** One that leads and one that returns are joined by a third, who waits for the leader. */
async function backWhileOthersWait(talk: Talk): Promise<void> {
  await pair(talk, 'd', 's1')
  await talk.waits('e')
  await talk.waits('s2')
}

async function backInGeneration3(talk: Talk): Promise<void> {
  await backWhileOthersWait(talk)
  await talk.joins('d', { as: 'd' })
  await talk.answered()
}

/** Whoever goes by one of these names, and last one that comes anew. */
async function allSay(talk: Talk, names: readonly string[], generation: number): Promise<void> {
  for (const name of names) {
    await talk.beats(name, generation)
    await talk.commits(name, generation)
    await talk.syncs(name, generation)
  }
}

async function comesAnew(talk: Talk, name: string, former: string, generation: number): Promise<void> {
  await talk.joins(name)
  await allSay(talk, [name, former], generation)
  await talk.leaves(former)
  await talk.leaves(name)
}

const classicScenes: Record<string, Scene> = {
  'there all the time': {
    before: talk => pair(talk, 'd', 's1'),
    after: async talk => {
      await allSay(talk, ['s1'], 2)
      await talk.joins('s1', { as: 's1' })
      await comesAnew(talk, 's2', 's1', 2)
    },
  },
  'back in a stable group': {
    before: async talk => {
      await pair(talk, 'd', 's1')
      await talk.joins('s2')
    },
    after: async talk => {
      await allSay(talk, ['s1', 's2'], 2)
      await talk.joins('s1', { as: 's1' })
      await talk.joins('s2', { as: 's2' })
      await comesAnew(talk, 's3', 's2', 2)
    },
  },
  'back as the leader of a stable group': {
    before: async talk => {
      await pair(talk, 's1', 'd')
      await talk.joins('s2')
    },
    after: async talk => {
      await allSay(talk, ['s1', 's2'], 2)
      await comesAnew(talk, 's3', 's2', 2)
    },
  },
  'back as a leader that knows no skipped assignments': {
    before: async talk => {
      await pair(talk, 's1', 'd')
      await talk.joins('s2', { version: 8 })
    },
    after: async talk => {
      await allSay(talk, ['s1', 's2'], 2)
      await talk.joins('s3', { version: 8 })
      await allSay(talk, ['s2', 's3'], 2)
    },
  },
  'back with more to say than fits into a record': {
    before: async talk => {
      await pair(talk, 's1', 'd')
      await talk.joins('s2', { metadata: Buffer.alloc(1_100_000) })
      await allSay(talk, ['s1', 'd'], 2)
    },
    after: talk => allSay(talk, ['s1', 'd'], 2),
  },
  'back alone with another protocol': {
    before: async talk => {
      await talk.joins('s1')
      await talk.syncs('s1', 1, ['s1'])
      await talk.joins('s2', { protocols: ['roundrobin', 'range'] })
    },
    after: async talk => {
      await allSay(talk, ['s1', 's2'], 1)
      await talk.beats('s2', 2)
      await talk.syncs('s2', 2)
      await talk.joins('s2', { as: 's2' })
      await comesAnew(talk, 's3', 's1', 1)
    },
  },
  'back, and waiting in a rebalance': {
    before: backWhileOthersWait,
    after: async talk => {
      await allSay(talk, ['s1'], 2)
      await comesAnew(talk, 's3', 's1', 2)
    },
  },
  'back, and in a generation without assignment': {
    before: backInGeneration3,
    after: async talk => {
      await talk.syncs('s2', 3)
      await talk.beats('s2', 3)
      await talk.commits('s2', 3)
      await talk.joins('s2', { as: 's2' })
      await talk.leaves('s2')
      await allSay(talk, ['s1'], 2)
      await comesAnew(talk, 's3', 's1', 2)
    },
  },
  'back in a generation that has no assignment yet': {
    before: async talk => {
      await pair(talk, 'd', 's1')
      await talk.waits('e')
      await talk.asks('s1', { as: 's1' })
      await talk.joins('d', { as: 'd' })
      await talk.answered()
      await talk.waits('s2')
    },
    after: async talk => {
      await talk.syncs('s1', 3)
      await allSay(talk, ['s1'], 2)
      await comesAnew(talk, 's3', 's1', 2)
    },
  },
  'back, and assigned': {
    before: async talk => {
      await backInGeneration3(talk)
      await talk.syncs('d', 3, ['d', 's2', 'e'])
    },
    after: async talk => {
      await allSay(talk, ['s1', 's2'], 3)
      await talk.joins('s1', { as: 's1' })
      await comesAnew(talk, 's3', 's2', 3)
    },
  },
  'there for the first time, without assignment': {
    before: talk => talk.joins('s1'),
    after: async talk => {
      await talk.syncs('s1', 1, ['s1'])
      await talk.joins('s1', { as: 's1' })
      await talk.joins('s2')
      await talk.syncs('s2', 1, ['s2'])
      await talk.beats('s1', 1)
    },
  },
  'gone, and back': {
    before: async talk => {
      await pair(talk, 'd', 's1')
      await talk.leaves('s1')
    },
    after: async talk => {
      await allSay(talk, ['s1'], 2)
      await talk.leaves('s1')
    },
  },
}

/** A group begins with epoch 2. The static member is told to give a half up to another, and has not. */
async function toldToShare(talk: Talk): Promise<void> {
  await talk.pulses('s1', 0)
  await talk.pulses('d', 0)
  await talk.pulses('s1', 2)
}

const consumerScenes: Record<string, Scene> = {
  'consumer there all the time': {
    before: async talk => {
      await talk.pulses('s1', 0)
    },
    after: async talk => {
      await talk.pulses('s1', 2)
      await talk.pulses('s2', 0)
      await talk.pulses('s1', 0)
    },
  },
  'consumer that gives up a part': {
    before: toldToShare,
    after: async talk => {
      await talk.pulses('s1', 2)
      await talk.pulses('d', 3)
      await talk.pulses('s1', -2)
      await talk.pulses('s2', 0)
      await talk.pulses('s1', 2)
      await talk.pulses('s2', 3)
      await talk.pulses('d', 3)
      await talk.pulses('d', 2)
    },
  },
  'consumer away': {
    before: async talk => {
      await talk.pulses('s1', 0)
      await talk.pulses('s1', -2)
    },
    after: async talk => {
      await talk.pulses('s1', 2)
      await talk.pulses('s2', 0)
      await talk.pulses('s1', 2)
      await talk.pulses('s2', 2)
    },
  },
  'consumer back, and perhaps not told so': {
    before: async talk => {
      await talk.pulses('s1', 0)
      await talk.pulses('s1', -2)
      await talk.pulses('s2', 0)
    },
    after: async talk => {
      await talk.pulses('s2', 0)
      await talk.pulses('s3', 0)
      await talk.pulses('s1', 0)
      await talk.pulses('s1', 2)
      await talk.pulses('s1', -1)
      await talk.pulses('s2', 2)
      await talk.pulses('s2', -2)
      await talk.pulses('s3', 0)
      await talk.pulses('s2', 2)
    },
  },
  'consumer gone for good': {
    before: async talk => {
      await talk.pulses('s1', 0)
      await talk.pulses('s1', -1)
    },
    after: async talk => {
      await talk.pulses('s1', 2)
      await talk.pulses('s2', 0)
    },
  },
}

export const scenes: Readonly<Record<string, Scene>> = { ...classicScenes, ...consumerScenes }
