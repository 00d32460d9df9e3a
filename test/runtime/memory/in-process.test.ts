import { inProcessMemory } from '../../../src/runtime/index.ts';
import { describeMemory } from './contract.ts';

describeMemory('an in-process', inProcessMemory);
