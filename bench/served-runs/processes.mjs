/** The processes of the benchmark. They end with the one that started them, whichever way that ends. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url));
const METER = new URL('meter.mjs', import.meta.url).href;
const PROVIDER = fileURLToPath(new URL('provider.mjs', import.meta.url));
const CONFIG = fileURLToPath(new URL('faultline.yaml', import.meta.url));

/** A provider of models. */
export async function startProvider() {
  const child = fork(PROVIDER, { execArgv: [] });
  const [port] = await once(child, 'message');
  return { baseUrl: `http://127.0.0.1:${port}/v1`, stop: () => stop(child) };
}

/** `faultline serve` under a meter, with tracing to a URL, or without. */
export async function startServer({ baseUrl, tracesUrl }) {
  const child = fork(MAIN, ['serve', '--config', CONFIG, '--port', '0'], {
    execArgv: ['--expose-gc', '--import', METER],
    env: {
      PATH: process.env.PATH,
      GATEWAY_BASE_URL: baseUrl,
      ...(tracesUrl === undefined
        ? {}
        : { OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: tracesUrl, OTEL_BSP_SCHEDULE_DELAY: '500' }),
    },
    stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
  });
  const [line] = await once(child.stdout, 'data');
  return {
    url: `${/http:\S+/.exec(String(line))[0]}/agents/helper/run`,
    /** What was used since this was asked last. `collect` collects garbage first. */
    async measure({ collect = false } = {}) {
      child.send({ collect });
      const [measured] = await once(child, 'message');
      return measured;
    },
    stop: () => stop(child),
  };
}

async function stop(child) {
  const closed = once(child, 'close');
  child.kill('SIGTERM');
  await closed;
}
