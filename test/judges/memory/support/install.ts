import { installCommand, installPinned } from '../../support/pinned-packages.ts';

const HERE = 'test/judges/memory';

/** Installs the driver: downloads it when its project can be reached, and compiles it otherwise. */
export const INSTALL: string = installCommand(HERE);

export default function install(): void {
  installPinned(HERE);
}
