import { ok } from 'node:assert';
import { execFileSync } from 'node:child_process';
import { lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { MINIMAL_OTEL } from './minimal-otel.mjs';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

const MODULES = 'node_modules/';

const LIMIT_MB = 50;
const LIMIT_PACKAGES = 35;

/** What lands in `node_modules` of an application that installs Faultline and nothing else. */
export function measureInstallSize() {
  const directory = mkdtempSync(join(tmpdir(), 'faultline-install-size-'));
  try {
    const baseline = install(join(directory, 'minimal'), MINIMAL_OTEL.map(asInstalledHere));
    const [{ filename, size, unpackedSize }] = JSON.parse(
      npm(['pack', '--json', '--pack-destination', directory], ROOT),
    );
    const faultline = install(join(directory, 'faultline'), [join(directory, filename)]);
    ok(faultline.names.includes('faultline'), 'the package was not installed');
    return report(baseline, faultline, { size, unpackedSize });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** The version this repository is tested with. */
function asInstalledHere(name) {
  const { version } = JSON.parse(readFileSync(join(ROOT, 'node_modules', name, 'package.json'), 'utf8'));
  return `${name}@${version}`;
}

function npm(args, cwd) {
  const options = { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], shell: process.platform === 'win32' };
  return execFileSync('npm', args, options);
}

function install(directory, specifiers) {
  mkdirSync(directory);
  writeFileSync(join(directory, 'package.json'), '{ "private": true }');
  // `npm run` tells the npm inside it to work in this repository; the prefix says otherwise.
  const flags = [
    '--prefix',
    directory,
    '--omit=dev',
    '--ignore-scripts',
    '--no-audit',
    '--no-fund',
    '--prefer-offline',
  ];
  npm(['install', ...flags, ...specifiers], directory);
  const modules = join(directory, 'node_modules');
  const { packages } = JSON.parse(readFileSync(join(modules, '.package-lock.json'), 'utf8'));
  const names = Object.keys(packages).map((path) => path.slice(path.lastIndexOf(MODULES) + MODULES.length));
  return { names, megabytes: bytesOnDisk(modules) / 1024 ** 2 };
}

/** Whole blocks, as `du` counts: thousands of small files take more room than their content. */
function bytesOnDisk(path) {
  const stats = lstatSync(path);
  const own = stats.blocks * 512;
  if (!stats.isDirectory()) return own;
  return readdirSync(path).reduce((sum, entry) => sum + bytesOnDisk(join(path, entry)), own);
}

function report(baseline, faultline, tarball) {
  const row = (name, { megabytes, names }) => [name, megabytes.toFixed(1), String(names.length)];
  return {
    title: 'Installed size',
    compares: [
      '`npm install --omit=dev` of the packed package in an empty directory, the peer `@opentelemetry/api` included,',
      'beside the packages of minimal OpenTelemetry in the versions Faultline uses. Megabytes are blocks on disk.',
    ].join('\n'),
    columns: ['Installed', 'MB', 'packages'],
    rows: [row('minimal OpenTelemetry', baseline), row('Faultline', faultline)],
    targets: [
      {
        what: 'Faultline, size',
        limit: `≤ ${LIMIT_MB} MB`,
        measured: `${faultline.megabytes.toFixed(1)} MB`,
        met: faultline.megabytes <= LIMIT_MB,
      },
      {
        what: 'Faultline, packages',
        limit: `≤ ${LIMIT_PACKAGES}`,
        measured: String(faultline.names.length),
        met: faultline.names.length <= LIMIT_PACKAGES,
      },
    ],
    notes: [
      `The package itself is ${kilobytes(tarball.size)} kB packed and ${kilobytes(tarball.unpackedSize)} kB unpacked.`,
    ],
  };
}

function kilobytes(bytes) {
  return Math.round(bytes / 1000);
}
