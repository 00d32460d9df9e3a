import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import type { TestProject } from 'vitest/node';

import build from '../../support/build.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** Path of the packed package, as npm would publish it. */
    tarball: string;
  }
}

/** Builds and packs the package once per run. */
export default function pack(project: TestProject): () => void {
  build();
  const directory = mkdtempSync(join(tmpdir(), 'faultline-packed-'));
  const args = ['pack', '--ignore-scripts', '--json', '--pack-destination', directory];
  const [packed] = JSON.parse(execFileSync('npm', args, { encoding: 'utf8' })) as [{ filename: string }];
  project.provide('tarball', join(directory, packed.filename));
  return () => rmSync(directory, { recursive: true });
}
