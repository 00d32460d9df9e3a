/** `faultline/testing`: what tests of a traced agent need, without a network and without mocks. */

// Spans of the code under test
export { inMemoryTelemetry, type InMemoryTelemetry } from './in-memory-telemetry.ts';
export { spanTree } from './span-tree.ts';
export { RECEIVER_HEADER, startReceiver, type Receiver, type ReceiverOptions } from '../receiver/server.ts';
export type {
  AttributeValue,
  ReceivedAttributes,
  ReceivedEvent,
  ReceivedLink,
  ReceivedSpan,
} from '../receiver/received-span.ts';

// A model that says what the test wants
export {
  scriptedModel,
  type ScriptedAnswer,
  type ScriptedCall,
  type ScriptedModel,
  type ScriptedModelOptions,
  type ScriptedToolCall,
  type ScriptedTurn,
  type ScriptedTurnFunction,
} from './scripted-model.ts';
export {
  startStubProvider,
  type StubAnswer,
  type StubModelScript,
  type StubProvider,
  type StubProviderScript,
  type StubRequest,
  type StubRequestBody,
  type StubTiming,
  type StubToolCall,
  type StubTurn,
  type StubUsage,
} from './stub-provider.ts';

// A Sentry that follows Relay's rules
export {
  FAKE_PUBLIC_KEY,
  rateLimited,
  startFakeSentry,
  type Discarded,
  type Envelope,
  type EnvelopeItem,
  type FakeAnswer,
  type FakeProject,
  type FakeSentry,
  type FakeSentryOptions,
  type RecordedEnvelope,
  type RecordedRequest,
  type StoredSpan,
} from './fake-sentry.ts';
