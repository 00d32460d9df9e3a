import type { SpanContext } from '@opentelemetry/api';

import { withRunContext } from '../telemetry/context.ts';
import { errorType } from '../telemetry/linked-errors.ts';
import { defined } from './defined.ts';
import { AgentNotFoundError } from './errors.ts';
import { guardedListener } from './events.ts';
import { holderOf } from './handoff.ts';
import { createHolders, type Holders } from './holders.ts';
import { inProcessHistory } from './memory/history.ts';
import { logEntry, logOver, type LogAbout } from './run-log.ts';
import { openScope, untilAborted, whenAborted, type AbortScope } from './signals.ts';
import { superviseTransportWith, type OnCrash } from './supervise.ts';
import { systemTime, type Time } from './time.ts';
import type {
  Agent,
  ConversationHistory,
  IncomingMessage,
  LogEntry,
  LogListener,
  RunResult,
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

/** A message being answered. */
interface Conversation {
  readonly message: IncomingMessage;
  /** What its history is kept under. */
  readonly key: string;
  readonly scope: AbortScope;
  /** Absent when the message names its agent, which then answers, whoever has the conversation. */
  readonly holders?: Holders;
  /** Known once its run has started, when tracing is on. */
  spanContext?: SpanContext;
  /** What the person can be told to find the run by. */
  reference?: string;
  /** The person has the answer, also where the run was cut off meanwhile. */
  isAnswered?: true;
}

/** Longest that words to those whose runs are cut off may take: they come over a network that may be down. */
const FAREWELL_MS = 1_000;

/** The part of the time to stop that is for such words. */
function farewellWithin(timeoutMs: number): number {
  return Math.min(FAREWELL_MS, timeoutMs / 5);
}

/** As many as conversations are kept by default: one that is forgotten begins with the agent that is asked first. */
const MAX_HOLDERS = 1_000;

/** `createRuntime` with a say in how time passes. */
export function createRuntimeWith(time: Time, options: RuntimeOptions): Runtime {
  const { transports, onCrash = 'stop', maxActive = 256, history = inProcessHistory() } = options;
  requireCount('maxActive', maxActive, 1);
  requireObjects('agents', 'a runtime', options.agents);
  for (const [index, agent] of options.agents.entries()) requireMethod(`agents[${index}] of a runtime`, agent, 'run');
  requireObjects('transports', 'a runtime', transports);
  for (const [index, { transport }] of transports.entries()) {
    const what = `the transport of transports[${index}] of a runtime`;
    requireObject(what, transport);
    requireMethod(what, transport, 'start');
  }
  const agents = agentsByName(options.agents);
  for (const { agent } of transports) if (agent !== undefined) requireAgent(agents, agent);

  const life = openScope(undefined, time);
  const active = new Map<Conversation, Promise<void>>();
  /** The last message of each conversation that is being answered: the next one waits for it. */
  const tails = new Map<string, Promise<void>>();
  const holders = createHolders(MAX_HOLDERS);
  const statuses = transports.map((registered) => statusOf(registered, { state: 'stopped' }));
  let working: Promise<void> | undefined;
  let isStopping = false;
  const cutOff = new Set<Conversation>();
  let farewellEndsAt: number | undefined;
  const onLog = options.onLog === undefined ? undefined : guardedListener(options.onLog, 'onLog');
  const log = (level: LogEntry['level'], message: string, about: Omit<LogAbout, 'span'>): void => {
    onLog?.(logEntry(time, { level, message }, about));
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

  const handle = async (asked: Asked, message: IncomingMessage): Promise<void> => {
    const agent = requireAgent(agents, asked.agent);
    const refuse = (reason: string, words: string): Promise<void> => {
      const { transport, conversationId } = message;
      log('warn', 'message refused', { run: { agent: agent.name, transport, conversationId }, details: { reason } });
      return say(message, words);
    };
    if (isStopping || life.signal.aborted) return refuse('stopping', STOPPING);
    if (active.size >= maxActive) return refuse('busy', BUSY);
    const key = conversationKey(agent, message);
    const known = asked.isNamed ? undefined : { holders };
    const conversation: Conversation = { message, key, scope: openScope(message.signal, time), ...known };
    const answered = (tails.get(key) ?? Promise.resolve()).then(() =>
      converse(agent, conversation, { history, onLog, tell }),
    );
    tails.set(key, answered);
    active.set(conversation, answered);
    try {
      await answered;
    } finally {
      active.delete(conversation);
      conversation.scope.close();
      if (tails.get(key) === answered) tails.delete(key);
    }
  };

  const work = async (): Promise<void> => {
    const ends = await Promise.allSettled(
      transports.map(async (registered, index) => {
        const { transport, agent } = registered;
        try {
          await superviseTransportWith(time, transport, {
            receive: (message) =>
              handle({ agent: message.agent ?? agent, isNamed: message.agent !== undefined }, message),
            signal: life.signal,
            onCrash,
            runsInFlight: () => runsOf(transport.name),
            onState: (state) => {
              statuses[index] = statusOf(registered, state);
            },
            onCrashed: ({ error, crashes, restartInMs: restart_in_ms }) => {
              const details = { error_type: errorType(error), crashes, restart_in_ms };
              log('error', 'transport crashed', { run: { transport: transport.name }, details });
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
    [...active.keys()].flatMap((run) => (run.message.transport === transport ? (run.spanContext ?? []) : []));

  const abortAll = (reason: unknown, farewellMs = FAREWELL_MS): void => {
    farewellEndsAt ??= time.elapsed() + farewellMs;
    life.abort(reason);
    for (const conversation of active.keys()) {
      if (!conversation.scope.signal.aborted) cutOff.add(conversation);
      conversation.scope.abort(reason);
    }
  };

  const drain = async (): Promise<void> => {
    isStopping = true;
    log('info', 'runtime draining', { run: {}, details: { active: active.size } });
    const drained = transports.map(async ({ transport }) => transport.drain?.());
    // A transport that cannot drain is stopped in a moment anyway.
    await Promise.all([Promise.allSettled(drained), ...active.values()]);
  };

  /** Waits for what is under way, for no longer than this, and no longer than nobody stops the runtime at once. */
  const drainFor = async (ms: number): Promise<void> => {
    const patience = openScope(life.signal, time, {
      ms,
      onExpired: () => new DOMException('out of time', 'TimeoutError'),
    });
    await untilAborted(patience.signal, drain).catch(() => {});
    patience.close();
  };

  return {
    handle: (agent, message) => handle({ agent, isNamed: true }, message),
    drain,
    status: () => ({ ready: isReady(), transports: [...statuses] }),
    start: async () => {
      if (working !== undefined) throw new Error('a runtime is started once');
      working = work();
      await working;
    },
    stop: async ({ timeoutMs, reason = new DOMException('the runtime was stopped', 'AbortError') } = {}) => {
      requireTimeout('timeoutMs', timeoutMs);
      const farewellMs = timeoutMs === undefined ? FAREWELL_MS : farewellWithin(timeoutMs);
      if (timeoutMs !== undefined) await drainFor(timeoutMs - farewellMs);
      abortAll(reason, farewellMs);
      // What it ended with is for whoever called start.
      await working?.catch(() => {});
      await Promise.all(active.values());
      const aborted = [...cutOff].filter(({ isAnswered }) => isAnswered !== true).length;
      log('info', 'runtime stopped', { run: {}, details: { aborted } });
      return { aborted };
    },
  };
}

/** Whom a message is for. */
interface Asked {
  readonly agent: string | undefined;
  /** Whether the message says so, and not the transport it came over. */
  readonly isNamed: boolean;
}

/**
 * What a conversation is known by. Its id alone would not do: over HTTP whoever asks may choose it, and could choose
 * that of a conversation another agent has, or that somebody has over another transport.
 */
function conversationKey(agent: Agent, { transport, conversationId }: IncomingMessage): string {
  return JSON.stringify([agent.name, transport, conversationId]);
}

const STOPPING = 'I am shutting down. Please try again in a moment.';
const BUSY = 'I am busy right now. Please try again in a moment.';
const NO_ANSWER = 'I have no answer to that.';

/** A failure in the words of a person who did not cause it. Error texts can hold anything, so none is shown. */
function apology(reference: string | undefined): string {
  const hint = reference === undefined ? '' : ` If you report it, please mention ${reference}.`;
  return `Something went wrong and I could not answer.${hint}`;
}

interface ConverseOptions {
  readonly history: ConversationHistory;
  readonly onLog: LogListener | undefined;
  /** Has something said that is not an answer, in bounded time. */
  readonly tell: (message: IncomingMessage, speak: () => Promise<void>) => Promise<void>;
}

/**
 * Answers one message inside one run, from loading the history to sending the answer, so that whatever
 * fails on the way is a failure of that run.
 */
async function converse(
  agent: Agent,
  conversation: Conversation,
  { history, onLog, tell }: ConverseOptions,
): Promise<void> {
  const { message, key, scope, holders } = conversation;
  const { text, conversationId, userId, transport, onEvent, stream = onEvent !== undefined } = message;
  const holder = holders?.of(key) ?? agent;
  /** Still on its way when the run is cut off meanwhile. */
  let answering: Promise<void> | undefined;
  let isOver = false;
  const deliver = async (result: RunResult): Promise<void> => {
    const next = holderOf(result) ?? holder;
    await history.save(key, result.messages);
    holders?.set(key, next === agent ? undefined : next);
    // Whoever names agents goes on with the one that has the conversation, who must know what was said.
    if (holders === undefined && next !== agent) await history.save(conversationKey(next, message), result.messages);
    // The person was told something else while the history was slow.
    if (isOver) return;
    answering = message.reply(result.text === '' ? NO_ANSWER : result.text);
    await answering;
    conversation.isAnswered = true;
  };
  try {
    await withRunContext({ transport }, () =>
      holder.run(text, {
        user: userId === undefined ? undefined : { id: userId },
        onLog: logOver(transport, onLog),
        conversationId,
        signal: scope.signal,
        history: () => history.load(key),
        stream,
        onEvent: (event) => {
          if (event.type === 'run.start') {
            Object.assign(conversation, defined({ spanContext: event.spanContext }));
            conversation.reference = event.spanContext?.traceId ?? event.runId;
          }
          return onEvent?.(event);
        },
        deliver,
      }),
    );
  } catch {
    // It is recorded on the run's span. Who has called their run off waits for no answer.
    isOver = true;
    if (message.signal?.aborted === true) return;
    const words = scope.signal.aborted ? STOPPING : apology(conversation.reference);
    // An answer that gets through all the same is the last word.
    await tell(message, () => answering?.catch(() => say(message, words)) ?? say(message, words));
  }
}

/** Says something that is not an answer. When not even that gets through there is nobody left to tell. */
async function say(message: IncomingMessage, text: string): Promise<void> {
  try {
    await message.reply(text);
  } catch {
    return;
  }
}

function statusOf(
  { transport: { name }, agent }: RuntimeOptions['transports'][number],
  state: TransportState,
): TransportStatus {
  return { name, ...defined({ agent }), ...state };
}

function agentsByName(agents: readonly Agent[]): ReadonlyMap<string, Agent> {
  const byName = new Map<string, Agent>();
  for (const agent of agents) {
    if (byName.has(agent.name)) throw new TypeError(`two agents are called ${agent.name}`);
    byName.set(agent.name, agent);
  }
  return byName;
}

function requireAgent(agents: ReadonlyMap<string, Agent>, name: string | undefined): Agent {
  const agent = name === undefined ? undefined : agents.get(name);
  if (agent === undefined) throw new AgentNotFoundError(name, agents.keys());
  return agent;
}
