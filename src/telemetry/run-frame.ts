import { createContextKey, type Context, type Span, type SpanContext } from '@opentelemetry/api';

import type { HeldFailure } from './active.ts';
import type { RunTotals } from './attributes/agent.ts';
import type { CaptureContent, ContentPolicy } from './content/policy.ts';
import type { Scope, User } from './scope.ts';

/** What every span made inside a run says about the run. */
export interface RunContext {
  /** Name of the agent. */
  readonly agent?: string | undefined;
  readonly runId?: string | undefined;
  /** 0 for the agent that was called, 1 for an agent it called, and so on. */
  readonly depth?: number | undefined;
  /** An id the application knows the conversation by; never invented here. */
  readonly conversationId?: string | undefined;
  /** Name of what carries the conversation, such as `http`. */
  readonly transport?: string | undefined;
  /** Whom the run is for: see `setUser`. */
  readonly user?: User | undefined;
  /** Decides for this run which content is recorded, over what `setupTracing` was told. */
  readonly captureContent?: CaptureContent | undefined;
}

/**
 * A run context on its way through the asynchronous call tree, with what the spans inside it need.
 *
 * @internal
 */
export interface RunFrame {
  readonly run: RunContext;
  readonly said: SaidOfRun;
  readonly scope: Scope;
  /** Absent outside of an agent span. */
  readonly agent: AgentFrame | undefined;
  /** What may leave of the content of the run. */
  readonly content: ContentPolicy;
}

/**
 * What the spans of a run say of it: its names and ids without secrets.
 *
 * @internal
 */
export interface SaidOfRun {
  readonly agent?: string | undefined;
  readonly conversationId?: string | undefined;
  readonly runId?: string | undefined;
  readonly depth?: number | undefined;
  readonly transport?: string | undefined;
}

/**
 * A model as the tags of an Issue name it.
 *
 * @internal
 */
export interface NamedModel {
  readonly model: string;
  readonly provider: string;
}

/**
 * The part of a frame that child spans write to.
 *
 * @internal
 */
export interface AgentFrame {
  readonly span: Span;
  readonly name: string;
  readonly totals: RunTotals;
  readonly signal: AbortSignal | undefined;
  /** The agent that began the run, if that is another one: what holds for all of the run is said there. */
  readonly root?: AgentFrame | undefined;
  /** Of a root, the signal of the ended run that left behind what started it. */
  readonly leftBy?: AbortSignal | undefined;
  /** The frame of the agent that called this one; absent once it has ended, so that no chain of them only grows. */
  caller?: AgentFrame | undefined;
  /** The id of the run, unless it was given around it. */
  readonly runId?: string | undefined;
  /** The scope it began in: that of a root has the steps of the run. */
  readonly scope: Scope;
  /** The model call that answered last: the parent of the tools it asked for. */
  lastChat?: SpanContext;
  /** The model call that was made last, for the tags of an Issue. */
  lastModel?: NamedModel;
  /** Somebody has broken the agent off, such as the reader of its stream. */
  isBrokenOff?: boolean;
  /** Failures of this run that wait for its end; absent once it has ended. */
  held: HeldFailure[] | undefined;
}

/**
 * The agent that began the run an agent is part of: the one that was called by no other.
 *
 * @internal
 */
export function rootOf(agent: AgentFrame): AgentFrame {
  return agent.root ?? agent;
}

/**
 * Whether both an agent and the run it is part of have ended. What still works inside it belongs to no run then.
 *
 * @internal
 */
export function isOver(agent: AgentFrame): boolean {
  return agent.held === undefined && rootOf(agent).held === undefined;
}

/**
 * Whether somebody has broken off an agent, or one that waits for it.
 *
 * @internal
 */
export function isBrokenOff(agent: AgentFrame): boolean {
  if (rootOf(agent).isBrokenOff === true) return true;
  for (let by: AgentFrame | undefined = agent; by !== undefined; by = by.caller) {
    if (by.isBrokenOff === true) return true;
  }
  return false;
}

/**
 * Where the frame of a run is in a context, for all copies of this package. The number stands for its form.
 *
 * @internal
 */
export const FRAME_KEY = createContextKey('faultline.run.v1');

/** @internal */
export function frameOf(context: Context): RunFrame | undefined {
  return context.getValue(FRAME_KEY) as RunFrame | undefined;
}
