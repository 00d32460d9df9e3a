import type { ModelLike } from '../types.ts';

/** Host and port a model's requests go to. */
export interface Server {
  readonly address: string;
  readonly port: number;
}

/**
 * The server behind a model, when the model's configuration tells. No specification has a place for it;
 * every `@ai-sdk/*` package keeps either a base URL or a function that makes one.
 */
export function serverOf(model: ModelLike): Server | undefined {
  try {
    const { config } = model as { config?: { baseURL?: unknown; url?: unknown } };
    const source =
      typeof config?.url === 'function' ? config.url({ path: '/', modelId: model.modelId }) : config?.baseURL;
    const url = new URL(String(source));
    if (url.hostname === '') return undefined;
    const port = url.port === '' ? (url.protocol === 'http:' ? 80 : 443) : Number(url.port);
    return { address: url.hostname.replace(/^\[(.*)\]$/, '$1'), port };
  } catch {
    return undefined;
  }
}
