/** Ends a program: sends what waits and says what became of it. */
export async function report(tracing) {
  const { state, joined } = tracing.status;
  const { status, exported } = await tracing.flush();
  console.log(JSON.stringify({ state, joined, status, exported }));
}
