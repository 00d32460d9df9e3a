import type { SpanContext } from '@opentelemetry/api';

import type { RunContext } from '../telemetry/context.ts';
import { errorType } from '../telemetry/linked-errors.ts';
import {
  answerMessage,
  BUSY,
  conversationKey,
  say,
  STOPPING,
  type Answering,
  type AnswerOptions,
} from './answer-message.ts';
import { defined } from './defined.ts';
import { AgentNotFoundError } from './errors.ts';
import { guardedListener } from './events.ts';
import { createHolders } from './holders.ts';
import { inProcessHistory } from './memory/history.ts';
import { logEntry, type Said } from './run-log.ts';
import { openScope, untilAborted, whenAborted } from './signals.ts';
import { superviseTransportWith, type OnCrash } from './supervise.ts';
import { systemTime, type Time } from './time.ts';
import type {
  Agent,
  ConversationHistory,
  IncomingMessage,
  LogListener,
  Transport,
  TransportState,
  TransportStatus,
} from './types.ts';
import { requireCount, requireMethod, requireObject, requireObjects, requireTimeout } from './validate.ts';

/** What `createRuntime` puts behind what. */
export interface RuntimeOptions {
  readonly agents: readonly Agent[];
  /**
   * Which agent answers what comes in over which transport, when a message does not name one itself: that one, or
   * whoever it has handed the conversation over to. Of such conversations the newest 1000 are remembered.
   */
  readonly transports: readonly { readonly transport: Transport; readonly agent?: string | undefined }[];
  /** Default: `stop`. */
  readonly onCrash?: OnCrash | undefined;
  /** Most messages worked on at the same time. Whoever writes then is asked to come back. Default: 256. */
  readonly maxActive?: number | undefined;
  /** Default: kept in the process, bounded. */
  readonly history?: ConversationHistory | undefined;
  /** Told what happens, in runs and around them, as lines of a log. Default: nobody. See `jsonLog`. */
  readonly onLog?: LogListener | undefined;
}

/** Agents at work behind transports. */
export interface Runtime {
  /**
   * Works until it is stopped or every transport is done. Rejects with what a transport crashed with, once
   * everything else has stopped, unless `onCrash` is `restart`.
   */
  start(): Promise<void>;
  /** Takes no more messages, which are answered with that. Resolves when those under way are answered. */
  drain(): Promise<void>;
  /**
   * Drains for as long as it may, aborts the runs that are not over by then, and stops every transport. Asked again
   * meanwhile, the shorter time counts. Rejects when `timeoutMs` is wrong.
   */
  stop(options?: StopOptions): Promise<StopResult>;
  /**
   * Answers one message. Never rejects for what goes wrong in the conversation: the person is told that
   * something did, and by which id it can be found. The agent that is named answers, whoever else it has handed the
   * conversation over to before. Rejects with `AgentNotFoundError`.
   */
  handle(agent: string, message: IncomingMessage): Promise<void>;
  /** How it is: what `httpTransport` wants to know for its health checks. Never throws. */
  status(): RuntimeStatus;
}

/** How a runtime is. Holds no error texts. */
export type RuntimeStatus = {
  /** Whether messages are taken over every transport that is not done. */
  readonly ready: boolean;
  /** In the order in which they were given. */
  readonly transports: readonly TransportStatus[];
};

/** How long answers may still take when a runtime stops. */
export interface StopOptions {
  /**
   * How long answers under way may take. Runs that are not over a fifth of it, and at most a second, before its end are
   * aborted, and whoever asked is told. Default: they are aborted at once.
   */
  readonly timeoutMs?: number | undefined;
  /** What runs are aborted with. Default: an `AbortError`. */
  readonly reason?: unknown;
}

/** What stopping came to. */
export interface StopResult {
  /** Messages that were not answered because their runs took too long. */
  readonly aborted: number;
}

/** Creates a runtime. Throws when an option is wrong. */
export function createRuntime(options: RuntimeOptions): Runtime {
  return createRuntimeWith(systemTime, options);
}

