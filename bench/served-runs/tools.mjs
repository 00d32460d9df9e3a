import { defineTool } from 'faultline/runtime';
import { z } from 'zod';

export const lookUp = defineTool({
  name: 'look_up',
  description: 'Looks something up by its number.',
  input: z.object({ number: z.number() }),
  execute: async ({ number }) => {
    // As a tool that asks somebody else: the context of the run has to survive the wait.
    await new Promise((resolve) => setImmediate(resolve));
    return { found: `found ${number}` };
  },
});
