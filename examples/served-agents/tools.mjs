// The tools of the agents in faultline.yaml. A real one would ask a weather service.
import { defineTool } from 'faultline/runtime';
import { z } from 'zod';

const FORECASTS = new Map([
  ['lisbon', '24 °C, sunny'],
  ['oslo', '9 °C, rain'],
]);

export const getForecast = defineTool({
  name: 'get_forecast',
  description: "Tomorrow's weather in a city.",
  input: z.object({ city: z.string().min(1) }),
  execute: ({ city }) => {
    const forecast = FORECASTS.get(city.toLowerCase());
    if (forecast === undefined) throw new UnknownCityError(`there is no forecast for ${city}`);
    return { city, forecast };
  },
});

class UnknownCityError extends Error {
  name = 'UnknownCityError';
}