/** Longest that words to those whose runs are cut off may take: they come over a network that may be down. */
const FAREWELL_MS = 1_000;

/** As many as `inProcessHistory` keeps by default: a conversation that is forgotten begins anew, with its first agent. */
const MAX_HOLDERS = 1_000;

/** `createRuntime` with a say in how time passes. */
export function createRuntimeWith(time: Time, options: RuntimeOptions): Runtime {
  const { transports, onCrash = 'stop', maxActive = 256, history = inProcessHistory() } = options;
  requireCount('maxActive', maxActive, 1);
  const agents = agentsByName(options.agents);
  requireTransports(transports, agents);

  const life = openScope(undefined, time);
  const active = new Map<Answering, Promise<void>>();
  /** The last message of each conversation that is being answered: the next one waits for it. */
  const tails = new Map<string, Promise<void>>();
  const statuses = transports.map((registered) => statusOf(registered, { state: 'stopped' }));
  let working: Promise<void> | undefined;
  let isStopping = false;
  const cutOff = new Set<Answering>();
  let farewellEndsAt: number | undefined;
  const onLog = options.onLog === undefined ? undefined : guardedListener(options.onLog, 'onLog');
  const log = (said: Said, about: RunContext = {}): void => {
    onLog?.(logEntry(time, said, about));
  };

  /** Speaks for as long as the person is there, and once everything is aborted only for a moment more. */
  const tell = async (message: IncomingMessage, speak: () => Promise<void>): Promise<void> => {
    const patience = openScope(message.signal, time);
    let stopTimer: (() => void) | undefined;
    const stopFollowing = whenAborted(life.signal, () => {
      const ms = Math.max(0, (farewellEndsAt ?? 0) - time.elapsed());
      stopTimer = time.startTimer(ms, patience.abort);
    });
    await untilAborted(patience.signal, speak).catch(() => {});
    stopFollowing();
    stopTimer?.();
    patience.close();
  };

  const answerOptions: AnswerOptions = { history, holders: createHolders(MAX_HOLDERS), onLog, tell };

  /** Has a message answered by the agent that is named, else by the one its transport is registered with. */
  const handle = async (message: IncomingMessage, named: string | undefined, ofTransport?: string): Promise<void> => {
    const agent = requireAgent(agents, named ?? ofTransport);
    const refuse = (reason: string, words: string): Promise<void> => {
      const { transport, conversationId } = message;
      const said = { level: 'warn', message: 'message refused', details: { reason } } as const;
      log(said, { agent: agent.name, transport, conversationId });
      return say(message, words);
    };
    if (isStopping || life.signal.aborted) return refuse('stopping', STOPPING);
    if (active.size >= maxActive) return refuse('busy', BUSY);
    const key = conversationKey(agent, message);
    const answering: Answering = {
      message,
      isNamed: named !== undefined,
      key,
      scope: openScope(message.signal, time),
      spanContext: undefined,
      isAnswered: false,
    };
    const answered = (tails.get(key) ?? Promise.resolve()).then(() => answerMessage(agent, answering, answerOptions));
    tails.set(key, answered);
    active.set(answering, answered);
    try {
      await answered;
    } finally {
      active.delete(answering);
      answering.scope.close();
      if (tails.get(key) === answered) tails.delete(key);
    }
  };

  const work = async (): Promise<void> => {
    const ends = await Promise.allSettled(
      transports.map(async (registered, index) => {
        const { transport, agent } = registered;
        try {
          await superviseTransportWith(time, transport, {
            receive: (message) => handle(message, message.agent, agent),
            signal: life.signal,
            onCrash,
            runsInFlight: () => runsOf(transport.name),
            onState: (state) => {
              statuses[index] = statusOf(registered, state);
            },
            onCrashed: ({ error, crashes, restartInMs: restart_in_ms }) => {
              const details = { error_type: errorType(error), crashes, restart_in_ms };
              log({ level: 'error', message: 'transport crashed', details }, { transport: transport.name });
            },
          });
        } catch (error) {
          abortAll(error);
          throw error;
        }
      }),
    );
    await Promise.all(active.values());
    const crash = ends.find((end) => end.status === 'rejected');
    if (crash !== undefined) throw crash.reason;
  };

  const isReady = (): boolean =>
    !isStopping && !life.signal.aborted && statuses.every(({ state }) => state === 'running' || state === 'done');

  const runsOf = (transport: string): readonly SpanContext[] =>
    [...active.keys()].flatMap(({ message, spanContext }) =>
      message.transport === transport ? (spanContext ?? []) : [],
    );

  const abortAll = (reason: unknown, farewellMs = FAREWELL_MS): void => {
    farewellEndsAt ??= time.elapsed() + farewellMs;
    life.abort(reason);
    for (const answering of active.keys()) {
      if (!answering.scope.signal.aborted) cutOff.add(answering);
      answering.scope.abort(reason);
    }
  };

  const drain = async (): Promise<void> => {
    isStopping = true;
    log({ level: 'info', message: 'runtime draining', details: { active: active.size } });
    const drained = transports.map(async ({ transport }) => transport.drain?.());
    // A transport that cannot drain is stopped in a moment anyway.
    await Promise.all([Promise.allSettled(drained), ...active.values()]);
  };

  /** Waits for what is under way, for this long at most, and only until somebody stops the runtime at once. */
  const drainFor = async (ms: number): Promise<void> => {
    const patience = openScope(life.signal, time, {
      ms,
      onExpired: () => new DOMException('out of time', 'TimeoutError'),
    });
    await untilAborted(patience.signal, drain).catch(() => {});
    patience.close();
  };

  return {
    handle: (agent, message) => handle(message, agent),
    drain,
    status: () => ({ ready: isReady(), transports: [...statuses] }),
    start: async () => {
      if (working !== undefined) throw new Error('a runtime is started once');
      working = work();
      await working;
    },
    stop: async ({ timeoutMs, reason = new DOMException('the runtime was stopped', 'AbortError') } = {}) => {
      requireTimeout('timeoutMs', timeoutMs);
      // No more than a fifth of the time there is.
      const farewellMs = Math.min(FAREWELL_MS, (timeoutMs ?? Infinity) / 5);
      if (timeoutMs !== undefined) await drainFor(timeoutMs - farewellMs);
      abortAll(reason, farewellMs);
      // What it ended with is for whoever called start.
      await working?.catch(() => {});
      await Promise.all(active.values());
      const aborted = [...cutOff].filter(({ isAnswered }) => !isAnswered).length;
      log({ level: 'info', message: 'runtime stopped', details: { aborted } });
      return { aborted };
    },
  };
}

