export { defined } from '../telemetry/config/records.ts';
