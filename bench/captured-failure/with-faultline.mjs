import { addBreadcrumb, setContext, setupTracing, traceAgent, traceTool } from '../../dist/index.js';
import { activate, active } from '../../dist/telemetry/active.js';

/** Sets tracing up. What fails becomes an Issue, or does not and all else stays as it is. */
export function setUpFaultline(origin) {
  const dsn = `${origin.replace('://', '://key@')}/1`;
  const tracing = setupTracing({ env: {}, endpoint: `${origin}/v1/traces`, dsn });
  const withIssues = active();
  const { issues: _, ...withoutIssues } = withIssues;
  return {
    makeIssues: (isOn) => activate(isOn ? withIssues : withoutIssues),
    traceAgent: (name, work) => traceAgent({ name }, work),
    traceTool: (name, work) => traceTool({ name }, work),
    addBreadcrumb,
    setContext,
    /** Resolves when traces and Issues have arrived. */
    async arrival() {
      const { status, reason } = await tracing.flush();
      if (status !== 'delivered') throw new Error(`Expected everything to be delivered, but ${reason}.`);
    },
    end: () => tracing.shutdown(),
  };
}
