import { installPinned } from '../../support/pinned-packages.ts';
import { HERE } from './packages.ts';

/** Installs the judges that are not there yet. One that cannot be installed fails its own tests. */
export default function install(): void {
  installPinned(HERE);
}
