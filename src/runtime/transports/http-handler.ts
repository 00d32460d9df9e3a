/** The HTTP transport without a server: from a web-standard request to a web-standard response. */
import { reasonOf } from '../reason.ts';
import type { Time } from '../time.ts';
import type { Agent, IncomingMessage, TransportStatus } from '../types.ts';
import { requireCount, requireTimeout } from '../validate.ts';
import { createHttpAccess, type HttpAccessOptions } from './http-access.ts';
import { jsonResponse, problemResponse } from './http-answer.ts';
import { openApiDocument } from './http-openapi.ts';
import {
  BUSY,
  FAILED,
  FOREIGN,
  ONLY_EVENTS,
  STOPPING,
  UNAUTHORIZED,
  UNKNOWN_AGENT,
  unknownRoute,
  wrongMethod,
  type Problem,
} from './http-problem.ts';
import { readQuery, readQuestion, type ReadQuestion } from './http-request.ts';
import { answerRun, streamRun, type AnsweredRun } from './http-run-answer.ts';

export interface HttpHandlerOptions extends HttpAccessOptions {
  /** Who can be asked. */
  readonly agents: readonly Pick<Agent, 'name' | 'description'>[];
  /** Where the routes are, such as `/api`. Default: at the root. */
  readonly basePath?: string | undefined;
  /**
   * Whether questions can be asked with `GET …/run?input=…`, for the browser's `EventSource`. Default: no,
   * because what is in an address ends up in logs and in the spans of HTTP instrumentations.
   */
  readonly eventSource?: boolean | undefined;
  /** Default: 1 MiB. */
  readonly maxBodyBytes?: number | undefined;
  /** Longest a question may take to arrive. Default: 30 000. */
  readonly bodyTimeoutMs?: number | undefined;
  /**
   * Most questions worked on at the same time, whoever asks then gets a 503; and most that arrive at the same time, each
   * of which may hold `maxBodyBytes`: of more, the oldest gets a 503. Default: 256.
   */
  readonly maxActive?: number | undefined;
  /** Longest silence in a stream. Default: 15 000. */
  readonly heartbeatMs?: number | undefined;
  /**
   * What `/healthz` and `/readyz` say besides that questions are taken, to callers with the token: how the transports
   * are (`() => runtime.status()`), and whatever else. `ready: false` makes `/readyz` a 503, for everybody.
   */
  readonly status?: (() => HttpStatus) | undefined;
}

/** What an application adds to the health checks. */
export interface HttpStatus {
  readonly ready?: boolean | undefined;
  readonly transports?: readonly TransportStatus[] | undefined;
  readonly [detail: string]: unknown;
}

type Receive = (message: IncomingMessage) => Promise<void>;

export interface HttpHandler {
  /** Answers a request. Never rejects. */
  readonly fetch: (request: Request) => Promise<Response>;
  /** From now on messages go to this receiver. */
  readonly open: (receive: Receive) => void;
  /** Takes no more questions. Resolves when those under way are answered. */
  readonly drain: () => Promise<void>;
}

interface Route {
  readonly methods: readonly string[];
  /** Whether health checks of a platform, which have no token, may ask. */
  readonly isPublic: boolean;
  readonly answer: (request: Request, url: URL) => Response | Promise<Response>;
}

const READING = ['GET', 'HEAD'];

