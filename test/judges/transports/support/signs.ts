/** Things that happen once and can be waited for, before and after. */
export interface Signs {
  give(sign: string): void;
  given(sign: string): Promise<void>;
}

/** Creates signs, none of which is given. */
export function createSigns(): Signs {
  const signs = new Map<string, { readonly promise: Promise<void>; readonly resolve: () => void }>();
  const of = (sign: string) => {
    let known = signs.get(sign);
    if (known === undefined) {
      let resolve!: () => void;
      const promise = new Promise<void>((settle) => {
        resolve = settle;
      });
      known = { promise, resolve };
      signs.set(sign, known);
    }
    return known;
  };
  return { give: (sign) => of(sign).resolve(), given: (sign) => of(sign).promise };
}
