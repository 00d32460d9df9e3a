/** A CommonJS application. */
const { setupTracing, traceAgent, traceTool } = require('faultline');

const tracing = setupTracing();

async function main() {
  await traceAgent({ name: 'helper' }, async () => traceTool({ name: 'get_weather' }, async () => 21));
  const { status, exported } = await tracing.flush();
  console.log(JSON.stringify({ state: tracing.status.state, joined: tracing.status.joined, status, exported }));
}

void main();
