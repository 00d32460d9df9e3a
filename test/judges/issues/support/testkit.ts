import { loadPackage } from './packages.ts';

/** A report as the test kit understood it. */
export interface Report {
  readonly level: string;
  readonly tags: Readonly<Record<string, string>>;
  readonly originalReport: {
    readonly event_id: string;
    readonly transaction?: string;
    readonly contexts: { readonly trace?: { readonly trace_id: string; readonly span_id: string } };
    readonly exception: { readonly values: readonly ReportedException[] };
  };
}

export interface ReportedException {
  readonly type: string;
  readonly mechanism: { readonly type: string; readonly handled: boolean };
  readonly stacktrace: { readonly frames: readonly { readonly function: string; readonly filename: string }[] };
}

/** What is used of `sentry-testkit`. */
interface TestKitModule {
  (): {
    readonly testkit: { reports(): readonly Report[] };
    readonly localServer: { start(dsn: string): Promise<void>; stop(): Promise<void>; getDsn(): string };
  };
}

/** A stand-in for Sentry that other projects test their reports with. It takes no spans. */
export interface TestKit {
  readonly dsn: string;
  /** The reports received so far, oldest first. */
  reports(): readonly Report[];
  readonly stop: () => Promise<void>;
}

export async function startTestKit(): Promise<TestKit> {
  const createTestKit = loadPackage('sentry-testkit') as TestKitModule;
  const { testkit, localServer } = createTestKit();
  await localServer.start('http://acacaeaccacacacabcaacdacdacadaca@localhost/42');
  return { dsn: localServer.getDsn(), reports: () => testkit.reports(), stop: () => localServer.stop() };
}
