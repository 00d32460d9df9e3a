import { execFileSync } from 'node:child_process';
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { stackLines } from '../../../src/telemetry/content/stack-lines.ts';
import { parseFrames, type CodePlaces } from '../../../src/telemetry/issues/stack-frames.ts';
import type { SentryFrame } from '../../../src/telemetry/issues/sentry-event.ts';
import { traceTool } from '../../../src/telemetry/spans.ts';
import { runScript } from '../../support/run-script.ts';
import { fc } from '../../support/properties.ts';

const places = {
  workingDirectory: '/srv/app',
  homeDirectory: '/home/ada',
  ownFolders: ['/opt/faultline/dist/telemetry/'],
};

function parseStack(stack: string, where?: CodePlaces): readonly Readonly<SentryFrame>[] {
  return parseFrames(stackLines(stack), where);
}

/** The one frame of a stack with this line in it. */
function frameOf(line: string, where: CodePlaces = places): unknown {
  const frames = parseStack(`Error: broken\n    at ${line}\n`, where);
  expect(frames).toHaveLength(1);
  return frames[0];
}

describe('a frame of the application', () => {
  const inApp = { filename: 'src/tools.js', abs_path: '/srv/app/src/tools.js', lineno: 12, colno: 7, in_app: true };

  it.each([
    ['a function', 'lookup (/srv/app/src/tools.js:12:7)', 'lookup'],
    ['a method', 'Orders.find (/srv/app/src/tools.js:12:7)', 'Orders.find'],
    ['a constructor', 'new Orders (/srv/app/src/tools.js:12:7)', 'new Orders'],
    ['code after an await', 'async Orders.find (/srv/app/src/tools.js:12:7)', 'Orders.find'],
    ['a function without a name', '/srv/app/src/tools.js:12:7', '<anonymous>'],
    ['one without a name after an await', 'async file:///srv/app/src/tools.js:12:7', '<anonymous>'],
    ['one without a name that was mapped', '<anonymous> (/srv/app/src/tools.js:12:7)', '<anonymous>'],
    ['the body of a CommonJS module', 'Object.<anonymous> (/srv/app/src/tools.js:12:7)', 'Object.<anonymous>'],
    ['a module by its URL', 'lookup (file:///srv/app/src/tools.js:12:7)', 'lookup'],
    ['a module loaded with a query', 'lookup (file:///srv/app/src/tools.js?token=s3cret:12:7)', 'lookup'],
    ['a function called by another name', 'Orders.find [as execute] (/srv/app/src/tools.js:12:7)', 'Orders.find'],
    ['a nameless function in a property', 'Tool.<anonymous> [as execute] (/srv/app/src/tools.js:12:7)', 'Tool.execute'],
    ['a computed property', 'Tool.<computed> [as find] (/srv/app/src/tools.js:12:7)', 'Tool.find'],
    ['a property that is named by a text', 'find (all) of it (/srv/app/src/tools.js:12:7)', '<anonymous>'],
    ['a symbol', 'Orders.[Symbol.iterator] (/srv/app/src/tools.js:12:7)', 'Orders.[Symbol.iterator]'],
    ['an initializer', '<instance_members_initializer> (/srv/app/src/tools.js:12:7)', '<instance_members_initializer>'],
    [
      'text that was evaluated, where it was',
      'eval (eval at lookup (/srv/app/src/tools.js:12:7), <anonymous>:1:3)',
      'eval',
    ],
    [
      'text evaluated in evaluated text',
      'eval (eval at <anonymous> (eval at lookup (/srv/app/src/tools.js:12:7)), <anonymous>:1:3)',
      'eval',
    ],
  ])('is %s', (_, line, name) => {
    expect(frameOf(line)).toEqual({ ...inApp, function: name });
  });

  it.each([
    ['parentheses and spaces', 'f (/srv/app/a (b)/c d (1).js:1:2)', 'a (b)/c d (1).js', '/srv/app/a (b)/c d (1).js'],
    [
      'spaces, where text was evaluated',
      'f (eval at g (/srv/app/a b/c d.js:1:2), <anonymous>:3:4)',
      'a b/c d.js',
      '/srv/app/a b/c d.js',
    ],
    [
      'parentheses and spaces, where text was evaluated in evaluated text',
      'f (eval at <anonymous> (eval at g (/srv/app/a (b)/c.js:1:2)), <anonymous>:3:4)',
      'a (b)/c.js',
      '/srv/app/a (b)/c.js',
    ],
    ['an escaped URL', 'f (file:///srv/app/a%20(b)/100%25.js:1:2)', 'a (b)/100%.js', '/srv/app/a (b)/100%.js'],
    ['a URL nobody can decode', 'f (file:///srv/app/100%.js:1:2)', '100%.js', '/srv/app/100%.js'],
    [
      'a folder that is named like the one of packages',
      'f (/srv/app/my_node_modules/x.js:1:2)',
      'my_node_modules/x.js',
      '/srv/app/my_node_modules/x.js',
    ],
    ...[
      ['a number first', 'migrations/0001_init.js'],
      ['Turbopack', '.next/server/chunks/[root-of-the-server]__1a-s55cd8nqs1._.js'],
      ['Turbopack with a word first', '.next/server/chunks/lib_tools_ts_1noek_qnm44jj._.js'],
      [
        'Turbopack that was cut to its length',
        '.next/server/chunks/0rb7_-long-name-of-a-folder_and-one-more-long-folder_leaf_route_actions_1q1tjqq-d566g.js',
      ],
    ].map(([what, file]): [string, string, string, string] => [
      what!,
      `f (/srv/app/${file}:1:2)`,
      file!,
      `/srv/app/${file}`,
    ]),
    ['a folder like the working directory', 'f (/srv/app2/x.js:1:2)', '/srv/app2/x.js', undefined],
    ['the home of a user', 'f (/home/ada/.vscode/x.js:1:2)', '~/.vscode/x.js', '/home/ada/.vscode/x.js'],
    [
      'an archive of Electron, wherever it is mounted',
      'f (/tmp/.mount_AppX1y2z3/resources/app.asar/dist/x.js:1:2)',
      'dist/x.js',
      '/tmp/.mount_AppX1y2z3/resources/app.asar/dist/x.js',
    ],
    ['webpack', 'f (webpack://my-app/./src/x.ts?4f2a:1:2)', 'src/x.ts', 'webpack://my-app/./src/x.ts'],
    [
      'webpack while developing',
      'f (webpack-internal:///(rsc)/./src/x.ts:1:2)',
      'src/x.ts',
      'webpack-internal:///(rsc)/./src/x.ts',
    ],
    ['webpack in a scope', 'f (webpack://@me/app/./src/x.ts:1:2)', 'src/x.ts', 'webpack://@me/app/./src/x.ts'],
    ['an address', 'f (https://cdn.example/x.js?key=s3cret:1:2)', 'https://cdn.example/x.js', undefined],
    ['the command line', 'f ([eval]:1:2)', '[eval]', undefined],
  ])('may be in a path with %s', (_, line, filename, absolute) => {
    const path = absolute === undefined ? {} : { abs_path: absolute };
    expect(frameOf(line)).toEqual({ function: 'f', filename, ...path, lineno: 1, colno: 2, in_app: true });
  });

  it.each([
    ['as a path', 'f (C:\\code\\app\\src\\x.js:1:2)', 'C:\\code\\app\\src\\x.js'],
    ['as a URL', 'f (file:///C:/code/app/src/x.js:1:2)', 'C:/code/app/src/x.js'],
  ])('is named alike on Windows, %s', (_, line, absolute) => {
    expect(frameOf(line, { workingDirectory: 'C:\\code\\app', ownFolders: [] })).toEqual({
      function: 'f',
      filename: 'src/x.js',
      abs_path: absolute,
      lineno: 1,
      colno: 2,
      in_app: true,
    });
  });

  it.each([
    ['around the home of its user', '/', '/home/ada', '~/agent/x.js'],
    ['which is the home of its user', '/home/ada', '/home/ada', 'agent/x.js'],
    ['in the home of its user', '/home/ada/agent', '/home/ada', 'x.js'],
    ['beside the root, which is the home of a user without one', '/srv', '/', '/home/ada/agent/x.js'],
  ])('is named alike for all who start the program in a folder %s', (_, workingDirectory, homeDirectory, filename) => {
    const frame = frameOf('f (/home/ada/agent/x.js:1:2)', { workingDirectory, homeDirectory, ownFolders: [] });
    expect(frame).toMatchObject({ filename, in_app: true });
  });

  it.each(['c:\\Users\\Ada\\.vscode\\x.js', 'C:\\Users\\Ada\\.vscode\\x.js', 'file:///c:/Users/Ada/.vscode/x.js'])(
    'is named alike where a program writes the letter of a drive otherwise: %s',
    (path) => {
      for (const homeDirectory of ['C:\\Users\\Ada', 'c:\\Users\\Ada']) {
        const frame = frameOf(`f (${path}:1:2)`, {
          workingDirectory: 'C:\\Program Files',
          homeDirectory,
          ownFolders: [],
        });
        expect(frame).toMatchObject({ filename: '~/.vscode/x.js', in_app: true });
      }
    },
  );

  it('is named alike for all who have installed an application of Electron', () => {
    for (const archive of ['app.asar', 'app.asar.unpacked', 'app-arm64.asar']) {
      const frame = frameOf(`f (C:\\Users\\Ada L\\AppData\\Local\\app\\resources\\${archive}\\dist\\x.js:1:2)`);
      expect(frame).toMatchObject({ filename: 'dist/x.js', in_app: true });
    }
  });
});

