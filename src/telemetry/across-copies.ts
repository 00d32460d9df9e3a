import { guard } from './guard.ts';

/**
 * What all copies of this package in one process have in common, such as those an application and a library have, that
 * Next.js bundles for `instrumentation.ts` and for routes, and that `tsx` loads by `require` and by `import`.
 *
 * It lives on the global object under a registered symbol, as the OpenTelemetry API does with its globals. The number
 * stands for the form of what is shared. Where nothing can be put on that object, each copy has its own.
 */
export function acrossCopies<T>(name: string, create: () => T): T {
  const slot = Symbol.for(`faultline.${name}.v1`);
  const holder = globalThis as { [slot]?: T };
  return guard(() => (holder[slot] ??= create())) ?? create();
}
