/** `curl` as a process: a client nobody here wrote. */
import { spawn, type ChildProcessByStdio } from 'node:child_process';
import type { Readable } from 'node:stream';

/** A request under way. */
export interface RunningCurl {
  readonly child: ChildProcessByStdio<null, Readable, Readable>;
  /** Resolves as soon as what has arrived contains the text; rejects when the answer ends without it. */
  readonly arrived: (text: string) => Promise<void>;
  readonly finished: Promise<CurlAnswer>;
}

/** An answer as it came over the wire. */
export interface CurlAnswer {
  readonly status: number;
  /** By name in small letters. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

export interface Asking {
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON; a text as it is. Without it the request is a GET. */
  readonly body?: unknown;
}

/** Headers are a part of the answer, and what arrives is passed on at once. */
const FLAGS = ['--silent', '--show-error', '--include', '--no-buffer', '--noproxy', '*', '--max-time', '45'];

/** Asks for a URL. */
export function startCurl(url: string, { headers = {}, body }: Asking = {}): RunningCurl {
  const json = body === undefined ? {} : { 'content-type': 'application/json' };
  const child = spawn(
    'curl',
    [
      ...FLAGS,
      ...Object.entries({ ...json, ...headers }).flatMap(([name, value]) => ['-H', `${name}: ${value}`]),
      ...(body === undefined ? [] : ['-d', typeof body === 'string' ? body : JSON.stringify(body)]),
      url,
    ],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let output = '';
  let complaint = '';
  const waiting = new Set<() => void>();
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output += text;
    for (const check of waiting) check();
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => (complaint += text));
  const ended = new Promise<void>((resolve, reject) => {
    child.once('error', () => reject(new Error('curl is missing: apt-get install -y curl')));
    child.once('close', () => resolve());
  });
  const arrived = async (text: string): Promise<void> => {
    const seen = new Promise<void>((resolve) => {
      const check = (): void => {
        if (output.includes(text)) resolve();
      };
      waiting.add(check);
      check();
    });
    await Promise.race([seen, ended]);
    if (!output.includes(text)) throw new Error(`${text} did not arrive: ${complaint}${output}`);
  };
  return { child, arrived, finished: ended.then(() => parseAnswer(output)) };
}

/** Asks, and waits for the whole answer. */
export function curl(url: string, asking: Asking = {}): Promise<CurlAnswer> {
  return startCurl(url, asking).finished;
}

function parseAnswer(output: string): CurlAnswer {
  const [head = '', ...rest] = output.replace(/^(?:HTTP\/1\.1 1\d\d [^\r]*\r\n\r\n)+/, '').split('\r\n\r\n');
  const [statusLine = '', ...lines] = head.split('\r\n');
  return {
    status: Number(statusLine.split(' ')[1]),
    headers: Object.fromEntries(
      lines.map((line) => line.split(/: (.*)/s, 2)).map(([n = '', v = '']) => [n.toLowerCase(), v]),
    ),
    body: rest.join('\r\n\r\n'),
  };
}
