/**
 * Preloaded with `--import`, prints the URLs of all files a process has loaded when it ends, as JSON. The
 * debugger sees every script that is compiled, no matter whether it was imported or required.
 */
import { Session } from 'node:inspector';

const urls = new Set();
const session = new Session();
session.connect();
session.on('Debugger.scriptParsed', ({ params }) => {
  if (params.url.startsWith('file:') && !params.url.endsWith('[eval1]')) urls.add(params.url);
});
session.post('Debugger.enable');

process.on('exit', () => {
  urls.delete(import.meta.url);
  console.log(JSON.stringify([...urls]));
});
