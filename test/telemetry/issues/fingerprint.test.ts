import { describe, expect, it } from 'vitest';

import { AllModelsFailedError } from '../../../src/runtime/errors.ts';
import { strictPolicy } from '../../../src/telemetry/content/policy.ts';
import { failureFingerprint, messageFingerprint } from '../../../src/telemetry/issues/fingerprint.ts';
import { fc } from '../../support/properties.ts';

const application = { function: 'lookup', filename: 'src/tools.ts', lineno: 12, colno: 7, in_app: true };
const library = {
  function: 'Client.query',
  filename: 'node_modules/pg/lib/client.js',
  module: 'pg',
  lineno: 1,
  colno: 1,
  in_app: false,
};

const failure = {
  point: 'tool.execution',
  error: new Error('no order 12'),
  type: 'Error',
  message: 'no order 12',
  frames: [application, library],
  tags: {},
  redactor: strictPolicy().secretsRedactor,
} as const;

/** The pattern of a message, as it is part of the fingerprint. */
function pattern(message: string): string | undefined {
  return messageFingerprint(message, {})[1];
}

describe('the fingerprint of a failure', () => {
  it('is where it failed, its class, and the place in the application', () => {
    expect(failureFingerprint(failure)).toEqual(['tool.execution', 'Error', 'lookup in src/tools.ts']);
  });

  it('says when the application captured it by itself', () => {
    expect(failureFingerprint({ ...failure, point: undefined })[0]).toBe('captured');
  });

  it('is that of the nearest frame of the application, whatever it called', () => {
    const caller = { ...application, function: 'run', filename: 'src/main.ts' };
    expect(failureFingerprint({ ...failure, frames: [caller, application, library] })).toEqual(
      failureFingerprint(failure),
    );
  });

  it('stays the same when lines move and messages differ', () => {
    const moved = { ...application, lineno: 99, colno: 1 };
    expect(failureFingerprint({ ...failure, frames: [moved], message: 'no order 13' })).toEqual(
      failureFingerprint(failure),
    );
  });

  it('stays the same when a bundle is built again', () => {
    const inChunk = (filename: string): readonly string[] =>
      failureFingerprint({ ...failure, frames: [{ ...application, filename }] });
    expect(inChunk('dist/tools-4f2a9c01.js')).toEqual(inChunk('dist/tools-b7710e3d.js'));
    expect(inChunk('dist/chunk-4YZ3QWXK.js')).toEqual(inChunk('dist/chunk-LQ5MZ7TA.js'));
    expect(inChunk('dist/tools-DUrgpLKA.js')).toEqual(inChunk('dist/tools-B_242knM.js'));
    expect(inChunk('dist/server/chunks/agent_Bra0GOwc.mjs')).toEqual(inChunk('dist/server/chunks/agent_Ca-lNX_6.mjs'));
    expect(inChunk('chunks/agent_Bra0GOwc.mjs')).not.toEqual(inChunk('chunks/tools_Bra0GOwc.mjs'));
    for (const [first, second] of [
      ['_0_8qb768eg4op._', '_1w96xjtbv6y5k._'],
      ['[root-of-the-server]__08gq398yvta-z._', '[root-of-the-server]__1-4bgjdyahdbd._'],
      ['ssr/app_page_tsx_1noek_qnm44jj._', 'ssr/app_page_tsx_0hhsz1jew5ls7._'],
    ]) {
      expect(inChunk(`.next/server/chunks/${first}.js`)).toEqual(inChunk(`.next/server/chunks/${second}.js`));
    }
    expect(inChunk('dist/tools.js')).not.toEqual(inChunk('dist/memory.js'));
    expect(inChunk('src/read-calendar.js')).not.toEqual(inChunk('src/read-Timeline.js'));
    expect(inChunk('src/chat-agent-v2.js')).not.toEqual(inChunk('src/chat-tools-v2.js'));
    expect(inChunk('src/ask-s3-files.js')).not.toEqual(inChunk('src/ask-process1.js'));
    expect(inChunk('src/prompt_v1_words.js')).not.toEqual(inChunk('src/prompt_v2_words.js'));
  });

  it('stays the same when each release has a folder of its own', () => {
    const inFolder = (folder: string): readonly string[] =>
      failureFingerprint({ ...failure, frames: [{ ...application, filename: `srv/${folder}/dist/tools.js` }] });
    for (const [first, second] of [
      ['20261121120000', '20261122093000'],
      ['20261121T120000Z', '20261122T093000Z'],
      ['20261121-120000', '20261122-093000'],
      ['2026-11-21T12-00-00-123Z', '2026-11-22T09-30-00-456Z'],
      ['app-1.4.2', 'app-1.10.0'],
      ['v1.4.2', 'v2.0.0'],
      ['app-1.4.2-beta.1', 'app-1.4.2-rc.2'],
      ['app-1.4.2', 'app-1.5.0-SNAPSHOT'],
      ['app-1.4.2-worker', 'app-1.5.0-beta.1-worker'],
      ['1.4.2-3-g9b6d847', '1.4.2+build.5'],
      ['1.4.2-canary-9b6d847-20261121', '1.5.0-canary-c7614ed-20261122'],
      ['9b6d847', 'c7614ed'],
      ['20261121120000-9b6d847', '20261122093000-c7614ed'],
      ['app-9b6d847-2026-11-21T12-00-00Z', 'app-c7614ed-2026-11-22T09-30-00Z'],
      ['2026-11-21-9b6d847', '2026-11-22-c7614ed'],
      ['app-9b6d847_2026-11-21', 'app-c7614ed_2026-11-22'],
      ['9b6d8470c1a2', 'c7614ede5f05'],
      ['9b6d8470c1a2b3c4d5e6f708192a3b4c5d6e7f80', 'a614ede5f0577a7c1e6e3a0baf2fe2d2c0c3c2c1'],
      ['job-8c3f0c3e-9a41-4c55-9f6e-0d5b8f2f7a11', 'job-1f0a6c1b-2d3e-4f5a-8b7c-9d0e1f2a3b4c'],
    ] as const) {
      expect(inFolder(first)).toEqual(inFolder(second));
    }
    expect(inFolder('v1')).not.toEqual(inFolder('v2'));
    expect(inFolder('api/2024-01-01')).not.toEqual(inFolder('api/2025-01-01'));
    expect(inFolder('api/2024-01-01-preview')).not.toEqual(inFolder('api/2025-01-01-preview'));
    expect(inFolder('facade')).not.toEqual(inFolder('decade'));
    expect(inFolder('facade2')).not.toEqual(inFolder('decade2'));
    expect(inFolder('facade2-9b6d847')).not.toEqual(inFolder('decade2-9b6d847'));
    expect(inFolder('app-1.4.2-worker')).not.toEqual(inFolder('app-1.4.2-web'));
    expect(inFolder('1.4.2-agents')).not.toEqual(inFolder('1.4.2-tools'));
  });

  it('stays the same in a tool or a store when a bundle is minified again', () => {
    const inTool = (name: string, tags: Readonly<Record<string, string>> = { tool: 'book' }) =>
      failureFingerprint({ ...failure, tags, frames: [{ ...application, function: name }] });
    expect(inTool('sd')).toEqual(inTool('q'));
    expect(inTool('new sd')).toEqual(inTool('new q'));
    expect(inTool('sc.find')).toEqual(inTool('$.find'));
    expect(inTool('sc.find')).not.toEqual(inTool('sc.open'));
    expect(inTool('go.run', {})).toEqual(inTool('e.run', {}));
    expect(failureFingerprint({ ...failure, type: 'sd' })).toEqual(failureFingerprint({ ...failure, type: 'q' }));
    // Elsewhere nothing but the name tells where it failed.
    expect(inTool('sd', {})).not.toEqual(inTool('q', {}));
    expect(inTool('pay')).not.toEqual(inTool('get'));
  });

  it('is the message where no frame belongs to the application', () => {
    expect(failureFingerprint({ ...failure, frames: [library] })).toEqual(['tool.execution', 'Error', 'no order #']);
  });

  it('is the place in a package where no frame belongs to the application and the message is withheld', () => {
    const withheld = { ...failure, message: '[message withheld]' };
    const node = { ...application, function: 'emit', filename: 'node:events', in_app: false };
    expect(failureFingerprint({ ...withheld, frames: [library, node] }).slice(2)).toEqual(['Client.query in pg']);
    const ours = {
      ...library,
      function: 'runTool',
      filename: 'node_modules/faultline/dist/index.js',
      module: 'faultline',
    };
    for (const frames of [[node], [ours, node]]) {
      expect(failureFingerprint({ ...withheld, frames }).slice(2)).toEqual(['[message withheld]']);
    }
    const bundled = (name: string) => ({
      ...node,
      function: 'f',
      filename: `.next/server/chunks/ssr/${name}_0stl-tj8xsls7._.js`,
    });
    for (const name of ['node_modules_@ai-sdk_openai', '0n0s_@ai-sdk_openai']) {
      expect(failureFingerprint({ ...withheld, frames: [bundled(name), node] }).slice(2)).toEqual([
        `f in .next/server/chunks/ssr/${name}_#._.js`,
      ]);
    }
    for (const name of ['node_modules_faultline_dist', '0n0s_faultline_dist']) {
      expect(failureFingerprint({ ...withheld, frames: [bundled(name)] }).slice(2)).toEqual(['[message withheld]']);
    }
    const nameless = { ...library, function: '<anonymous>' };
    expect(failureFingerprint({ ...withheld, frames: [library, nameless] }).slice(2)).toEqual([
      '<anonymous> in pg',
      'Client.query in pg',
    ]);
    expect(failureFingerprint({ ...withheld, frames: [application, library] })).toEqual(failureFingerprint(failure));
  });

  it('tells classes of HTTP statuses and codes apart, and no other numbers or ids', () => {
    const ofError = (facts: object): readonly string[] =>
      failureFingerprint({ ...failure, error: Object.assign(new Error('no'), facts) });
    expect(ofError({ statusCode: 401 }).at(-1)).toBe('4xx');
    expect(ofError({ status: 429 })).toEqual(ofError({ status: 401 }));
    expect(ofError({ $metadata: { httpStatusCode: 429 } })).toEqual(ofError({ status: 401 }));
    expect(ofError({ lastError: { statusCode: 503 } })).toEqual(ofError({ status: 503 }));
    const wrapped = { '~brand': 'MiddlewareError', cause: { '~brand': 'MiddlewareError', cause: { status: 503 } } };
    expect(ofError(wrapped)).toEqual(ofError({ status: 503 }));
    expect(ofError({ cause: { status: 503 } })).toEqual(failureFingerprint(failure));
    expect(ofError({ status: 503 })).not.toEqual(ofError({ status: 401 }));
    expect(ofError({ code: 'ENOENT' })).toEqual(['tool.execution', 'Error', 'lookup in src/tools.ts', 'ENOENT']);
    expect(ofError({ code: 'EISDIR' })).not.toEqual(ofError({ code: 'ENOENT' }));
    for (const code of ['order-7', 'ord_8xKq2LmZ', 'A7', 'SAVE_50', 'EXKQZT', 23505, 'no such order', {}]) {
      expect(ofError({ code })).toEqual(failureFingerprint(failure));
    }
    expect(ofError({ code: '23505', severity: 'ERROR' }).at(-1)).toBe('23505');
    expect(ofError({ code: '57P01', severity: 'FATAL' }).at(-1)).toBe('57P01');
    expect(ofError({ code: 'P2002', name: 'PrismaClientKnownRequestError' }).at(-1)).toBe('P2002');
    expect(ofError({ code: -32_602 }).at(-1)).toBe('-32602');
    expect(ofError({ code: 'ERR_SQLITE_ERROR', errcode: 5 }).at(-1)).toBe('ERR_SQLITE_ERROR 5');
    const unreadable = {
      get code(): never {
        throw new Error('no');
      },
    };
    expect(failureFingerprint({ ...failure, error: unreadable })).toEqual(failureFingerprint(failure));
  });

  it('tells functions without names by who calls them, or else by what they say', () => {
    const anonymous = { ...application, function: 'Object.<anonymous>' };
    const inFrames = (...frames: (typeof application)[]): readonly string[] =>
      failureFingerprint({ ...failure, frames: [...frames, library] });
    const named = (name: string) => ({ ...application, function: name });
    expect(inFrames(named('main'), named('pay'), anonymous)).toEqual([
      'tool.execution',
      'Error',
      'Object.<anonymous> in src/tools.ts',
      'pay in src/tools.ts',
    ]);
    expect(inFrames(named('main'), named('search'), anonymous)).not.toEqual(inFrames(named('pay'), anonymous));
    expect(inFrames(anonymous, anonymous).slice(2)).toEqual(['Object.<anonymous> in src/tools.ts', 'no order #']);
    // As source maps of webpack call functions that begin with this word.
    for (const name of ['async', 'Object.async']) {
      expect(inFrames(named('pay'), named(name)).slice(2)).toEqual([`${name} in src/tools.ts`, 'pay in src/tools.ts']);
    }
    // As `tsc`, esbuild, and SWC and Babel write what goes on behind an `await` for ES2016, and bundlers join it.
    for (const name of ['fulfilled', 'rejected', '__awaiter', '__async', '_next', '_throw', 'asyncGeneratorStep$1']) {
      expect(inFrames(named(name), anonymous)).toEqual(inFrames(anonymous));
    }
    // One without a name in a tool that has one.
    const ofTool = { ...failure, frames: [anonymous], tags: { tool: 'book' } };
    expect(failureFingerprint({ ...ofTool, message: 'no seat in Rome' })).toEqual(
      failureFingerprint({ ...ofTool, message: 'no seat in Oslo' }),
    );
    // Whoever calls it.
    for (const tags of [{ tool: 'book' }, { memory_store: 'notes' }]) {
      expect(failureFingerprint({ ...failure, tags, frames: [named('search'), anonymous] })).toEqual(
        failureFingerprint({ ...failure, tags, frames: [named('pay'), anonymous] }),
      );
    }
  });

  it('tells agents, tools, stores and transports apart, but not whom they are for', () => {
    const tags = { agent: 'helper', tool: 'lookup', memory_store: 'user-8f14e45fceea', transport: 'cli', run_id: '1' };
    const others = { ...tags, memory_store: 'user-c9f0f895fb98', run_id: '2' };
    expect(failureFingerprint({ ...failure, tags })).toEqual([
      'tool.execution',
      'Error',
      'lookup in src/tools.ts',
      'agent:helper',
      'tool:lookup',
      'memory_store:user-#',
      'transport:cli',
    ]);
    expect(failureFingerprint({ ...failure, tags: others })).toEqual(failureFingerprint({ ...failure, tags }));
  });

  const ofChain = (...attempts: readonly (readonly [model: string, reason: string])[]): readonly string[] => {
    const error = new AllModelsFailedError(
      attempts.map(([model, reason]) => ({ model, reason, provider: 'openai', attempts: 2, error: new Error('x') })),
    );
    const point = 'model.fallback_exhausted';
    return failureFingerprint({ ...failure, point, error, type: error.name, tags: { agent: 'helper' } });
  };

  it('lists what each model of an exhausted chain failed with', () => {
    expect(ofChain(['gpt-4.1-2025-04-14', '429'], ['claude-sonnet-4-5', 'ModelTimeoutError'])).toEqual([
      'model.fallback_exhausted',
      'AllModelsFailedError',
      'claude-sonnet-4-5:ModelTimeoutError',
      'gpt-4.1-2025-04-14:4xx',
      'agent:helper',
    ]);
  });

  it('is bounded, however many models a chain has and however long their names are', () => {
    const names = Array.from(
      { length: 25 },
      (_, index) => `${String.fromCodePoint(97 + index)} ${'of one '.repeat(50)}`,
    );
    const models = ofChain(...names.map((name) => [name, '429'] as const)).slice(2, -1);
    expect(models.map((model) => [model[0], model.length])).toEqual(names.slice(0, 20).map(([first]) => [first, 200]));
  });

  it('does not multiply with the statuses, the order and the number of attempts of a chain', () => {
    const one = ofChain(['gpt-5', '500'], ['gpt-5', '503'], ['claude', '429']);
    expect(ofChain(['claude', '404'], ['gpt-5', '502'])).toEqual(one);
    expect(ofChain(['claude', '529'], ['gpt-5', '502'])).not.toEqual(one);
    expect(ofChain(['claude', '429'])).not.toEqual(one);
  });

  it('stays the same for a chain when the classes of what its models failed with are minified again', () => {
    expect(ofChain(['gpt-5', 'sd'], ['claude', '429'])).toEqual(ofChain(['gpt-5', 'q'], ['claude', '429']));
  });

  it.each([
    ['agents', 'worker-0', 'worker-19', (agent: string) => ({ tags: { agent } })],
    ['agents', 'worker-0d9f6c1e-7a6b-4c39-9d67-0a3c5b9e1f22', 'worker-1', (agent: string) => ({ tags: { agent } })],
    ['classes', 'Err7Lost', 'Err12Lost', (type: string) => ({ type })],
    ['functions', 'handler_7', 'handler_12', (name: string) => ({ frames: [{ ...application, function: name }] })],
  ])('is the same for %s named %s and %s', (_, one, other, named) => {
    const of = (name: string): readonly string[] => failureFingerprint({ ...failure, ...named(name) });
    expect(of(one)).toEqual(of(other));
    expect(of('booking')).not.toEqual(of(one));
  });

  it('falls back to the place for a chain it cannot read', () => {
    const unreadable = {
      get attempts(): never {
        throw new Error('no');
      },
    };
    for (const error of [unreadable, { attempts: 'none' }, { attempts: [null] }, { attempts: [] }]) {
      expect(failureFingerprint({ ...failure, error, type: 'AllModelsFailedError' })[2]).toBe('lookup in src/tools.ts');
    }
  });
});

