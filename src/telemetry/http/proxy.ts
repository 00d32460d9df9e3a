import type { Environment } from '../config/environment.ts';
import type { Reporter } from '../diagnostics.ts';
import { nodeModules } from './node-modules.ts';

/** A proxy requests go through. */
export interface Proxy {
  /** Holds no user name or password. */
  readonly url: string;
  /** With the port, unless it is the usual one of the protocol. */
  readonly host: string;
  /** The environment variable that names the proxy. */
  readonly variable: string;
  /** What `Proxy-Authorization` must hold. Never to be shown. */
  readonly authorization?: string;
}

/**
 * The proxy the environment names for a URL, or `undefined` for none: `HTTPS_PROXY` for https URLs, `HTTP_PROXY` for
 * http URLs, then `ALL_PROXY`; lower case first. A proxy without a protocol is an http one.
 *
 * `NO_PROXY` lists what is reached without a proxy, separated by commas or spaces: hosts, which stand for everything
 * below them too, addresses, address ranges as `10.0.0.0/8`, each with `:port` if only that is meant; `*` is
 * everything. This machine itself is never reached through a proxy. A proxy that cannot be used is said, and not used.
 *
 * @see https://pkg.go.dev/golang.org/x/net/http/httpproxy#Config whose rules these are
 */
export function proxyFor(url: string, environment: Environment, report: Reporter): Proxy | undefined {
  const target = new URL(url);
  const named = variableFor(target.protocol, environment);
  if (named === undefined || isLoopback(target) || isExempt(target, environment)) return undefined;
  const proxy = readProxy(named);
  if (proxy === undefined) {
    report({
      key: named.variable,
      message: `${named.variable} must be the URL of an http or https proxy such as http://proxy.example:3128, but is not: requests go without it.`,
    });
  }
  return proxy;
}

interface NamedProxy {
  readonly variable: string;
  readonly value: string;
}

function variableFor(protocol: string, environment: Environment): NamedProxy | undefined {
  return named(protocol === 'https:' ? 'https_proxy' : 'http_proxy', environment) ?? named('all_proxy', environment);
}

function named(lowerCase: string, environment: Environment): NamedProxy | undefined {
  for (const variable of [lowerCase, lowerCase.toUpperCase()]) {
    const value = environment[variable]?.trim() ?? '';
    if (value !== '') return { variable, value };
  }
  return undefined;
}

function readProxy({ variable, value }: NamedProxy): Proxy | undefined {
  const text = value.includes('://') ? value : `http://${value}`;
  const parsed = URL.canParse(text) ? new URL(text) : undefined;
  if (parsed === undefined || !/^https?:$/.test(parsed.protocol)) return undefined;
  const { protocol, host, username, password } = parsed;
  const proxy = { url: `${protocol}//${host}`, host, variable };
  if (username === '' && password === '') return proxy;
  const credentials = Buffer.from(`${decoded(username)}:${decoded(password)}`).toString('base64');
  return { ...proxy, authorization: `Basic ${credentials}` };
}

/** A password with a stray `%` is taken as it is. */
function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

/**
 * Whom the certificate of a proxy that is spoken to over TLS must name: Node would take whom a request names as its
 * host. Empty for an address.
 */
export function proxyServerName({ url }: Proxy): string {
  const { hostname } = new URL(url);
  return nodeModules.net.isIP(unbracketed(hostname)) === 0 ? hostname : '';
}

function isLoopback({ hostname }: URL): boolean {
  const host = unbracketed(hostname);
  return host === 'localhost' || host.endsWith('.localhost') || host === '::1' || /^127\.\d+\.\d+\.\d+$/.test(host);
}

function isExempt(target: URL, environment: Environment): boolean {
  const entries = (named('no_proxy', environment)?.value ?? '').toLowerCase().split(/[\s,]+/);
  return entries.some((entry) => entry !== '' && covers(entry, target));
}

/** Whether an entry of `NO_PROXY` covers a URL. */
function covers(entry: string, { protocol, hostname, port }: URL): boolean {
  if (entry === '*') return true;
  const host = unbracketed(hostname);
  if (entry.includes('/')) return isInRange(host, entry);
  // Of the colons in a bare IPv6 address none is before a port.
  const [, name = entry, onlyPort] = nodeModules.net.isIP(entry) === 6 ? [] : (/^(.*?)(?::(\d+))?$/.exec(entry) ?? []);
  if (onlyPort !== undefined && onlyPort !== (port === '' ? USUAL_PORTS[protocol] : port)) return false;
  const domain = unbracketed(name).replace(/^\*?\./, '');
  return host === domain || (nodeModules.net.isIP(host) === 0 && host.endsWith(`.${domain}`));
}

const USUAL_PORTS: Readonly<Record<string, string>> = { 'http:': '80', 'https:': '443' };

function isInRange(host: string, range: string): boolean {
  const family = FAMILIES[nodeModules.net.isIP(host)];
  const [network = '', bits = ''] = range.split('/');
  if (family === undefined || FAMILIES[nodeModules.net.isIP(network)] !== family || !/^\d{1,3}$/.test(bits))
    return false;
  if (Number(bits) > (family === 'ipv4' ? 32 : 128)) return false;
  const list = new nodeModules.net.BlockList();
  list.addSubnet(network, Number(bits), family);
  return list.check(host, family);
}

const FAMILIES: Readonly<Record<number, 'ipv4' | 'ipv6'>> = { 4: 'ipv4', 6: 'ipv6' };

function unbracketed(host: string): string {
  return host.replace(/^\[(.*)\]$/, '$1');
}
