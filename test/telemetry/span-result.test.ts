import { Readable } from 'node:stream';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import { trace } from '@opentelemetry/api';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';

import type { ReceivedSpan } from '../../src/receiver/received-span.ts';
import { traceAgent, traceChat, traceMemory, type ChatSpanOptions } from '../../src/telemetry/spans.ts';
import { inMemoryTelemetry, type InMemoryTelemetry } from '../../src/testing/in-memory-telemetry.ts';

const GPT: ChatSpanOptions = { model: 'gpt-5-mini', provider: 'openai' };
const ERROR = 2;
const UNSET = 0;

let telemetry: InMemoryTelemetry;
beforeAll(() => {
  telemetry = inMemoryTelemetry();
});
afterEach(() => telemetry.reset());
afterAll(() => telemetry.shutdown());

/** The only span that has ended. */
function ended(): ReceivedSpan {
  expect(telemetry.spans).toHaveLength(1);
  return telemetry.spans[0]!;
}

function expectSuccess(): void {
  expect(ended().status.code).toBe(UNSET);
  expect(ended().attributes).not.toHaveProperty('faultline.outcome');
}

async function collect<T>(values: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const value of values) all.push(value);
  return all;
}

/** A request as the SDKs of OpenAI and Anthropic make it: a promise that reads the answer when it is asked to. */
class ApiPromise<T> extends Promise<T> {
  readonly #answer: () => Promise<T>;
  #parsed: Promise<T> | undefined;