/** Creates a handler for the routes of `openApiDocument`. Throws when an option is wrong. */
export function createHttpHandler(name: string, time: Time, options: HttpHandlerOptions): HttpHandler {
  const { agents, basePath = '', eventSource = false, maxActive = 256, heartbeatMs = 15_000 } = options;
  const { maxBodyBytes = 1024 * 1024, bodyTimeoutMs = 30_000 } = options;
  requireBasePath(basePath);
  requireCount('maxActive', maxActive, 1);
  requireCount('maxBodyBytes', maxBodyBytes, 1);
  requireTimeout('bodyTimeoutMs', bodyTimeoutMs);
  requireTimeout('heartbeatMs', heartbeatMs);
  const access = createHttpAccess(options);
  const names = new Set(agents.map((agent) => agent.name));
  const document = openApiDocument({ agents, basePath, eventSource, needsToken: options.token !== undefined });

  let receiver: Receive | undefined;
  let active = 0;
  /** The questions that are still being sent, oldest first. They do not count as active: a client may never finish. */
  const arriving = new Set<AbortController>();
  const waitingForIdle: (() => void)[] = [];
  const leave = (): void => {
    active -= 1;
    if (active === 0) for (const resolve of waitingForIdle.splice(0)) resolve();
  };

  const read = async (request: Request): Promise<ReadQuestion> => {
    const [oldest] = arriving;
    if (arriving.size >= maxActive && oldest !== undefined) callOff(oldest);
    const arrival = new AbortController();
    arriving.add(arrival);
    try {
      return await readQuestion(request, { maxBodyBytes, bodyTimeoutMs }, time, arrival.signal);
    } finally {
      arriving.delete(arrival);
    }
  };
  const callOff = (arrival: AbortController): void => {
    arriving.delete(arrival);
    arrival.abort();
  };

  const run = async (agent: string, request: Request, url: URL): Promise<Response> => {
    if (receiver === undefined) return problemResponse(STOPPING);
    if (active >= maxActive) return problemResponse(BUSY);
    const asked = request.method === 'GET' ? readQuery(url.searchParams) : await read(request);
    if (asked.status === 'refused') return problemResponse(asked.problem);
    // Both may have changed while the question arrived.
    const receive = receiver;
    if (receive === undefined) return problemResponse(STOPPING);
    if (active >= maxActive || asked.status === 'called-off') return problemResponse(BUSY);
    active += 1;
    let answered: AnsweredRun | undefined;
    try {
      const conversationId = asked.question.conversationId ?? globalThis.crypto.randomUUID();
      const question = { ...asked.question, conversationId };
      const isStopping = (): boolean => receiver === undefined;
      const forRun = { agent, question, transport: name, receive, isStopping };
      answered = acceptsEvents(request) ? streamRun(request, forRun, heartbeatMs, time) : answerRun(request, forRun);
      return await answered.response;
    } finally {
      if (answered === undefined) leave();
      else void answered.outcome.then(leave);
    }
  };

  const runRoute = (agent: string): Route => ({
    methods: eventSource ? ['POST', 'GET'] : ['POST'],
    isPublic: false,
    answer: (request, url) => {
      if (request.method === 'GET') {
        if (!acceptsEvents(request)) return problemResponse(ONLY_EVENTS);
        // A browser reconnects by itself after the end of a stream, which would ask the question again.
        if (request.headers.has('last-event-id')) return new Response(null, { status: 204 });
      }
      return run(agent, request, url);
    },
  });

  /** For those who may ask questions: whoever may only see whether it lives learns no names. */
  const detailsFor = (request: Request): Readonly<Record<string, unknown>> => {
    if (!access.isAuthorized(request)) return {};
    const { ready: _, ...details } = statusOf(options.status);
    return { agents: [...names], ...details };
  };

  const readiness = (request: Request): Response => {
    const status = statusOf(options.status);
    const state = receiver === undefined ? 'stopped' : status.ready === false ? 'unready' : 'ready';
    return jsonResponse(state === 'ready' ? 200 : 503, { ...detailsFor(request), status: state });
  };

  const fixedRoutes: ReadonlyMap<string, Route> = new Map([
    [
      '/healthz',
      {
        methods: READING,
        isPublic: true,
        answer: (request) => jsonResponse(200, { ...detailsFor(request), status: 'ok' }),
      },
    ],
    ['/readyz', { methods: READING, isPublic: true, answer: readiness }],
    ['/openapi.json', { methods: READING, isPublic: false, answer: () => jsonResponse(200, document) }],
  ]);

  const routeOf = ({ pathname }: URL): Route | Problem => {
    const path = pathname.startsWith(`${basePath}/`) ? pathname.slice(basePath.length) : '';
    const fixed = fixedRoutes.get(path);
    if (fixed !== undefined) return fixed;
    const agent = /^\/agents\/([^/]+)\/run$/.exec(path)?.[1];
    if (agent === undefined) return unknownRoute(basePath);
    const decoded = decode(agent);
    return decoded !== undefined && names.has(decoded) ? runRoute(decoded) : UNKNOWN_AGENT;
  };

  const answer = async (request: Request): Promise<Response> => {
    const url = new URL(request.url);
    const route = routeOf(url);
    const isRoute = 'answer' in route;
    if (request.method === 'OPTIONS') {
      const headers = access.preflightHeaders(request, isRoute ? route.methods.join(', ') : 'POST, GET');
      if (headers !== undefined) return new Response(null, { status: 204, headers });
    }
    if (!isRoute || !route.isPublic) {
      if (access.isForeign(request)) return problemResponse(FOREIGN);
      // Before it is said which agents there are.
      if (!access.isAuthorized(request)) return problemResponse(UNAUTHORIZED);
    }
    if (!isRoute) return problemResponse(route);
    if (!route.methods.includes(request.method)) return problemResponse(wrongMethod(route.methods));
    const response = await route.answer(request, url);
    return request.method === 'HEAD' ? new Response(null, response) : response;
  };

  return {
    open: (receive) => {
      receiver = receive;
    },
    drain: () => {
      receiver = undefined;
      for (const arrival of arriving) callOff(arrival);
      return active === 0 ? Promise.resolve() : new Promise((resolve) => waitingForIdle.push(resolve));
    },
    fetch: async (request) => {
      try {
        const response = await answer(request);
        for (const [header, value] of Object.entries(access.corsHeaders(request))) response.headers.set(header, value);
        return response;
      } catch (error) {
        process.emitWarning(`a request could not be answered: ${reasonOf(error)}`, 'FaultlineWarning');
        return problemResponse(FAILED);
      }
    },
  };
}

function requireBasePath(basePath: string): void {
  if (basePath === '' || /^(?:\/[^/?#]+)+$/.test(basePath)) return;
  throw new TypeError(`basePath must look like /api; got ${JSON.stringify(basePath)}`);
}

const EVENT_STREAM = /^\s*text\/event-stream\s*(?:;|$)/i;
/** A quality of zero: https://www.rfc-editor.org/rfc/rfc9110#name-quality-values */
const NOT_WANTED = /;\s*q=0(?:\.0*)?\s*(?:;|$)/i;

function acceptsEvents(request: Request): boolean {
  const ranges = (request.headers.get('accept') ?? '').split(',');
  return ranges.some((range) => EVENT_STREAM.test(range) && !NOT_WANTED.test(range));
}

/** As JSON would have it; what cannot be said is a detail that is missing, not a reason to take no questions. */
function statusOf(status: (() => HttpStatus) | undefined): HttpStatus {
  try {
    return JSON.parse(JSON.stringify(status?.() ?? {})) as HttpStatus;
  } catch {
    return {};
  }
}

function decode(component: string): string | undefined {
  try {
    return decodeURIComponent(component);
  } catch {
    return undefined;
  }
}
