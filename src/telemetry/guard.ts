/** Telemetry never changes the program: what goes wrong in here stays in here. */
export function guard<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}
