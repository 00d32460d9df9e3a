/** An agent whose tool fails at the same place, each time with other ids in its message. */
import { randomUUID } from 'node:crypto';

import { setupTracing, traceAgent, traceTool } from '../../../../dist/index.js';

class OrderNotFoundError extends Error {
  name = 'OrderNotFoundError';
}

async function findOrder(id) {
  throw new OrderNotFoundError(`order ${id} of customer ${randomUUID()} was not found after ${id.length} attempts`);
}

const tracing = setupTracing();
for (const id of ['17', 'ord_8Kx2mPq4zR', randomUUID()]) {
  await traceAgent({ name: 'shop' }, () => traceTool({ name: 'find_order' }, () => findOrder(id)).catch(() => {}));
}
const { status, issues } = await tracing.shutdown();
console.log(JSON.stringify({ status, issues }));