describe('a frame of a single executable application', () => {
  const isInApp = (line: string, isSingleExecutable: boolean): unknown =>
    (frameOf(line, { ...places, isSingleExecutable }) as SentryFrame).in_app;

  it.each(['app.cjs', 'dist/app.js', 'C:\\work\\app.js'])('is of the application, in %s', (file) => {
    expect(isInApp(`lookup (${file}:1:2)`, true)).toBe(true);
  });

  it('is not one of Node or without a file', () => {
    expect(isInApp('lookup (node:internal/timers:1:2)', true)).toBe(false);
    expect(isInApp('lookup (evalmachine.<anonymous>:1:2)', true)).toBe(false);
  });

  it('is told from that of a text the program has compiled, where it is none', () => {
    expect(isInApp('lookup (sandbox.js:1:2)', false)).toBe(false);
  });
});

describe('a frame of somebody else', () => {
  it.each([
    ['Node', 'f (node:internal/process/task_queues:95:5)', { filename: 'node:internal/process/task_queues' }],
    ['the engine', 'Array.map (<anonymous>)', { function: 'Array.map', filename: '<anonymous>' }, false],
    ['native code', 'f (native)', { filename: 'native' }, false],
    ['a promise', 'async Promise.all (index 3)', { function: 'Promise.all', filename: '<anonymous>' }, false],
    ['a script without a file', 'f (evalmachine.<anonymous>:95:5)', { filename: 'evalmachine.<anonymous>' }],
    ['WebAssembly', 'f (wasm://wasm/x-1a:wasm-function[3]:0x1b)', { filename: 'wasm://wasm/x-1a' }, false],
    [
      'a package',
      'f (/srv/app/node_modules/pg/lib/client.js:95:5)',
      {
        filename: 'node_modules/pg/lib/client.js',
        abs_path: '/srv/app/node_modules/pg/lib/client.js',
        module: 'pg',
      },
    ],
    [
      'a package as pnpm stores it',
      'f (/srv/app/node_modules/.pnpm/@x+y@1.0.0/node_modules/@x/y/z.js:95:5)',
      {
        filename: 'node_modules/.pnpm/@x+y@1.0.0/node_modules/@x/y/z.js',
        abs_path: '/srv/app/node_modules/.pnpm/@x+y@1.0.0/node_modules/@x/y/z.js',
        module: '@x/y',
      },
    ],
    ...[
      ['packages that Turbopack has bundled', 'ssr/node_modules_@ai-sdk_openai_0stl-tj8xsls7._.js'],
      ['packages of pnpm that it has bundled', 'node_modules__pnpm_1w3jjll6wlmsj._.js'],
      ['a package of pnpm that it has bundled', 'ssr/0n0s_next_dist_1bcyzwyqbnrmz._.js'],
      ['a file of a package of pnpm that it has bundled', '15sd_@vercel_oidc_dist_token_10ruti0t4fc3q.js'],
      ['a package of pnpm that it has bundled for Next.js 15', 'ssr/29c1c_next_dist_f1b3a9d0._.js'],
    ].map(([what, file]): [string, string, object] => [
      what!,
      `f (/srv/app/.next/server/chunks/${file}:95:5)`,
      { filename: `.next/server/chunks/${file}`, abs_path: `/srv/app/.next/server/chunks/${file}` },
    ]),
    [
      'Faultline',
      'f (/opt/faultline/dist/telemetry/spans.js:95:5)',
      { filename: '/opt/faultline/dist/telemetry/spans.js' },
    ],
    [
      'a bundler',
      'f (webpack://my-app/webpack/bootstrap:95:5)',
      { filename: 'webpack/bootstrap', abs_path: 'webpack://my-app/webpack/bootstrap' },
    ],
  ])('is one of %s', (_, line, file, hasPosition = true) => {
    const position = hasPosition ? { lineno: 95, colno: 5 } : {};
    expect(frameOf(line)).toEqual({ function: 'f', ...file, ...position, in_app: false });
  });

  it('does not give away a module that is its own URL', () => {
    expect(frameOf('data:text/javascript,const key = "s3cret";throw key:1:7')).toEqual({
      function: '<anonymous>',
      filename: '<data:text/javascript>',
      lineno: 1,
      colno: 7,
      in_app: false,
    });
  });
});

