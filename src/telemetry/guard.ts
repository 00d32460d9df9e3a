/** Telemetry never changes the program: what goes wrong in here stays in here. */
export function guard<T>(work: () => T): T | undefined {
  try {
    return work();
  } catch {
    return undefined;
  }
}

/** A function to hand to an application: it answers nothing, whatever it is given and whatever goes wrong. */
export function guarded<Given>(work: (given: Given) => void): (given: Given) => void {
  return (given) => guard(() => work(given));
}
