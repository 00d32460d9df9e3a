/** What `apps/trip.mjs` leaves behind: spans of the application and of Faultline below one another. */
export const TRIP = `
GET /trip
└ agent.invoke helper  turns=1
  └ chat gpt-5-mini  finish=tool-calls in=9 out=2
    └ execute_tool get_weather ! x  error.type=Error point=tool.execution
      └ GET forecast`.trim();
