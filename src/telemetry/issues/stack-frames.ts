import { homedir } from 'node:os';

import { remembering } from '../content/remembering.ts';
import { partsOf } from '../content/stack-lines.ts';
import { guard } from '../guard.ts';
import type { SentryFrame } from './sentry-event.ts';

/** Most frames that are kept of one stack: those nearest to where the error was thrown. */
const MAX_FRAMES = 50;

/** What decides whose code a file is, and what it is called. */
export interface CodePlaces {
  readonly workingDirectory: string;
  /** The folder of the user whose program this is. */
  readonly homeDirectory?: string | undefined;
  /** Folders with Faultline's own code, each with a slash at its end. */
  readonly ownFolders: readonly string[];
  /** Whether the program is built into one executable with Node, which calls its file as it was called when built. */
  readonly isSingleExecutable?: boolean;
}

/**
 * The frames that lines of a V8 stack tell of, oldest call first as Sentry wants them, at most 50.
 *
 * When Node runs with `--enable-source-maps` the text names the lines of the original sources already.
 * Nothing is read from disk: the lines of code around a frame would be a better story, but they are source
 * code that leaves the process, with the prompts that are written in it.
 *
 * @param lines newest call first
 */
export function parseFrames(lines: readonly string[], places?: CodePlaces): readonly Readonly<SentryFrame>[] {
  return lines
    .slice(0, MAX_FRAMES)
    .map(places === undefined ? knownFrame : (line) => parseFrame(line, places))
    .filter((frame) => frame !== undefined)
    .toReversed();
}

/** What fails once mostly fails again, at the same lines. */
const knownFrame = remembering((line) => parseFrame(line, thisProcess()));

/** One frame, or nothing when the line only looks like one. */
function parseFrame(line: string, places: CodePlaces): Readonly<SentryFrame> | undefined {
  const { name, place } = partsOf(line);
  const position = parseLocation(place);
  return position && { function: functionName(name), ...describeFile(position.path, places), ...position.numbers };
}

/** A function by one name, whatever the name of the property it was called through. */
function functionName(text: string): string {
  const alias = text.endsWith(']') ? text.lastIndexOf(' [as ') : -1;
  const name = alias === -1 ? text : text.slice(0, alias);
  if (name === '') return '<anonymous>';
  // A function without a name is known by nothing but that property.
  return alias === -1 ? name : name.replace(/<(?:anonymous|computed)>$/, text.slice(alias + 5, -1));
}

interface Position {
  readonly path: string;
  readonly numbers: { readonly lineno?: number; readonly colno?: number };
}

/** Places of code that has no file. */
const NO_FILE = /^(?:<anonymous>|native|index \d+|unknown location)$/;

function parseLocation(location: string): Position | undefined {
  const where = evalOrigin(location);
  if (NO_FILE.test(where)) return { path: where === 'native' ? where : '<anonymous>', numbers: {} };
  if (where.startsWith('wasm:')) return { path: where.replace(/:wasm-function.*/, ''), numbers: {} };
  const match = /^(.+?):(\d{1,9}):(\d{1,9})$/.exec(where);
  if (match === null) return undefined;
  return { path: match[1]!, numbers: { lineno: Number(match[2]), colno: Number(match[3]) } };
}

/** `eval at f (file:1:2), <anonymous>:3:4`: the place in a file that called `eval`, also through others. */
function evalOrigin(location: string): string {
  let origin = location;
  while (origin.startsWith('eval at ')) {
    const start = origin.indexOf(' (');
    const inside = origin.lastIndexOf('), ');
    const end = inside === -1 ? origin.lastIndexOf(')') : inside;
    if (start === -1 || end <= start) return '<anonymous>';
    origin = origin.slice(start + 2, end);
  }
  return origin;
}

/** Code that came from the command line or standard input. */
const FROM_COMMAND_LINE = /^\[(?:eval|stdin)\d*\]$/;

type File = Pick<SentryFrame, 'filename' | 'abs_path' | 'module' | 'in_app'>;

/** A script by a relative path. Texts that a program compiles may be called so, too. */
const BUILT_IN = /^[\w@.-][^:<>]*\.[cm]?js$/;

function describeFile(location: string, places: CodePlaces): File {
  const { ownFolders, isSingleExecutable = false } = places;
  // The location of a data URL is its whole source.
  if (location.startsWith('data:')) return { filename: `<${/^[^;,]{0,60}/.exec(location)![0]}>`, in_app: false };
  const path = filePath(location);
  const comparable = comparablePath(path);
  const short = shortPath(comparable, places);
  const npmPackage = npmPackageOf(comparable);
  return {
    filename: short,
    ...(short === path ? undefined : { abs_path: path }),
    ...(npmPackage === undefined ? undefined : { module: npmPackage }),
    in_app:
      (isFile(comparable) || FROM_COMMAND_LINE.test(path) || (isSingleExecutable && BUILT_IN.test(comparable))) &&
      npmPackage === undefined &&
      !isOfBundledPackages(comparable) &&
      !ownFolders.some((folder) => comparable.startsWith(folder)),
  };
}

