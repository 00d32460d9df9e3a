// An agent, as small as it gets. Nothing in here needs a model or a key.
import * as Sentry from '@sentry/node';
import { traceAgent, traceChat, traceTool } from 'faultline';

async function askModel(question) {
  return { tool: 'get_weather', arguments: { question } };
}

async function getWeather() {
  throw new Error('the weather service answered 503');
}

/** One run: the model asks for a tool, the tool fails, and the agent answers without it. */
function runHelper(question) {
  return traceAgent({ name: 'trip-helper' }, async () => {
    const wanted = await traceChat({ model: 'gpt-5-mini', provider: 'openai' }, () => askModel(question));
    const weather = await traceTool({ name: wanted.tool }, () => getWeather()).catch(() => undefined);
    return weather ?? 'I cannot see the forecast; pack a light jacket to be safe.';
  });
}

/** A run that fails altogether. */
function runBroken() {
  return traceAgent({ name: 'broken-helper' }, async () => {
    throw new TypeError('this agent has no model to ask');
  });
}

// A request of the application, with what the SDK knows about it.
await Sentry.withIsolationScope(async () => {
  Sentry.setTag('region', 'eu');
  process.stdout.write(`${await runHelper('How is the weather?')}\n`);
  try {
    await runBroken();
  } catch (error) {
    // Reported by Faultline already, with its span and run: the SDK sees that and sends no second Issue.
    Sentry.captureException(error);
  }
});
