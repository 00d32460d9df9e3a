import * as Sentry from '@sentry/node';

/** Sets the Sentry SDK up as it comes, with the spans and breadcrumbs Faultline makes by itself written by hand. */
export function setUpSentry(origin) {
  let sent = [];
  let isCapturing = true;
  let onSent = () => {};
  Sentry.init({
    dsn: `${origin.replace('://', '://key@')}/1`,
    tracesSampleRate: 1,
    transport(options) {
      const transport = Sentry.makeNodeTransport(options);
      return {
        ...transport,
        send(envelope) {
          const sending = transport.send(envelope);
          sent.push(sending);
          onSent();
          return sending;
        },
      };
    },
  });
  const step = (message, name) => {
    if (isCapturing) Sentry.addBreadcrumb({ category: 'gen_ai.tool', message: `${message} ${name}` });
  };
  return {
    makeIssues(isOn) {
      isCapturing = isOn;
    },
    traceAgent: (name, work) =>
      Sentry.withIsolationScope(() =>
        Sentry.startSpan({ name: `invoke_agent ${name}`, op: 'gen_ai.invoke_agent', attributes: agent(name) }, () => {
          try {
            return work();
          } catch (error) {
            if (isCapturing) Sentry.captureException(error, { tags: { agent: name } });
            throw error;
          }
        }),
      ),
    traceTool: (name, work) =>
      Sentry.startSpan({ name: `execute_tool ${name}`, op: 'gen_ai.execute_tool', attributes: tool(name) }, () => {
        step('started', name);
        try {
          return work();
        } finally {
          step('ended', name);
        }
      }),
    addBreadcrumb(breadcrumb) {
      if (isCapturing) Sentry.addBreadcrumb(breadcrumb);
    },
    setContext: Sentry.setContext,
    /** Resolves when traces and Issues have arrived. Asking `Sentry.flush()` would measure how often it looks. */
    async arrival() {
      const expected = isCapturing ? 2 : 1;
      await new Promise((resolve) => {
        onSent = () => sent.length >= expected && resolve();
        onSent();
      });
      await Promise.all(sent);
      sent = [];
    },
    end: () => Sentry.close(),
  };
}

function agent(name) {
  return { 'gen_ai.operation.name': 'invoke_agent', 'gen_ai.agent.name': name };
}

function tool(name) {
  return { 'gen_ai.operation.name': 'execute_tool', 'gen_ai.tool.name': name };
}