/** A path for a `file:` URL, anything else as it is. Queries go: they name versions, and may hold tokens. */
function filePath(location: string): string {
  if (!/^[a-z][a-z0-9+.-]+:\//i.test(location)) return location;
  const url = location.replace(/[?#].*$/, '');
  if (!url.startsWith('file://')) return url;
  const path = url.slice('file://'.length);
  // `file:///C:/app` has a slash more than the path, `file://server/share` two less.
  const local = /^\/[a-z]:\//i.test(path) ? path.slice(1) : path.startsWith('/') ? path : `//${path}`;
  return guard(() => decodeURIComponent(local)) ?? local;
}

/** A path as all programs write it: editors write the letter of a drive small, Node and the system write it large. */
function comparablePath(path: string): string {
  return path.replaceAll('\\', '/').replace(/^[a-z]:(?=\/)/, (drive) => drive.toUpperCase());
}

/**
 * What stands before the paths of webpack, and before those of the archive an application of Electron is, also of that
 * for one kind of processor, and of the folder beside it with what cannot be in an archive.
 */
const BUNDLED =
  /^(?:webpack(?:-internal)?:\/\/(?:.*?\/\.\/|[^/]*\/)|.*\/app(?:-[\da-z]+)?\.asar(?:\.unpacked)?\/)(.+)$/;

/** Machines and users keep the same code in different folders, which must not make one failure look like many. */
function shortPath(path: string, { workingDirectory, homeDirectory = '/' }: CodePlaces): string {
  const bundled = BUNDLED.exec(path);
  if (bundled !== null) return bundled[1]!;
  const working = asFolder(workingDirectory);
  const home = asFolder(homeDirectory);
  // A user who has none is at home in the root.
  const isAtHome = home !== '/' && isIn(home, path);
  // The nearest of the two: a program may be started around the home of its user.
  const isNearerHome = isAtHome && home.length > working.length;
  if (isIn(working, path) && !isNearerHome) return path.slice(working.length);
  return isAtHome ? `~/${path.slice(home.length)}` : path;
}

function asFolder(path: string): string {
  const comparable = comparablePath(path);
  return comparable.endsWith('/') ? comparable : `${comparable}/`;
}

function isIn(folder: string, path: string): boolean {
  return path.startsWith(folder) && path.length > folder.length;
}

/** Code a bundler adds to what it bundles. */
const BUNDLER_RUNTIME = /^webpack(?:-internal)?:\/\/[^/]*\/(?:webpack\/|external )/;

/**
 * What Turbopack makes of packages alone. It calls a file by the folder that all in it comes from, where the first four
 * (Next.js 15: five) characters of a hash stand for all up to the last of several `node_modules`, as with pnpm. They also
 * stand for the beginning of a long name; of that at least 60 characters are left.
 */
const BUNDLED_PACKAGES =
  /\/(?:node_modules_[^/]*|chunks\/(?:ssr\/)?(?:[0-2][\da-z_-]{3}|(?=[a-f]*\d)[\da-f]{5})_[^/]{1,59}?(?:\._)?\.js)$/;

/** Whether a file is made of packages alone, and does not say which. */
export function isOfBundledPackages(filename: string): boolean {
  return BUNDLED_PACKAGES.test(filename);
}

function isFile(path: string): boolean {
  return /^(?:\/|\.{1,2}\/|[a-z]:\/|(?!node:|wasm:)[a-z][a-z0-9+.-]+:\/)/i.test(path) && !BUNDLER_RUNTIME.test(path);
}

function npmPackageOf(path: string): string | undefined {
  const folder = 'node_modules/';
  const start = path.lastIndexOf(folder);
  if (start === -1 || (start > 0 && path[start - 1] !== '/')) return undefined;
  const [first = '', second = ''] = path.slice(start + folder.length).split('/', 2);
  return first.startsWith('@') ? `${first}/${second}` : first;
}

let places: CodePlaces | undefined;

/** Read once: a program that changes its working directory later must not split its Issues. */
function thisProcess(): CodePlaces {
  places ??= {
    // It may have been deleted under the process.
    workingDirectory: guard(() => process.cwd()) ?? '/',
    // A user the system does not know has none.
    homeDirectory: guard(() => homedir()),
    ownFolders: ownFolders(import.meta.url),
    // Other runtimes have no such module.
    isSingleExecutable: guard(() => process.getBuiltinModule('node:sea').isSea()) ?? false,
  };
  return places;
}

/**
 * The folders whose frames are Faultline's. Those of the sources count as well, because with source maps that
 * is what the built files are called. None when this file was bundled into an application: nothing tells our
 * code from the application's then.
 */
function ownFolders(thisFile: string | undefined): readonly string[] {
  // A bundle in CommonJS does not know its own address.
  const path = comparablePath(filePath(thisFile ?? ''));
  const root = /^(.*\/)(?:(?:src|dist)\/telemetry\/issues\/stack-frames\.[jt]s|dist\/faultline\/[^/]+\.js)$/.exec(
    path,
  )?.[1];
  if (root === undefined) return [];
  const rooms = ['src', 'dist'].flatMap((built) => [`${built}/telemetry/`, `${built}/runtime/`]);
  return [...rooms, 'dist/faultline/'].map((folder) => `${root}${folder}`);
}