describe('the names in a fingerprint', () => {
  const LOWER = 'abcdefghijklmnopqrstuvwxyz';
  const UPPER = LOWER.toUpperCase();
  const DIGITS = '0123456789';
  const drawn = (letters: string, length: number): fc.Arbitrary<string> =>
    fc
      .array(fc.constantFrom(...letters.split('')), { minLength: length, maxLength: length })
      .map((all) => all.join(''));
  const IDS: readonly (readonly [kind: string, id: fc.Arbitrary<string>])[] = [
    ['nanoid', drawn(`${LOWER}${UPPER}${DIGITS}_-`, 21)],
    ['ULID', drawn('0123456789ABCDEFGHJKMNPQRSTVWXYZ', 24).map((rest) => `01${rest}`)],
    ['cuid', drawn(LOWER + DIGITS, 16).map((rest) => `cmi8x3k2p${rest}`)],
    ['cuid2', drawn(LOWER + DIGITS, 23).map((rest) => `t${rest}`)],
    ['channel of Slack', drawn(UPPER + DIGITS, 7).map((rest) => `C0${rest}`)],
    ['user of Slack', drawn(UPPER + DIGITS, 9).map((rest) => `U0${rest}`)],
    ['tool call', drawn(LOWER + UPPER + DIGITS, 24).map((rest) => `call_${rest}`)],
    ['number of base 36', drawn(LOWER + DIGITS, 13)],
    ['UUID', fc.uuid()],
    ['hash', drawn('0123456789abcdef', 24)],
    [
      'e-mail address',
      fc.tuple(drawn(LOWER, 4), drawn(LOWER, 6)).map(([first, last]) => `${first}.${last}@${last}.example.com`),
    ],
  ];
  const PLACES: readonly ((id: string) => string)[] = [
    (id) => id,
    (id) => `worker-${id}`,
    (id) => `user:${id}:notes`,
    (id) => `support/${id}`,
  ];
  const of = (tags: Readonly<Record<string, string>>): string => failureFingerprint({ ...failure, tags }).join('\n');

  it.each(IDS)('are the same with any id in them: %s', (_, id) => {
    const ids = fc.sample(id, { numRuns: 80, seed: 20_261 });
    for (const named of PLACES) {
      expect([...new Set(ids.map((one) => of({ agent: named(one) })))]).toHaveLength(1);
      expect([...new Set(ids.map((one) => of({ memory_store: named(one) })))]).toHaveLength(1);
    }
  });

  it.each(IDS)('keep the words beside an id: %s', (_, id) => {
    const [one = '', other = ''] = fc.sample(id, { numRuns: 2, seed: 7 });
    expect(of({ agent: `worker-${one}` })).not.toBe(of({ agent: `planner-${other}` }));
    expect(of({ agent: `worker-${one}` })).toMatch(/^agent:worker-(?:call_)?#$/m);
  });

  it('are the same with short ids that have digits all over them', () => {
    expect(of({ agent: 'worker-k3j9x2' })).toBe(of({ agent: 'worker-zz81p0' }));
  });

  it('are the same with any id of Slack, old ones too', () => {
    expect(of({ agent: 'C1H9RESGL' })).toBe(of({ agent: 'U024BE7LH' }));
  });

  it('stay what they are where somebody has chosen them', () => {
    const names = `
      research-assistant getUserName2 CamelCaseAgent weather_v2 planner support.triage sql-analyst
      HTTPServerError PostgreSQLStore sqlite:notes pinecone/prod-index gpt4o agent-gpt4omini
      agent-gpt4turbo agent-o3mini agent-claude35sonnet gemini25flash oauth2client base64url utf8decoder
      sha256sum mp3converter Research-Assistant-V2 RESEARCHER2 TRANSLATOR2 long_term_memory kundenservice
      rechnungspruefung MyAgentXYZ assistente-de-pesquisa Übersetzungsagent 検索エージェント поиск-документов
      i18n-checker eu-west-1/orders LinkedInProspector YouTubeSummarizer xmlParser postgresqlAgent
      algorithm-explainer WhatsAppBot s3sync web3ai llama3b o3mini k8sops knowledgeBase
    `
      .trim()
      .split(/\s+/);
    expect(names.length).toBeGreaterThanOrEqual(40);
    // But for their numbers, as ever.
    expect(names.map((agent) => of({ agent }))).toEqual(
      names.map((agent) => `${of({})}\nagent:${agent.replace(/\d+/g, '#')}`),
    );
  });

  it('keep tools, stores and models apart whose names are made of abbreviations', () => {
    const names = `
      pgvector jwtVerify csvToXlsx xlsxToCsv tsvToCsv pdfToXlsx svgToPng pngToSvg wkhtmltopdf dnsLookup cdnPurge
      pgpVerify dbtRunner lmdbStore hdfsRead npmSearch HL7Parser md5hash ipv4lookup gpt4oAgent qwen3vl
      k8s_get_pods gcpStorage s3Upload x509Check rfc3339Parse llama3_70b o4-mini claude-haiku-4-5 mysql8 pg16 tmdb
      imdbSearch osmNominatim wttr yfinance xkcd ghPRReview jsonrpc2 utf8decode base64encode html2md md2pdf ffmpegRun
      sqlcmd kubectl grpcCall qdrant weaviate chromadb milvus lancedb redisvl neo4jVector bm25Search cosmosdb mssqlQuery
      gemini-2.5-flash-lite mixtral-8x7b mixtral8x22b bgeLargeEnV15 sdxlTurbo tts1hd gptoss20b qwen3vl32b phi4mini
      mcp-server-fetch firecrawlScrape playwrightMcp vpnStatus jwksFetch aes256encrypt uuidv4gen mp4tomp3 docx2txt
      xls2csv geojsonToWkt gpxToKml bz2decompress ipv6ping pnpmInstall jvmStats gdbTrace b2bLeads p2pTransfer k3sDeploy
      svnCommit JWTVerify S3UPLOADER K8SPODLIST T5ENCODER XMLRPCCall isbn13lookup icd10lookup secp256k1Sign pdf2htmlEX
      mkvToMp4 csvToParquet-mdToHtml fxRates-get_csvToXls
    `
      .trim()
      .split(/\s+/);
    expect(names.map((tool) => of({ tool }))).toEqual(
      names.map((tool) => `${of({})}\ntool:${tool.replace(/\d+/g, '#')}`),
    );
  });

  // So long that what looks at all of it for each of its letters would not come to an end.
  it.each(['a@', 'a-', 'aB-', '#.', '0', 'xQ7_'])('end also when they are made to be slow: of %s', (part) => {
    expect(of({ agent: part.repeat(1e6) }).length).toBeLessThan(1_000);
  });

  it('are read no further than a name is long', () => {
    expect(of({ agent: `${'0'.repeat(1e6)} planner` })).toBe(of({ agent: '0' }));
  });
});

describe('the pattern of a message', () => {
  it.each([
    ['Request failed with status code 500', 'Request failed with status code #'],
    ['took 1,234.5 ms of -7 and 1e+21', 'took # ms of # and #'],
    ['connect ECONNREFUSED 127.0.0.1:5432', 'connect ECONNREFUSED #'],
    ['no run 4f2a9c01 at 2026-11-20T19:38:39.728Z', 'no run # at #'],
    ['order 0d9f6c1e-7a6b-4c39-9d67-0a3c5b9e1f22 is gone', 'order # is gone'],
    ['tool call call_8xKq2LmZ was lost', 'tool call call_# was lost'],
    ['tool call call_abcdefghijklmnopqrstUVWX was lost', 'tool call call_# was lost'],
    ['session kqzvwtplmxbnrdsg gone', 'session # gone'],
    ['session KqZvWtPlMxBnRdSg gone', 'session # gone'],
    ['getUserAccountDetails of HTTPServerErrorException', 'getUserAccountDetails of HTTPServerErrorException'],
    ['ERR_MODULE_NOT_FOUND in DEPTH_ZERO_SELF_SIGNED_CERT', 'ERR_MODULE_NOT_FOUND in DEPTH_ZERO_SELF_SIGNED_CERT'],
    ['cannot read \'the\' "secret" `thing`', 'cannot read # # #'],
    ["can't find user 'bob's aunt' today", "can't find user # today"],
    ['unterminated "text that was cut off', 'unterminated #'],
    ['fetch of https://api.example/v1/x?id=7 failed', 'fetch of # failed'],
    ['no mail to ann.b+c@mail.example.com today', 'no mail to # today'],
    ['ids 1, 2, 3 are taken', 'ids # are taken'],
    ['TypeError in feedback-loop of the_agent', 'TypeError in feedback-loop of the_agent'],
    ['two\n  lines', 'two lines'],
  ])('of %j', (message, expected) => {
    expect(pattern(message)).toBe(expected);
  });

  it('never changes with the ids, numbers and quotes in it', () => {
    const words = fc.stringMatching(/^[a-z]{1,12}$/);
    const variable = fc.constantFrom<fc.Arbitrary<string>[]>(
      fc.oneof(fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true })).map(String),
      fc.uuid(),
      fc.stringMatching(/^[0-9a-f]{8,40}$/),
      fc.stringMatching(/^0x[0-9a-f]{1,16}$/),
      fc.stringMatching(/^[0-9A-HJKMNP-TV-Z]{24}[0-9]{2}$/),
      fc.stringMatching(/^call_[a-zA-Z0-9]{24}$/),
      fc.stringMatching(/^"[^"\n]{0,40}"$/),
      fc.webUrl({ withQueryParameters: true }).filter((url) => !/["'`<>]/.test(url)),
      fc.stringMatching(/^[a-z]{1,9}\.[a-z0-9]{1,9}@[a-z0-9]{1,9}\.(?:com|co\.uk)$/),
      fc.ipV4(),
      fc.date({ noInvalidDate: true, min: new Date(0), max: new Date(4e12) }).map((date) => date.toISOString()),
    );
    // Two messages from one template: the same words, and where ids stand, two ids of one kind.
    const messages = fc
      .array(
        fc.tuple(
          words,
          variable.chain((kind) => fc.tuple(kind, kind)),
        ),
        { minLength: 1, maxLength: 4 },
      )
      .map((parts) => [0, 1].map((side) => parts.map(([word, ids]) => `${word} ${ids[side]}`).join(' ')));
    fc.assert(
      fc.property(messages, ([one = '', other = '']) => {
        expect(pattern(one)).toBe(pattern(other));
      }),
      { numRuns: 500 },
    );
  });

  // So long that what looks at all of it for each of its letters would not come to an end.
  it.each(["'a ", 'a@', '"', 'a-', '#.', '000'])('ends also of a message made to be slow, of %s', (part) => {
    expect(pattern(part.repeat(1e6))!.length).toBeLessThanOrEqual(80);
  });

  it('is that of the beginning of a message', () => {
    expect(pattern(`${'0'.repeat(1e6)} seats left`)).toBe('#');
  });
});