  constructor(answer: () => Promise<T>) {
    super((resolve) => resolve(undefined as T));
    this.#answer = answer;
  }
  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }
  _thenUnwrap<U>(change: (value: T) => U): ApiPromise<U> {
    return new ApiPromise(async () => change(await this.#parse()));
  }
  asResponse(): Promise<Response> {
    return this.#parse().then(() => new Response('raw'));
  }
  async withResponse(): Promise<{ readonly data: T; readonly response: Response }> {
    const [data, response] = await Promise.all([this.#parse(), this.asResponse()]);
    return { data, response };
  }
  #parse(): Promise<T> {
    this.#parsed ??= this.#answer();
    return this.#parsed;
  }
  // oxlint-disable-next-line unicorn/no-thenable -- a lazy thenable is what is tested
  override then<A = T, B = never>(
    onFulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    return this.#parse().then(onFulfilled, onRejected);
  }
}

/** A stream of the same SDKs: it can be read once, split and turned into bytes. */
class SdkStream {
  readonly #read: () => AsyncIterator<number>;

  constructor(read: () => AsyncIterator<number>) {
    this.#read = read;
  }
  static of(...values: number[]): SdkStream {
    return new SdkStream(async function* () {
      yield* values;
    });
  }
  tee(): [SdkStream, SdkStream] {
    const values = collect(this);
    const branch = (): SdkStream =>
      new SdkStream(async function* () {
        yield* await values;
      });
    return [branch(), branch()];
  }
  toReadableStream(): ReadableStream<number> {
    const source = this[Symbol.asyncIterator]();
    return new ReadableStream({
      async pull(controller) {
        const { done, value } = await source.next();
        if (done === true) controller.close();
        else controller.enqueue(value);
      },
    });
  }
  [Symbol.asyncIterator](): AsyncIterator<number> {
    return this.#read();
  }
}

async function* once(value: Promise<number>): AsyncGenerator<number> {
  yield await value;
}

/** What `messages.stream()` returns: events, promises of what comes of them, and an iterator. */
class EventStream {
  ended = false;
  readonly #listeners: ((text: string) => void)[] = [];
  readonly #work: Promise<void>;

  constructor(work: (emit: (text: string) => void) => Promise<void>) {
    this.#work = Promise.resolve()
      .then(() => work((text) => this.#listeners.forEach((listener) => listener(text))))
      .finally(() => (this.ended = true));
    this.#work.catch(() => {});
  }
  on(_event: 'text', listener: (text: string) => void): this {
    this.#listeners.push(listener);
    return this;
  }
  async emitted(_event: 'connect'): Promise<void> {}
  async finalMessage(): Promise<string> {
    await this.#work;
    return 'final';
  }
  async *[Symbol.asyncIterator](): AsyncGenerator<string> {
    yield await this.finalMessage();
  }
}

/** A streamed run of OpenAI's agents. */
class AgentRun {
  readonly #end: Promise<void>;

  constructor(end: Promise<void>) {
    this.#end = end;
    this.#end.catch(() => {});
  }
  get completed(): Promise<void> {
    return this.#end;
  }
  toNodeStream(): Readable {
    return Readable.from(['hello']);
  }
  async *[Symbol.asyncIterator](): AsyncGenerator<string> {
    yield 'hello';
  }
}

describe('a result that is read by methods of its own', () => {
  it('is an answer when it is read with its response, and counts as a turn', async () => {
    const answer = traceAgent({ name: 'helper' }, async () => {
      const { data, response } = await traceChat(GPT, () => new ApiPromise(async () => 42)).withResponse();
      expect(await response.text()).toBe('raw');
      return data;
    });
    expect(await answer).toBe(42);
    const [chat, agent] = telemetry.spans;
    expect(chat).toMatchObject({ name: 'chat gpt-5-mini', status: { code: UNSET } });
    expect(chat!.attributes).not.toHaveProperty('faultline.outcome');
    expect(agent!.attributes['faultline.turns']).toBe(1);
  });

  it.each(['withResponse', 'asResponse'] as const)('fails its span when %s fails', async (method) => {
    const error = Object.assign(new Error('too many requests'), { status: 429 });
    const request = traceChat(GPT, () => new ApiPromise(() => Promise.reject(error)));
    await expect(request[method]()).rejects.toBe(error);
    expect(ended()).toMatchObject({ status: { code: ERROR }, attributes: { 'error.type': '429' } });
  });

  it('is an answer when only its raw response is read, or a request made of it', async () => {
    await traceChat(GPT, () => new ApiPromise(async () => 42)).asResponse();
    expectSuccess();
    telemetry.reset();
    expect(await traceChat(GPT, () => new ApiPromise(async () => 42))._thenUnwrap((value) => value + 1)).toBe(43);
    expectSuccess();
  });

  it('is followed to its end when what came with the response is a stream', async () => {
    const { data } = await traceChat(GPT, () => new ApiPromise(async () => SdkStream.of(1, 2))).withResponse();
    expect(telemetry.spans).toHaveLength(0);
    expect(await collect(data)).toEqual([1, 2]);
    expectSuccess();
    expect(ended().attributes).toHaveProperty(['gen_ai.response.time_to_first_chunk']);
  });

  it('is followed into the branches of a stream, of which one may be left', async () => {
    const [left, right] = traceChat(GPT, () => SdkStream.of(1, 2)).tee();
    for await (const _ of left) break;
    expect(telemetry.spans).toHaveLength(0);
    expect(await collect(right)).toEqual([1, 2]);
    expectSuccess();
    telemetry.reset();
    for (const branch of traceChat(GPT, () => SdkStream.of(1, 2)).tee()) for await (const _ of branch) break;
    expect(ended().attributes['faultline.outcome']).toBe('aborted');
  });

  it('is followed into a web stream that is made of it', async () => {
    expect(await collect(traceChat(GPT, () => SdkStream.of(1, 2)).toReadableStream())).toEqual([1, 2]);
    expectSuccess();
  });

  it('is an answer when listeners hear it and its last word is waited for', async () => {
    const heard: string[] = [];
    const stream = traceChat(GPT, () => new EventStream(async (emit) => emit('hello')));
    await stream.emitted('connect');
    const listening = stream.on('text', (text) => heard.push(text));
    expect(listening).toBe(stream);
    expect(await listening.finalMessage()).toBe('final');
    expectSuccess();
  });

  it.each([
    ['has ended', () => Promise.resolve(), UNSET],
    ['has failed', () => Promise.reject(new Error('terminated')), ERROR],
  ] as const)('%s when it says so under `completed`, whoever reads it', async (_what, end, status) => {
    const run = traceAgent({ name: 'helper' }, () => new AgentRun(end()));
    expect(await collect(run.toNodeStream())).toEqual(['hello']);
    expect(telemetry.spans).toHaveLength(0);
    expect(run.completed).toBe(run.completed);
    await run.completed.catch(() => {});
    expect(ended().status.code).toBe(status);
  });

  it('ends when a web stream that is not of Node has been piped', async () => {
    const stream = traceAgent({ name: 'helper' }, () => ({
      pipeTo: async (to: WritableStream) => to.getWriter().write('hello'),
      async *[Symbol.asyncIterator]() {
        yield 'hello';
      },
    }));
    await expect(stream.pipeTo(new WritableStream())).resolves.toBeUndefined();
    expectSuccess();
  });

  it('is open when it says that it has completed before all of it is read', async () => {
    const run = traceAgent({ name: 'helper' }, () => new AgentRun(Promise.resolve()));
    for await (const _ of run) {
      await run.completed;
      expect(telemetry.spans).toHaveLength(0);
    }
    expectSuccess();
  });

  it('is open although its object is asked and told other things before and while it is read', async () => {
    const agent = traceAgent({ name: 'helper' }, () => ({
      models: async () => ['gpt-5-mini'],
      setModel: () => Promise.reject(new Error('no such model')),
      generate: async () => 'a part',
      async *[Symbol.asyncIterator]() {
        yield* [1, 2];
      },
    }));
    expect(await agent.models()).toEqual(['gpt-5-mini']);
    for await (const _ of agent) {
      await agent.setModel().catch(() => {});
      expect(await agent.generate()).toBe('a part');
      expect(telemetry.spans).toHaveLength(0);
    }
    expectSuccess();
  });

  it('leaves the promises of its methods what they are until they are waited for', async () => {
    const failed = Promise.reject(new Error('429'));
    failed.catch(() => {});
    const stream = traceChat(GPT, () => ({
      done: () => failed,
      async *[Symbol.asyncIterator]() {
        yield* [1];
      },
    }));
    expect(stream.done()).toBe(stream.done());
    expect(await collect(stream)).toEqual([1]);
    expectSuccess();
    await expect(stream.done()).rejects.toThrow('429');
  });

  it('does not read what a getter of its object would begin', async () => {
    let begun = 0;
    const stream = traceChat(GPT, () => ({
      get data() {
        begun += 1;
        return [];
      },
      async *[Symbol.asyncIterator]() {
        yield* [1];
      },
    }));
    expect(await collect(stream)).toEqual([1]);
    expect(begun).toBe(0);
    expectSuccess();
  });

  it('is open while the object says that it has not ended', async () => {
    let release!: () => void;
    const stream = traceChat(GPT, () => new EventStream(() => new Promise((resolve) => (release = resolve))));
    await stream.emitted('connect');
    expect(telemetry.spans).toHaveLength(0);
    release();
    await stream.finalMessage();
    expectSuccess();
  });

  it('leaves a rejection nobody handles to the process', async () => {
    const unhandled = new Promise((resolve) => process.once('unhandledRejection', resolve));
    const listeners = process.listeners('unhandledRejection').slice(0, -1);
    for (const listener of listeners) process.off('unhandledRejection', listener);
    void traceChat(GPT, () => new ApiPromise(() => Promise.reject(new Error('nobody cares')))).withResponse();
    expect(await unhandled).toMatchObject({ message: 'nobody cares' });
    for (const listener of listeners) process.on('unhandledRejection', listener);
  });
});

describe('a page of results', () => {
  class Page {
    readonly data = [1, 2];
    getNextPage(): void {}
    async *[Symbol.asyncIterator](): AsyncGenerator<number> {
      yield* this.data;
    }
  }

  it('is a value: its span ends when it comes, and it can be read twice', async () => {
    const page = await traceMemory({ store: 'files' }, async () => new Page());
    expectSuccess();
    expect(await collect(page)).toEqual([1, 2]);
    expect(await collect(page)).toEqual([1, 2]);
  });

  it('differs from a stream that can be read again, which is followed the first time', async () => {
    const numbers = {
      async *[Symbol.asyncIterator](): AsyncGenerator<number> {
        yield* [1, 2];
      },
    };
    const traced = traceChat(GPT, () => numbers);
    expect(telemetry.spans).toHaveLength(0);
    expect(await collect(traced)).toEqual([1, 2]);
    expectSuccess();
    expect(await collect(traced)).toEqual([1, 2]);
    expect(telemetry.spans).toHaveLength(1);
  });
});

describe('an object that throws when it is asked what it is', () => {
  const refuse = (): never => {
    throw new Error('ask me nothing');
  };

  it.each([
    ['as a proxy that has nothing but what is declared', new Proxy({}, { get: refuse })],
    ['as a proxy that lists nothing', new Proxy({}, { has: refuse })],
    ['as a proxy without a class', new Proxy({}, { getPrototypeOf: refuse })],
  ])('is a value, %s', (_, result) => {
    expect(
      Object.is(
        traceMemory({ store: 'rows' }, () => result),
        result,
      ),
    ).toBe(true);
    expectSuccess();
  });

  it('is a value, as a proxy that is revoked, also from a method of a result', async () => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    expect(traceMemory({ store: 'rows' }, () => proxy) === proxy).toBe(true);
    expectSuccess();
    telemetry.reset();
    const request = Object.assign(Promise.resolve('answer'), { parts: () => proxy });
    const traced = traceMemory({ store: 'rows' }, () => request);
    expect(traced.parts() === proxy).toBe(true);
    expect(await traced).toBe('answer');
    expectSuccess();
  });

  it('is a value, as a proxy without a class, also where a method of a result promises it', async () => {
    const answer = new Proxy({}, { getPrototypeOf: refuse });
    const request = Object.assign(Promise.resolve('answer'), { withResponse: () => Promise.resolve(answer) });
    const traced = traceMemory({ store: 'rows' }, () => request);
    expect((await traced.withResponse()) === answer).toBe(true);
    await traced;
    expectSuccess();
  });
});

describe('an object that is followed', () => {
  it('may have a method `next` that is not that of an iterator, as the cursor of a database has', async () => {
    class Cursor {
      readonly #rows = [1, 2];
      async next(): Promise<number | null> {
        return this.#rows.shift() ?? null;
      }
      async *[Symbol.asyncIterator](): AsyncGenerator<number> {
        yield* this.#rows;
      }
    }
    const byHand = traceMemory({ store: 'rows' }, () => new Cursor());
    expect([await byHand.next(), await byHand.next()]).toEqual([1, 2]);
    expect(telemetry.spans).toHaveLength(0);
    expect(await byHand.next()).toBeNull();
    expectSuccess();
    telemetry.reset();
    expect(await collect(traceMemory({ store: 'rows' }, () => new Cursor()))).toEqual([1, 2]);
    expectSuccess();
  });

  it('may be frozen, and is followed all the same', async () => {
    class Frozen {
      readonly #values = [1, 2];
      readonly size = (): number => this.#values.length;
      readonly [Symbol.asyncIterator] = (): AsyncIterator<number> =>
        SdkStream.of(...this.#values)[Symbol.asyncIterator]();
      first(): number {
        return this.#values[0]!;
      }
      constructor() {
        Object.freeze(this);
      }
    }
    const traced = traceChat(GPT, () => new Frozen());
    expect([traced.size(), traced.first(), Object.isFrozen(traced), traced instanceof Frozen]).toEqual([
      2,
      1,
      true,
      true,
    ]);
    expect(Object.keys(traced)).toEqual(['size']);
    expect(await collect(traced)).toEqual([1, 2]);
    expectSuccess();
  });

  it('may have single methods that cannot be replaced', async () => {
    const stream = SdkStream.of(1, 2) as SdkStream & { last: () => number; note?: string };
    Object.defineProperty(stream, 'last', { value: () => 2 });
    const traced = traceChat(GPT, () => stream);
    traced.note = 'mine';
    expect([traced.last(), stream.note, Object.keys(traced)]).toEqual([2, 'mine', ['note']]);
    expect(await collect(traced)).toEqual([1, 2]);
  });

  it('keeps its setters, classes, constructor, and methods that are the same each time', async () => {
    class Model {
      static readonly version = 1;
      readonly name = 'model';
    }
    class Stream extends SdkStream {
      #limit = 0;
      readonly Model = Model;
      readonly stop = Object.assign((): void => {}, { calls: 3 });
      get limit(): number {
        return this.#limit;
      }
      set limit(value: number) {
        this.#limit = value;
      }
    }
    const traced = traceChat(GPT, () => new Stream(() => SdkStream.of(1)[Symbol.asyncIterator]()));
    traced.limit = 5;
    expect(traced.limit).toBe(5);
    expect(traced.Model).toBe(Model);
    expect(traced.constructor).toBe(Stream);
    expect(traced.stop.calls).toBe(3);
    expect(Reflect.get(traced, 'tee')).toBe(Reflect.get(traced, 'tee'));
    await collect(traced);
  });

  it('takes an iterator of another kind that its user puts in place', async () => {
    const traced = traceChat(GPT, () => SdkStream.of(1, 2));
    const original = traced[Symbol.asyncIterator].bind(traced);
    traced[Symbol.asyncIterator] = async function* () {
      for await (const value of { [Symbol.asyncIterator]: original }) yield value * 10;
    };
    expect(await collect(traced)).toEqual([10, 20]);
    expectSuccess();
  });

  it('is broken off when it is disposed of before its end, inside its span', async () => {
    let seen: string | undefined;
    async function* numbers(): AsyncGenerator<number> {
      try {
        yield 1;
      } finally {
        seen = trace.getActiveSpan()?.spanContext().spanId;
      }
    }
    const source = numbers();
    const disposable = Object.assign(source, {
      async [Symbol.asyncDispose](): Promise<void> {
        await source.return(undefined);
      },
    });
    const traced = traceChat(GPT, () => disposable);
    await traced.next();
    await traced[Symbol.asyncDispose]();
    expect(ended().attributes['faultline.outcome']).toBe('aborted');
    expect(seen).toBe(ended().spanId);
  });
});

describe('a web stream or a promise of a kind of its own', () => {
  class NextStream extends ReadableStream<number> {
    #reader: ReadableStreamDefaultReader<number> | undefined;
    async next(): Promise<IteratorResult<number>> {
      this.#reader ??= this.getReader();
      return (await this.#reader.read()) as IteratorResult<number>;
    }
    static of(...values: number[]): NextStream {
      return new NextStream({
        start(controller) {
          for (const value of values) controller.enqueue(value);
          controller.close();
        },
      });
    }
  }

  it('keeps what its class adds, and is followed', async () => {
    const traced = traceChat(GPT, () => NextStream.of(1));
    expect(traced).toBeInstanceOf(NextStream);
    expect(await traced.next()).toEqual({ done: false, value: 1 });
    expect(await traced.next()).toEqual({ done: true, value: undefined });
    expectSuccess();
  });

  it('is followed through a reader and through what it is piped into', async () => {
    const reader = traceChat(GPT, () => NextStream.of(1)).getReader();
    expect((await reader.read()).value).toBe(1);
    expect((await reader.read()).done).toBe(true);
    expectSuccess();
    telemetry.reset();
    const piped = traceChat(GPT, () => NextStream.of(1, 2)).pipeThrough(new TransformStream<number, number>());
    expect(await collect(piped)).toEqual([1, 2]);
    expectSuccess();
    telemetry.reset();
    await traceChat(GPT, () => NextStream.of(1))
      .getReader()
      .cancel('enough');
    expect(ended().attributes['faultline.outcome']).toBe('aborted');
  });

  it.each([
    ['a class of its own', () => NextStream.of(1, 2)],
    ['what another one was piped through', () => NextStream.of(1, 2).pipeThrough(new TransformStream())],
    ['what is made of a list', () => ReadableStream.from([1, 2])],
  ])('is aborted, and has not failed, when what it is piped to goes away: %s', async (_, source) => {
    const gone = new TypeError('the client has closed the connection');
    const closing = new WritableStream({ write: () => Promise.reject(gone) });
    await expect(traceChat(GPT, source).pipeTo(closing)).rejects.toBe(gone);
    expect(ended().attributes['faultline.outcome']).toBe('aborted');
    expect(ended().status.code).toBe(UNSET);
    telemetry.reset();
    const leaving = AbortSignal.abort(gone);
    await expect(traceChat(GPT, source).pipeTo(new WritableStream(), { signal: leaving })).rejects.toBe(gone);
    expect(ended().attributes['faultline.outcome']).toBe('aborted');
    expect(ended().status.code).toBe(UNSET);
  });

  it('is free after it was piped, and read on where the pipe was told not to cancel it', async () => {
    const gone = new TypeError('the client has closed the connection');
    const stream = traceChat(GPT, () => NextStream.of(1, 2, 3));
    const closing = new WritableStream({ write: () => Promise.reject(gone) });
    await expect(stream.pipeTo(closing, { preventCancel: true })).rejects.toBe(gone);
    expect(await collect(stream)).toEqual([2, 3]);
    expectSuccess();
    expect(stream.locked).toBe(false);
  });

  it('has not failed when a pipe that was told not to cancel it stops while the next value is awaited', async () => {
    const leaving = new AbortController();
    let arrive: ((value: number) => void) | undefined;
    const waiting = new NextStream({
      async pull(controller) {
        controller.enqueue(await new Promise<number>((resolve) => (arrive = resolve)));
        controller.close();
      },
    });
    const stream = traceChat(GPT, () => waiting);
    const piped = stream.pipeTo(new WritableStream(), { preventCancel: true, signal: leaving.signal });
    leaving.abort();
    await expect(piped).rejects.toThrow('aborted');
    arrive?.(1);
    expect(await collect(stream)).toEqual([1]);
    expectSuccess();
  });

  it('has failed when it fails while it is piped', async () => {
    const error = new TypeError('socket closed');
    const stream = traceChat(GPT, () => new NextStream({ pull: () => Promise.reject(error) }));
    await expect(stream.pipeTo(new WritableStream())).rejects.toBe(error);
    expect(ended().attributes['error.type']).toBe('TypeError');
  });

  it('is aborted, and has not failed, at whichever moment of a value’s arrival its reader leaves', async () => {
    const source = (): ReadableStream<number> =>
      new ReadableStream({
        pull: (controller) => controller.enqueue(1),
        cancel: () => new Promise<void>((resolve) => setImmediate(resolve)),
      });
    for (let moments = 0; moments < 10; moments += 1) {
      telemetry.reset();
      const reader = traceChat(GPT, source).getReader();
      void reader.read();
      for (let moment = 0; moment < moments; moment += 1) await Promise.resolve();
      await reader.cancel();
      expect(ended().attributes['faultline.outcome']).toBe('aborted');
      expect(ended().status.code).toBe(UNSET);
    }
  });

  it('keeps a stream of bytes one, with readers that bring their own memory', async () => {
    const source = (): ReadableStream<Uint8Array> =>
      new ReadableStream({
        type: 'bytes',
        start(controller) {
          controller.enqueue(new Uint8Array([1, 2, 3]));
          controller.close();
        },
      });
    const reader = traceChat(GPT, source).getReader({ mode: 'byob' });
    expect((await reader.read(new Uint8Array(2))).value).toEqual(new Uint8Array([1, 2]));
    expect((await reader.read(new Uint8Array(2))).value).toEqual(new Uint8Array([3]));
    expect((await reader.read(new Uint8Array(2))).done).toBe(true);
    expectSuccess();
  });

  it('keeps what was put on a promise, which settles its span also when nobody waits', async () => {
    let cleared = 0;
    const work = Object.assign(Promise.resolve(42), { clear: () => void (cleared += 1) });
    const traced = traceChat(GPT, () => work);
    traced.clear();
    await work;
    expect(cleared).toBe(1);
    await Promise.resolve();
    expectSuccess();
    expect(await traced).toBe(42);
  });
});

describe('a stream whose signal is aborted', () => {
  it('is aborted also when it ends without an error', async () => {
    const controller = new AbortController();
    const numbers = async function* (): AsyncGenerator<number> {
      yield 1;
      if (!controller.signal.aborted) yield 2;
    };
    const received: number[] = [];
    for await (const value of traceChat({ ...GPT, signal: controller.signal }, numbers)) {
      received.push(value);
      controller.abort();
    }
    expect(received).toEqual([1]);
    expect(ended().attributes['faultline.outcome']).toBe('aborted');
    expect(ended().status.code).toBe(UNSET);
  });
});

describe('a result nobody holds', () => {
  setFlagsFromString('--expose-gc');
  const collectGarbage = runInNewContext('gc') as () => void;
  /** What is unreachable now is found after some turns of the event loop. */
  const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

  it('ends its span, which does not say that somebody aborted it', async () => {
    (() => void traceChat({ ...GPT, model: 'unread' }, () => SdkStream.of(1)))();
    const unread = (): ReceivedSpan | undefined => telemetry.spans.find(({ name }) => name === 'chat unread');
    while (unread() === undefined) {
      await turn();
      collectGarbage();
    }
    expect(unread()!.status.code).toBe(UNSET);
    expect(unread()!.attributes).not.toHaveProperty('faultline.outcome');
  });

  it.each([
    ['an answer', (answer: Promise<number>) => traceChat(GPT, () => new ApiPromise(() => answer))],
    ['its response', (answer: Promise<number>) => traceChat(GPT, () => new ApiPromise(() => answer)).withResponse()],
    ['a stream', (answer: Promise<number>) => collect(traceChat(GPT, () => new SdkStream(() => once(answer))))],
  ])('keeps its span open while it waits for %s', async (_what, read) => {
    let arrive!: (value: number) => void;
    const answer = new Promise<number>((resolve) => (arrive = resolve));
    const reading = (async () => void (await read(answer)))();
    for (let turns = 0; turns < 20; turns += 1) {
      await turn();
      collectGarbage();
    }
    expect(telemetry.spans).toHaveLength(0);
    arrive(1);
    await reading;
    expectSuccess();
  });
});
