/** A CommonJS application that is set up by its environment. */
require('faultline/register');

const { traceAgent, traceTool } = require('faultline/spans');

void traceAgent({ name: 'helper' }, async () => traceTool({ name: 'get_weather' }, async () => 21));
