export { setupTracing } from './telemetry/setup.ts';
export type { FlushResult, SetupOptions, SpanStatus, Tracing, TracingStatus } from './telemetry/setup.ts';
export type { RecorderOptions, TracingOptions } from './telemetry/config/options.ts';
export type { CaptureContent, ErrorMessages } from './telemetry/content/policy.ts';
export type { NamedPattern, RedactionOptions } from './telemetry/content/redactor.ts';
export type { DestinationStatus } from './telemetry/export/pipeline.ts';
export type { RecorderStatus } from './telemetry/export/recorder/recorder.ts';
export type { SpanDropReason } from './telemetry/export/span-dispatcher.ts';

export {
  recordFailure,
  traceAgent,
  traceChat,
  traceMemory,
  traceTool,
  traceTransport,
  TransportExitedError,
} from './telemetry/spans.ts';
export type {
  AgentResult,
  AgentSpan,
  AgentSpanOptions,
  ChatRequest,
  ChatResponse,
  ChatSpan,
  ChatSpanOptions,
  FailurePoint,
  FallbackHop,
  MemoryResult,
  MemorySpan,
  MemorySpanOptions,
  SpanHandle,
  SpanOptions,
  TokenUsage,
  ToolResult,
  ToolSpan,
  ToolSpanOptions,
  TransportSpanOptions,
} from './telemetry/spans.ts';

export { FAILURE_POINTS } from './telemetry/failure-points.ts';
export { flushAfter, type FlushAfterOptions } from './telemetry/flush-after.ts';
export { dropRoutes, type DropRoutesOptions, type RequestFacts } from './telemetry/sampling/drop-routes.ts';
export { endStreamSpans } from './telemetry/sampling/stream-spans.ts';

export { captureException, captureMessage, type CaptureContext } from './telemetry/capture.ts';
export type { Breadcrumb, Level } from './telemetry/captured.ts';
export type { ErrorClass, ErrorPattern } from './telemetry/issues/classification.ts';
export type { IssueOptions } from './telemetry/issues/options.ts';
export type { IssueStatus } from './telemetry/issues/sender.ts';
export type { SentryEvent } from './telemetry/issues/sentry-event.ts';

export { getRunContext, withRunContext } from './telemetry/context.ts';
export { addBreadcrumb, setContext, setTag, setUser } from './telemetry/current-scope.ts';
export { continueTrace, traceHeaders } from './telemetry/propagation.ts';
export type { RunContext, User } from './telemetry/context.ts';
export type { IncomingHeaders } from './telemetry/propagation.ts';
