import {
  array,
  defaulted,
  type InputOf,
  int8,
  int16,
  int32,
  message,
  nullable,
  string,
  struct,
  type ValueOf,
} from '../schema.ts'

const TopologyDescriptionNode = {
  name: string,
  nodeType: int8,
  sourceTopics: array(string),
  sinkTopic: defaulted(nullable(string), null),
  stores: array(string),
  successors: array(string),
}

const TopologyDescriptionSubtopology = {
  subtopologyId: string,
  nodes: array(TopologyDescriptionNode),
}

const TopologyDescriptionGlobalStore = {
  source: struct(TopologyDescriptionNode),
  processor: struct(TopologyDescriptionNode),
}

const TopologyDescription = {
  subtopologies: array(TopologyDescriptionSubtopology),
  globalStores: array(TopologyDescriptionGlobalStore),
}

export const StreamsGroupTopologyDescriptionUpdateRequest = message(
  'StreamsGroupTopologyDescriptionUpdateRequest',
  93,
  '0',
  '0+',
  {
    groupId: string,
    memberId: string,
    topologyEpoch: int32,
    topologyDescription: struct(TopologyDescription),
  },
)
export type StreamsGroupTopologyDescriptionUpdateRequest = ValueOf<
  typeof StreamsGroupTopologyDescriptionUpdateRequest.fields
>

export const StreamsGroupTopologyDescriptionUpdateResponse = message(
  'StreamsGroupTopologyDescriptionUpdateResponse',
  93,
  '0',
  '0+',
  {
    throttleTimeMs: defaulted(int32, 0),
    errorCode: int16,
    errorMessage: defaulted(nullable(string), null),
  },
)
export type StreamsGroupTopologyDescriptionUpdateResponse = InputOf<
  typeof StreamsGroupTopologyDescriptionUpdateResponse.fields
>