function statusOf(
  { transport: { name }, agent }: RuntimeOptions['transports'][number],
  state: TransportState,
): TransportStatus {
  return { name, ...defined({ agent }), ...state };
}

function agentsByName(agents: readonly Agent[]): ReadonlyMap<string, Agent> {
  requireObjects('agents', 'a runtime', agents);
  const byName = new Map<string, Agent>();
  for (const [index, agent] of agents.entries()) {
    requireMethod(`agents[${index}] of a runtime`, agent, 'run');
    if (byName.has(agent.name)) throw new TypeError(`two agents are called ${agent.name}`);
    byName.set(agent.name, agent);
  }
  return byName;
}

function requireTransports(transports: RuntimeOptions['transports'], agents: ReadonlyMap<string, Agent>): void {
  requireObjects('transports', 'a runtime', transports);
  for (const [index, { transport, agent }] of transports.entries()) {
    const what = `the transport of transports[${index}] of a runtime`;
    requireObject(what, transport);
    requireMethod(what, transport, 'start');
    if (agent !== undefined) requireAgent(agents, agent);
  }
}

function requireAgent(agents: ReadonlyMap<string, Agent>, name: string | undefined): Agent {
  const agent = name === undefined ? undefined : agents.get(name);
  if (agent === undefined) throw new AgentNotFoundError(name, agents.keys());
  return agent;
}
