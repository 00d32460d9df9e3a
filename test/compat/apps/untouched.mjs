/** An application that only makes spans: setting up is left to `faultline/register`. */
import { trip } from './trip.mjs';

await trip();
