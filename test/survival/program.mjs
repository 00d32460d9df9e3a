/** An agent program that ends in the way `ENDING` says: eleven runs, one failed tool, and the last run is not over. */
import { setupTracing } from '../../dist/index.js';
import { traceAgent, traceChat, traceTool } from '../../dist/telemetry/spans.js';

setupTracing({ captureUncaught: true });

const answer = async () => traceChat({ model: 'gpt-5-mini', provider: 'openai' }, async () => 'sunny');

for (let run = 1; run <= 10; run += 1) {
  await traceAgent({ name: 'forecaster' }, async () => {
    await answer();
    await traceTool({ name: 'get_weather' }, async () => {
      if (run === 5) throw new RangeError('no such place');
      return 21;
    }).catch(() => {});
  });
}

await traceAgent({ name: 'forecaster' }, async () => {
  await answer();
  await traceTool({ name: 'get_weather' }, async () => 21);
  if (process.env.ENDING === 'script ends') return;
  process.stdout.write('ready\n');
  await end();
});
process.stdout.write('ready\n');

/** Never comes back. */
function end() {
  switch (process.env.ENDING) {
    case 'process.exit()':
      return process.exit(0);
    case 'uncaught throw':
      setImmediate(() => {
        throw new Error('the program is broken');
      });
      break;
    case 'unhandled rejection':
      void Promise.reject(new Error('the program is broken'));
      break;
    default:
      setInterval(() => {}, 1_000);
  }
  return new Promise(() => {});
}