describe('a stack', () => {
  const names = (stack: string): readonly string[] => parseStack(stack, places).map((frame) => frame.function);

  it('is told from the oldest call on', () => {
    expect(names('Error: x\n    at inner (/a.js:1:1)\n    at outer (/a.js:2:2)')).toEqual(['outer', 'inner']);
  });

  it('keeps the fifty frames nearest to where the error was thrown', () => {
    const { stackTraceLimit } = Error;
    Error.stackTraceLimit = 10_000;
    const lines = Array.from({ length: 10_000 }, (_, index) => `    at f${index} (/a.js:1:1)`);
    const kept = names(`Error: x\n${lines.join('\n')}`);
    Error.stackTraceLimit = stackTraceLimit;
    expect(kept).toEqual(Array.from({ length: 50 }, (_, index) => `f${49 - index}`));
  });

  // As Node maps the names of arrow functions that were bundled by webpack.
  it('is whole where functions are called by the word they begin with', () => {
    const arrow = '    at async (webpack://shop/src/tools.ts:5:63)';
    const caller = '    at async async (webpack://shop/src/main.ts:7:5)';
    const sync = '    at traceTool (/srv/app/main.js:4:188)';
    const places = (...lines: string[]) => parseStack(['Error: x', ...lines].join('\n')).map((frame) => frame.filename);
    expect(places(arrow, caller)).toEqual(['src/main.ts', 'src/tools.ts']);
    expect(places(arrow, sync, caller)).toEqual(['src/main.ts', '/srv/app/main.js', 'src/tools.ts']);
    expect(names(['Error: x', arrow, caller].join('\n'))).toEqual(['async', 'async']);
  });

  it('is not mixed up with one that the message quotes', () => {
    const printed = 'Error: inner\n    at quoted (/child.js:1:1)\n\nNode.js v20.20.2\n';
    expect(names(`Error: Command failed: node child.js\n${printed}\n    at real (/a.js:1:1)`)).toEqual(['real']);
  });

  it('has no frames where lines only look like some', () => {
    expect(parseStack('Error: the user said\n    at noon we meet\n    at 12:30', places)).toEqual([]);
    expect(parseStack('Error: the user said\n    at noon (/places/42:0x1b)', places)).toEqual([]);
    expect(parseStack('', places)).toEqual([]);
    expect(parseStack('\n', places)).toEqual([]);
    expect(parseStack('not a stack at all', places)).toEqual([]);
  });

  it('can be any text', () => {
    const piece = fc.oneof(
      fc.constantFrom(
        '    at ',
        '\n',
        ' (',
        ')',
        'async ',
        'eval at ',
        ':1:2',
        'file://',
        '[as ',
        'node_modules/',
        '<anonymous>',
      ),
      fc.string({ unit: 'binary' }),
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 20 }), (pieces) => {
        const frames = parseStack(pieces.join(''), places);
        expect(frames.length).toBeLessThanOrEqual(50);
        for (const { function: name, filename } of frames)
          expect(Math.max(name.length, filename.length)).toBeLessThan(300);
      }),
    );
  });
});

