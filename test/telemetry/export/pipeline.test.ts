import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

import { InMemorySpanExporter, NodeTracerProvider, SimpleSpanProcessor } from '@opentelemetry/sdk-trace-node';
import { afterEach, describe, expect, it } from 'vitest';

// Loaded before the clock is turned, whose hours pass in less time than loading takes.
import '../../../src/telemetry/export/official-exporter.ts';
import { resolveConfig } from '../../../src/telemetry/config/resolve.ts';
import { createReporter } from '../../../src/telemetry/diagnostics.ts';
import { createPipeline, type Pipeline } from '../../../src/telemetry/export/pipeline.ts';
import { decodeTraceRequest } from '../../../src/receiver/otlp.ts';
import { turnedClock } from '../http/clocks.ts';

const OUTAGE_MS = 10 * 60_000;

let server: Server;
let pipeline: Pipeline;
afterEach(async () => {
  pipeline.close();
  await new Promise((resolve) => server.close(resolve));
});

describe('an outage of ten minutes', () => {
  it('loses nothing, is said in one line, and is not hammered at', async () => {
    const clock = turnedClock();
    const startedAtMs = clock.now();
    const ids: string[] = [];
    let attempts = 0;
    server = createServer((request, response) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk: Buffer) => chunks.push(chunk));
      request.on('end', () => {
        if (clock.now() - startedAtMs < OUTAGE_MS) {
          attempts += 1;
          response.writeHead(503).end();
          return;
        }
        ids.push(...decodeTraceRequest(Buffer.concat(chunks), 'json').map(({ spanId }) => spanId));
        response.setHeader('content-type', 'application/json').end('{}');
      });
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1/traces`;
    const config = resolveConfig({ endpoint, batch: { scheduleDelayMs: 1_000 } }, {}, () => {});
    const lines: string[] = [];
    pipeline = createPipeline(
      config.destinations[0]!,
      config,
      createReporter((message) => lines.push(message)),
      { clock },
    );

    const memory = new InMemorySpanExporter();
    const tracer = new NodeTracerProvider({ spanProcessors: [new SimpleSpanProcessor(memory)] }).getTracer('test');
    for (let index = 0; index < 2_000; index += 1) tracer.startSpan(`span ${index}`).end();
    for (const span of memory.getFinishedSpans()) pipeline.outlet(span, undefined);
    while (pipeline.status.exported < 2_000) {
      clock.turn(100);
      await new Promise((resolve) => setImmediate(resolve));
    }

    expect(new Set(ids)).toEqual(new Set(memory.getFinishedSpans().map((span) => span.spanContext().spanId)));
    expect(ids).toHaveLength(2_000);
    expect(clock.now() - startedAtMs).toBeGreaterThanOrEqual(OUTAGE_MS);
    // About every half minute, once it is known to last.
    expect(attempts).toBeLessThan(60);
    expect(lines).toEqual([expect.stringMatching(/^spans wait to be sent, because 127\.0\.0\.1:\d+ .*503/)]);
  });
});
