import { context as contextApi } from '@opentelemetry/api';

import { active, isSetUp } from './active.ts';
import { textOf } from './attributes/text.ts';
import { levelOf, type Breadcrumb } from './captured.ts';
import { defined } from './config/records.ts';
import { guard } from './guard.ts';
import { frameOf, type RunFrame } from './run-frame.ts';
import { Scope, type User } from './scope.ts';
import { acrossCopies } from './across-copies.ts';
import { wallClock } from './wall-clock.ts';

/** What is said outside of any run holds for the whole process. */
const processScope = acrossCopies('process-scope', () => new Scope());

/** @internal */
export function scopeOf(frame: RunFrame | undefined): Scope {
  return frame?.scope ?? processScope;
}

/**
 * Says whom the current work is for; `null` takes it back. Inside a run it holds for the run, outside for
 * the process. E-mail, name and address leave the process only with `SENTRY_SEND_DEFAULT_PII=true`.
 */
export function setUser(user: User | null): void {
  guard(() => currentScope()?.setUser(user));
}

/**
 * Sets a tag on Issues, and an attribute of the same name on the spans that start from now on. Inside a run it holds for
 * the run, outside for the process.
 */
export function setTag(name: string, value: string | number | boolean): void {
  guard(() => currentScope()?.setTag(name, value));
}

/**
 * Adds a block of facts to Issues, under a name of its own; `null` empties it. Inside a run it holds for the run, outside
 * for the process. It is sent without secrets and personal data; all else in it leaves the process.
 */
export function setContext(name: string, context: Readonly<Record<string, unknown>> | null): void {
  guard(() => currentScope()?.setContext(name, context));
}

/** Adds a step to what an Issue tells of the way to a failure. The newest hundred of a run are kept. */
export function addBreadcrumb(breadcrumb: Omit<Breadcrumb, 'timestampMs'>): void {
  if (active().issues === undefined) return;
  guard(() => currentScope()?.addBreadcrumb(readableBreadcrumb({ timestampMs: wallClock(), ...breadcrumb })));
}

/**
 * With a category and a message that are texts or absent, whatever was given for them: one with others would be left
 * out. And with a level that is one, or none: for any other a tracker may refuse the whole Issue.
 */
function readableBreadcrumb(given: Breadcrumb): Breadcrumb {
  const { category, message: said, level: important, ...others } = given;
  const level = levelOf(important);
  const isText = [category, said].every((each) => each === undefined || typeof each === 'string');
  if (isText && level === important) return given;
  return { ...others, ...defined({ category: textOf(category), message: textOf(said), level }) };
}

/**
 * The same for what begins with whatever comes next, and has its time: nobody asks the clock for it.
 *
 * @internal
 */
export function addBeginning(category: string, message: string): void {
  if (active().issues === undefined) return;
  guard(() => currentScope()?.addBreadcrumb({ category, message, level: 'info' }));
}

/** The scope of the code that is running now. Without tracing nothing is kept, so that nothing can pile up. */
function currentScope(): Scope | undefined {
  const frame = frameOf(contextApi.active());
  return frame === undefined && !isSetUp() ? undefined : scopeOf(frame);
}