describe('a real error', () => {
  function failHere(): never {
    throw new Error('broken');
  }

  function stackOf(run: () => void): string {
    try {
      run();
      return 'it did not throw';
    } catch (error) {
      return (error as Error).stack ?? '';
    }
  }

  it('has the line that failed on top of what belongs to the application, below the span helper', () => {
    const frames = parseStack(stackOf(() => traceTool({ name: 'lookup' }, failHere)));
    expect(frames.at(-1)).toEqual({
      function: 'failHere',
      filename: 'test/telemetry/issues/stack-frames.test.ts',
      abs_path: import.meta.filename,
      lineno: expect.any(Number) as number,
      colno: expect.any(Number) as number,
      in_app: true,
    });
    const helper = frames.filter(({ filename }) => filename === 'src/telemetry/spans.ts');
    expect(helper.length).toBeGreaterThan(0);
    expect(helper.filter(({ in_app }) => in_app)).toEqual([]);
  });

  it('tells the built helper from the program as well', async () => {
    const { stdout } = await runScript(`
      import { traceTool } from 'DIST/telemetry/spans.js';
      import { stackLines } from 'DIST/telemetry/content/stack-lines.js';
      import { parseFrames } from 'DIST/telemetry/issues/stack-frames.js';
      const lookup = () => { throw new Error('broken'); };
      try { traceTool({ name: 'lookup' }, lookup); } catch (error) {
        const frames = parseFrames(stackLines(error.stack));
        console.log(JSON.stringify({
          application: frames.filter((frame) => frame.in_app).map((frame) => frame.function + ' ' + frame.filename),
          others: [...new Set(frames.filter((frame) => !frame.in_app).map((frame) => frame.filename.split('/').at(-1)))],
        }));
      }
    `);
    expect(JSON.parse(stdout)).toEqual({
      application: ['<anonymous> script.mjs', 'lookup script.mjs'],
      others: expect.arrayContaining(['helpers.js']) as unknown,
    });
  });

  it('points into the TypeScript sources when Node runs with source maps', () => {
    const folder = realpathSync(mkdtempSync(join(tmpdir(), 'faultline-maps-')));
    try {
      writeFileSync(join(folder, 'package.json'), '{"type":"module"}');
      writeFileSync(
        join(folder, 'main.ts'),
        [
          'interface Order { readonly id: number }',
          '',
          'async function lookup(order: Order): Promise<never> {',
          '  await null;',
          '  throw new Error(`no order ${order.id}`);',
          '}',
          '',
          'class Agent { async run(): Promise<void> { await lookup({ id: 1 }); } }',
          '',
          'await new Agent().run().catch((error: Error) => console.log(error.stack));',
        ].join('\n'),
      );
      const compiler = join(import.meta.dirname, '../../../node_modules/typescript/bin/tsc');
      const options = ['--module', 'nodenext', '--target', 'es2022', '--lib', 'es2023,dom', '--types', ''];
      execFileSync(process.execPath, [compiler, ...options, '--sourceMap', '--outDir', 'out', 'main.ts'], {
        cwd: folder,
      });
      const stack = execFileSync(process.execPath, ['--enable-source-maps', 'out/main.js'], {
        cwd: folder,
        encoding: 'utf8',
      });
      const path = { filename: 'main.ts', abs_path: join(folder, 'main.ts'), in_app: true };
      const frames = parseStack(stack, { workingDirectory: folder, ownFolders: [] });
      expect(frames.slice(-2)).toEqual([
        { function: 'Agent.run', ...path, lineno: 8, colno: 44 },
        { function: 'lookup', ...path, lineno: 5, colno: 9 },
      ]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
