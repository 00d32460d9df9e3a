/** What happens in runs, as lines for a log: who, in which run and trace, and what, but never a word of content. */
import { context as contextApi, trace, type SpanContext } from '@opentelemetry/api';

import { active } from '../telemetry/active.ts';
import type { TokenUsage } from '../telemetry/attributes/usage.ts';
import type { RunContext } from '../telemetry/context.ts';
import { defined } from './defined.ts';
import type { Time } from './time.ts';
import type { AgentEvent, LogEntry, LogListener } from './types.ts';
import { shownToolName } from './validate.ts';

type Details = Readonly<Record<string, string | number | boolean | undefined>>;

/** What an entry says, besides what it is about. */
export interface Said {
  readonly level: LogEntry['level'];
  readonly message: string;
  readonly details?: Details;
}

/** Makes an entry about a run, or about what is known of a message or a transport that has none. */
export function logEntry(time: Pick<Time, 'now'>, said: Said, run: RunContext, span?: SpanContext): LogEntry {
  const { level, message, details = {} } = said;
  const { agent, runId, depth, conversationId, transport } = run;
  const { traceId, spanId } = span ?? {};
  return defined({
    time: new Date(time.now()).toISOString(),
    level,
    message,
    ...withoutSecrets({ agent, run_id: runId, depth, conversation: conversationId, transport }),
    trace_id: traceId,
    span_id: spanId,
    ...withoutSecrets(details),
  });
}

/** Names and ids are whatever the application has made of them; they are redacted as on spans and Issues. */
function withoutSecrets<Fields extends Details>(fields: Fields): Fields {
  const { secretsRedactor } = active().content;
  const safe = Object.entries(fields).map(([name, value]) => [
    name,
    typeof value === 'string' ? secretsRedactor.text(value) : value,
  ]);
  return Object.fromEntries(safe) as Fields;
}

/** The log of runs that come in over a transport: without tracing a run does not know which. */
export function logOver(transport: string, log: LogListener | undefined): LogListener | undefined {
  return log === undefined ? undefined : (entry) => log({ ...entry, ...withoutSecrets({ transport }) });
}

/** One run, for its log. */
export interface LoggedRun {
  readonly run: RunContext;
  /** Its `agent.invoke` span. Absent before it has begun, and when tracing is off. */
  readonly span: SpanContext | undefined;
}

/** Creates a listener that tells a log what happens in a run. Pieces of text are nothing for a log. */
export function createRunLog(time: Time, log: LogListener, logged: () => LoggedRun): (event: AgentEvent) => void {
  const startedAt = time.elapsed();
  return (event) => {
    const said = sayEvent(event, () => time.elapsed() - startedAt);
    if (said === undefined) return;
    const { run, span } = logged();
    const at = event.type.startsWith('run.') ? span : spanInside(span);
    log(logEntry(time, said, run, at));
  };
}

/** The span the run is at: that of the tool or the model call, when there is one. */
function spanInside(run: SpanContext | undefined): SpanContext | undefined {
  const current = trace.getSpanContext(contextApi.active());
  return current !== undefined && current.traceId === run?.traceId ? current : run;
}

function sayEvent(event: AgentEvent, elapsedMs: () => number): Said | undefined {
  switch (event.type) {
    case 'run.start':
      return { level: 'info', message: 'run started' };
    case 'run.end': {
      const {
        model,
        turns,
        fallbacks,
        toolErrors: tool_errors,
        memoryFailed: memory_failed,
        finishReason,
      } = event.result;
      const counts = { model, turns, fallbacks, tool_errors, memory_failed, finish_reason: finishReason };
      const details = { ...counts, ...tokens(event.result.usage), duration_ms: elapsedMs() };
      return { level: 'info', message: 'run ended', details };
    }
    case 'run.limit': {
      const { limit, allowed, spent } = event;
      return { level: 'warn', message: 'run met a limit', details: { limit, allowed, spent } };
    }
    case 'run.error': {
      const details = { error_type: event.errorType, duration_ms: elapsedMs() };
      return event.aborted
        ? { level: 'info', message: 'run aborted', details }
        : { level: 'error', message: 'run failed', details };
    }
    case 'memory.search':
      return event.failed
        ? { level: 'warn', message: 'memory search failed' }
        : { level: 'debug', message: 'memory searched', details: { count: event.count } };
    case 'turn.start':
      return { level: 'debug', message: 'turn started', details: { turn: event.turn, model: event.model } };
    case 'turn.end':
      return { level: 'debug', message: 'turn ended', details: { turn: event.turn, ...tokens(event.usage) } };
    case 'model.retry': {
      const { model, attempt, delayMs: delay_ms, reason } = event;
      return { level: 'warn', message: 'model asked again', details: { model, attempt, delay_ms, reason } };
    }
    case 'model.fallback': {
      const { from, to, reason } = event;
      return { level: 'warn', message: 'next model asked', details: { from, to, reason } };
    }
    case 'handoff':
      return { level: 'info', message: 'conversation handed over', details: { to: event.to } };
    case 'tool.start':
      return {
        level: 'debug',
        message: 'tool started',
        details: { tool: shownToolName(event.name), call_id: event.id },
      };
    case 'tool.end': {
      const details = { tool: shownToolName(event.name), call_id: event.id, duration_ms: event.durationMs };
      return event.isError
        ? { level: 'warn', message: 'tool failed', details }
        : { level: 'info', message: 'tool ended', details };
    }
    default:
      return undefined;
  }
}

function tokens({ inputTokens, outputTokens }: TokenUsage): Details {
  return { input_tokens: inputTokens, output_tokens: outputTokens };
}

/** A log of JSON, one object per line, by default on standard error. */
export function jsonLog(output: Pick<NodeJS.WritableStream, 'write'> = process.stderr): LogListener {
  return (entry) => {
    output.write(`${JSON.stringify(entry)}\n`);
  };
}
