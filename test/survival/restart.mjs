/** The next start of the program: it has nothing to do but to end. */
import { setupTracing } from '../../dist/index.js';

setupTracing();
