/** What takes the place of Faultline in a program that is to run without it: helpers that only do the work. */
const HELPERS = `data:text/javascript,${encodeURIComponent(`
  const nothing = () => {};
  const work = (_, run) => run();
  export const setupTracing = () => ({ flush: async () => {} });
  export { work as traceAgent, work as traceTool };
  export { nothing as addBreadcrumb, nothing as setContext, nothing as setTag, nothing as setUser };
`)}`;

/** The source of a program for `runScript` as it would be without Faultline. */
export function withoutFaultline(source: string): string {
  return source.replaceAll(/DIST\/(?:index|telemetry\/spans)\.js/g, HELPERS);
}
