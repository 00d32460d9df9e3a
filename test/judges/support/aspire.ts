import { existsSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';

import { inject } from 'vitest';

import { ASPIRE_PACKAGE, INSTALL_FROM_NPM, MissingJudgeError } from './judge.ts';
import { startProgram } from './start-program.ts';

/** A span as the dashboard stored it. */
export interface StoredSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  /** OTLP numbers: 1 internal, 3 client. */
  readonly kind: number;
  readonly status?: { readonly code?: number; readonly message?: string };
  readonly attributes: StoredAttributes;
  readonly events?: readonly { readonly name: string; readonly attributes: StoredAttributes }[];
  readonly links?: readonly { readonly traceId: string; readonly spanId: string }[];
}

/** The dashboard gives every value back as text. */
export type StoredAttributes = readonly { readonly key: string; readonly value: { readonly stringValue?: string } }[];

/** Microsoft's Aspire dashboard, a receiver and viewer of OTLP. It takes no compression. */
export interface Aspire {
  /** `http://127.0.0.1:<port>/v1/traces` */
  readonly tracesUrl: string;
  /** `http://127.0.0.1:<port>/` */
  readonly otlpUrl: string;
  /** The spans it stored of a trace; none when it does not know the trace. */
  trace(traceId: string): Promise<readonly StoredSpan[]>;
  readonly stop: () => Promise<void>;
}

/** Starts the dashboard on free ports of this machine. With a key, it wants that in `x-otlp-api-key`. */
export async function startAspire(options: { readonly apiKey?: string } = {}): Promise<Aspire> {
  const scratch = inject('scratchDirectory');
  const dashboard = join(scratch, '.aspire/bundle/managed/aspire-managed');
  if (!existsSync(dashboard)) throw new MissingJudgeError(ASPIRE_PACKAGE, INSTALL_FROM_NPM);
  const auth =
    options.apiKey === undefined
      ? ['--Dashboard:Otlp:AuthMode=Unsecured']
      : ['--Dashboard:Otlp:AuthMode=ApiKey', `--Dashboard:Otlp:PrimaryApiKey=${options.apiKey}`];
  const { ready, stop } = await startProgram(dashboard, {
    args: [
      'dashboard',
      '--ASPNETCORE_URLS=http://127.0.0.1:0',
      '--ASPIRE_DASHBOARD_OTLP_HTTP_ENDPOINT_URL=http://127.0.0.1:0',
      '--ASPIRE_DASHBOARD_OTLP_ENDPOINT_URL=http://127.0.0.1:0',
      '--Dashboard:Frontend:AuthMode=Unsecured',
      '--Dashboard:Api:AuthMode=Unsecured',
      ...auth,
    ],
    env: {
      HOME: await mkdtemp(join(scratch, 'home-')),
      ASPIRE_DASHBOARD_TELEMETRY_OPTOUT: 'true',
      DOTNET_CLI_TELEMETRY_OPTOUT: '1',
    },
    whenReady(output) {
      const frontend = /Now listening on: (\S+)/.exec(output)?.[1];
      const otlp = /OTLP\/HTTP listening on: (\S+)/.exec(output)?.[1];
      return frontend === undefined || otlp === undefined ? undefined : { frontend, otlp };
    },
  });
  return {
    tracesUrl: `${ready.otlp}/v1/traces`,
    otlpUrl: `${ready.otlp}/`,
    trace: (traceId) => readTrace(ready.frontend, traceId),
    stop,
  };
}

interface StoredTrace {
  readonly data: {
    readonly resourceSpans: readonly { readonly scopeSpans: readonly { readonly spans: readonly StoredSpan[] }[] }[];
  };
}

async function readTrace(frontend: string, traceId: string): Promise<readonly StoredSpan[]> {
  const answer = await fetch(`${frontend}/api/telemetry/traces/${traceId}`);
  if (answer.status === 404) return [];
  if (!answer.ok) throw new Error(`the Aspire dashboard answered ${answer.status} when it was asked for a trace`);
  const { data } = (await answer.json()) as StoredTrace;
  return data.resourceSpans.flatMap(({ scopeSpans }) => scopeSpans.flatMap(({ spans }) => spans));
}
